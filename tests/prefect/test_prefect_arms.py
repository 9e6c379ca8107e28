"""The training stage when arms fail: the others are trained, and the end says which are not."""

import pytest

from flows.training import training
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import run

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]
CONFIG = presets.load("sandbox-smoke")  # arms: sft, prompt_tuning, dpo (which starts from sft)


@pytest.fixture
def trained(monkeypatch):
    """Names of the arms that were tried; those in `errors` fail with what it says."""
    tried: list[str] = []
    errors: dict[str, Exception] = {}

    def train(study: Study, subject, progress):
        tried.append(subject.name)
        if subject.name in errors:
            raise errors[subject.name]
        artifact = study.trained(subject)
        with study.store.writing(artifact) as folder:
            (folder / "run.json").write_text("{}")
        return study.store.commit(artifact, {}, 0.0)

    monkeypatch.setattr(run, "train", train)
    return tried, errors


def test_an_arm_that_crashes_leaves_the_others_and_what_starts_from_it_waits(trained, tmp_path):
    tried, errors = trained
    errors["sft"] = StageError("the training process of arm 'sft' was killed (SIGKILL)")
    with pytest.raises(StageError) as caught:
        training(config=CONFIG, workspace=str(tmp_path))
    assert tried == ["sft", "prompt_tuning"]
    assert str(caught.value) == (
        "2 of 3 arms are not trained (done or left for later: prompt_tuning); run again to go on "
        "from their checkpoints:\n"
        "- sft: the training process of arm 'sft' was killed (SIGKILL)\n"
        "- dpo: starts from 'sft'"
    )
    del errors["sft"]
    training(config=CONFIG, workspace=str(tmp_path))
    assert tried == ["sft", "prompt_tuning", "sft", "dpo"]


def test_a_wrong_setting_ends_the_stage_at_once(trained, tmp_path):
    tried, errors = trained
    errors["sft"] = ConfigurationError("quantization='nf4' does not go with method 'full'")
    with pytest.raises(ConfigurationError, match="does not go with"):
        training(config=CONFIG, workspace=str(tmp_path))
    assert tried == ["sft"]


def test_trials_come_after_the_arms_and_tuned_arms_after_the_trials(trained, tmp_path, monkeypatch):
    tried, errors = trained

    def try_settings(study: Study, trial, progress):
        tried.append(trial.name)
        if trial.name in errors:
            raise errors[trial.name]
        artifact = study.trial(trial)
        with study.store.writing(artifact) as folder:
            (folder / "trial.json").write_text("{}")
        return study.store.commit(artifact, {}, 0.0)

    monkeypatch.setattr(run, "try_settings", try_settings)
    settings = CONFIG.model_dump(mode="json")
    ranges = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    settings["training"]["tuning"] = {"trials": 2, "ranges": ranges}
    config = type(CONFIG).model_validate(settings)
    errors["trials/dpo/001"] = StageError("the training process was killed (SIGKILL)")
    with pytest.raises(StageError, match=r"- dpo_tuned: starts from 'trials/dpo/001'"):
        training(config=config, workspace=str(tmp_path))
    arms = ["sft", "prompt_tuning", "dpo"]
    trials = [f"trials/{arm}/{number}" for arm in arms for number in ("001", "002")]
    assert tried == [*arms, *trials, "sft_tuned", "prompt_tuning_tuned"]
    errors.clear()
    tried.clear()
    training(config=config, workspace=str(tmp_path))
    assert tried == ["trials/dpo/001", "dpo_tuned"]
