"""Trackers: accelerate's own, told every loss and evaluation, without a change of identity."""

import json

import pytest
from accelerate import tracking
from accelerate.utils import LoggerType
from support import training_models

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import compatibility
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

TRACKIO = """
import json, pathlib
LOG = pathlib.Path({log!r})
config = {{}}
class Run:
    def log(self, values, step=None, **rest):
        with LOG.open("a") as file: file.write(json.dumps([step, values]) + chr(10))
    def finish(self):
        with LOG.open("a") as file: file.write(json.dumps(["finished", config]) + chr(10))
def init(project, name): return Run()
"""


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A package `trackio` that writes down what accelerate's tracker tells it."""
    place = tmp_path / "packages"
    (place / "trackio").mkdir(parents=True)
    (place / "trackio-1.0.dist-info").mkdir()
    (place / "trackio-1.0.dist-info" / "METADATA").write_text("Name: trackio\nVersion: 1.0\n")
    (place / "trackio" / "__init__.py").write_text(TRACKIO.format(log=str(tmp_path / "log")))
    monkeypatch.syspath_prepend(place)
    # What is installed is looked up once a process, when accelerate is imported.
    monkeypatch.setattr(tracking, "_available_trackers", [LoggerType.TRACKIO])
    return tmp_path / "log"


def test_a_tracker_hears_what_the_curve_holds(log, tmp_path):
    student = training_models.save_student(tmp_path / "student")
    arms = [{"name": "lora", "method": "lora", "batch_size": 8, "epochs": 1}]
    plain = training_models.study(tmp_path / "ws", student, arms, rows=18)
    values = plain.config.model_dump(mode="json")
    values["training"]["trackers"] = ["trackio"]
    study = Study(StudyConfig.model_validate(values), plain.root)
    subject = study.subject("lora")
    assert study.trained(subject).identity == plain.trained(subject).identity
    job = make_job(study, subject)
    train(job, lambda event, **fields: None, lambda: False)
    *told, (last, settings) = map(json.loads, log.read_text().splitlines())
    run = json.loads((job.folder / "run.json").read_text())
    losses = [(step, one["train/loss"]) for step, one in told if "train/loss" in one]
    assert losses == [(one["step"], pytest.approx(one["loss"])) for one in run["curve"]]
    held_out = [(step, one["validation/loss"]) for step, one in told if "validation/loss" in one]
    assert held_out == [(one["step"], one["loss"]) for one in run["evaluations"]]
    assert (last, settings["seed"]) == ("finished", 42)


def test_a_tracker_that_is_not_installed_is_named_before_anything_runs(tmp_path):
    values = {"name": "tracked", "training": {"trackers": ["mlflow"]}}
    with pytest.raises(ConfigurationError, match=r"training.trackers: 'mlflow' is not installed"):
        compatibility.check_arms(StudyConfig.model_validate(values).training)
