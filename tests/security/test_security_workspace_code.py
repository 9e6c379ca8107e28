"""What a workspace says never lets code run: only the command line and the study file do."""

import json
import subprocess
import sys

import pytest
from support import training_models
from typer.testing import CliRunner

from synthetic_instruction_tuner.config import ModelConfig, TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError, StageError
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.reference import in_workspace
from synthetic_instruction_tuner.study import workspace
from synthetic_instruction_tuner.training.compatibility import check
from synthetic_instruction_tuner.training.worker import read_job
from tuner.main import app

REVISION = "0123456789abcdef0123456789abcdef01234567"
PLANTED = """
from pathlib import Path
from transformers import PretrainedConfig
Path({mark!r}).touch()
class Planted(PretrainedConfig):
    model_type = "planted"
"""


@pytest.fixture
def planted(tmp_path):
    """A workspace whose study.json asks for the code of a model that leaves a mark."""
    model, root, mark = tmp_path / "model", tmp_path / "ws", tmp_path / "mark"
    training_models.save_tokenizer(model)
    (model / "planted.py").write_text(PLANTED.format(mark=str(mark)))
    config = {"model_type": "planted", "auto_map": {"AutoConfig": "planted.Planted"}}
    (model / "config.json").write_text(json.dumps(config))
    root.mkdir()
    student = {"name": str(model), "revision": REVISION, "trust_remote_code": True}
    told = {"name": "x", "training": {"student": student}}
    (root / "study.json").write_text(json.dumps({"name": "x", "config": told}))
    return root, model, mark


def chat(root, *more):
    return CliRunner().invoke(app, ["chat", "base", "-p", "Hi", "--workspace", str(root), *more])


def test_a_workspace_cannot_switch_code_on(planted):
    root, model, mark = planted
    ended = chat(root)
    assert isinstance(ended.exception, MissingModelError)
    told = f"model {str(model)!r} ships Python code, which is not run: only a study file that you"
    assert str(ended.exception).startswith(told)
    assert not mark.exists()


def test_the_command_line_can(planted):
    root, model, mark = planted
    chat(root, "--trust-remote-code", f"{model}@{REVISION}")
    assert mark.exists()


@pytest.mark.parametrize("value", [True, "true", "yes", 1, "on"])
def test_no_spelling_of_yes_switches_it_on(tmp_path, value):
    model = {"name": "a/b", "revision": REVISION, "trust_remote_code": value}
    told = {
        "name": "x",
        "training": {"student": model},
        "generation": {"teacher": model},
        "preference": {
            "reward": model,
            "responders": [{"name": "one", "model": model}, {"name": "two", "model": model}],
        },
    }
    (tmp_path / "study.json").write_text(json.dumps({"name": "x", "config": told}))
    read = workspace.read_config(tmp_path, [f"a/b@{'1' * 40}"])
    assert "trust_remote_code': True" not in str(read.model_dump())
    assert read.preference.responders[1].model.revision == REVISION


def test_code_beside_weights_that_training_left_is_not_run(planted):
    _, model, mark = planted
    student = ModelConfig(name="a/b", revision=REVISION, trust_remote_code=True)
    with pytest.raises(MissingModelError, match="ships Python code"):
        loading.load_config(in_workspace(student, model))
    assert not mark.exists()


def test_an_arm_that_would_need_code_from_the_workspace_is_refused():
    student = ModelConfig(name="a/b", revision=REVISION, trust_remote_code=True)
    arms = [{"name": "all", "method": "full"}, {"name": "part", "method": "lora"}]
    training = TrainingConfig.model_validate({"student": student, "arms": arms})
    with pytest.raises(ConfigurationError, match="arm 'all': method 'full' ships a whole model"):
        check(training.arms[0], training, None)
    check(training.arms[1], training, None)


def test_a_job_file_that_somebody_changed_is_not_done(tmp_path):
    job = tmp_path / "job.json"
    job.write_text('{"subject": "theirs"}')
    with pytest.raises(StageError, match="was changed after it was written"):
        read_job(job, "0" * 64)
    command = [sys.executable, "-m", "synthetic_instruction_tuner.training.worker", str(job)]
    ended = subprocess.run(
        [*command, "0" * 64], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert "was changed after it was written" in json.loads(ended.stdout)["message"]
