"""Arms tuned on a tiny student: trials, what is chosen, what is trained again, what is told."""

import json

import pytest
from support import training_models

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.analysis import tuning as told
from synthetic_instruction_tuner.analysis.subjects import declared_pairs, describe_subjects
from synthetic_instruction_tuner.errors import ConfigurationError, DivergedError
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables_tuning
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import run, tuning
from synthetic_instruction_tuner.training.session import train

FAST = {"batch_size": 8, "epochs": 1}
ARMS = [
    {"name": "sft", "method": "lora", "learning_rate": 1e-6, **FAST},
    {"name": "dpo", "method": "dpo", "start_from": "sft", "learning_rate": 1e-6, **FAST},
]
TUNING = {
    "trials": 2,
    "ranges": {"learning_rate": [1e-5, 1e-2]},
    "arms": {"sft": {"learning_rate": [1e-2, 10]}},
}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study whose arms, trials and tuned arms are trained, in this process."""
    root = tmp_path_factory.mktemp("tuned")
    student = training_models.save_student(root / "student")
    study = training_models.study(root / "ws", student, ARMS, rows=18, tuning=TUNING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_listen", lambda job, _: train(job, lambda *_, **__: None, bool))
        for name in ("sft", "dpo"):
            run.train(study, study.subject(name), progress.start("t"))
        with pytest.raises(ConfigurationError, match="arm 'sft': 1 of 3 trainings are done"):
            run.train(study, study.subject("sft_tuned"), progress.start("t"))
        for trial in (*study.trials("sft"), *study.trials("dpo")):
            run.try_settings(study, trial, progress.start("t"))
        for name in ("sft_tuned", "dpo_tuned"):
            run.train(study, study.subject(name), progress.start("t"))
    return study


def test_the_lowest_validation_loss_is_chosen(tuned: Study) -> None:
    found = tuning.tried(tuned, "sft")
    assert [one.number for one in found] == [0, 1, 2]
    assert {one.metric for one in found} == {"loss"}
    best = tuning.best(tuned, "sft")
    assert best.settings == {"learning_rate": 1e-2}
    assert best.score == min(one.score for one in found if one.score is not None)
    arm = tuning.settled(tuned, tuned.subject("sft_tuned"))
    assert (arm.name, arm.learning_rate) == ("sft_tuned", 1e-2)


def test_the_tuned_arm_is_what_its_trial_was(tuned: Study) -> None:
    runs = [
        json.loads((tuned.root / f"models/{name}/run.json").read_text())
        for name in ("sft_tuned", f"trials/sft/{tuning.best(tuned, 'sft').number:03d}")
    ]
    assert runs[0]["evaluations"] == runs[1]["evaluations"]
    assert (tuned.root / "models/sft_tuned/final/adapter_model.safetensors").is_file()


def test_a_trial_leaves_figures_and_no_weights(tuned: Study) -> None:
    folder = tuned.root / "models/trials/dpo/001"
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "run.json", "trial.json"}
    assert not list((tuned.root / "models/trials").rglob("*.safetensors"))


def test_pairs_are_chosen_by_their_ranking(tuned: Study) -> None:
    found = tuning.tried(tuned, "dpo")
    assert {one.metric for one in found} == {"accuracy"}
    best = tuning.best(tuned, "dpo")
    assert best.score == max(one.score for one in found if one.score is not None)


def test_the_report_has_every_trial_and_what_it_cost(tuned: Study) -> None:
    found = told.describe(tuned)["sft"]
    assert isinstance(found, dict)
    assert (found["done"], found["wanted"], found["changes"]) == (3, 3, "learning rate 0.01")
    assert found["best"] < found["specified"]
    trials = found["trials"]
    assert found["seconds"] == pytest.approx(sum(one["seconds"] for one in trials.values()))
    subjects = describe_subjects(tuned)
    assert subjects["sft_tuned"]["label"] == "LoRA, tuned"
    assert subjects["sft_tuned"]["settings"]["learning_rate"] == 1e-2
    assert "sft_tuned-vs-sft" in {pair.key for pair in declared_pairs(tuned)}
    tables = _tables(tuned)
    assert tables["tuning"][0][1].text == "[[tuning/sft/done|count]] of [[tuning/sft/wanted|count]]"
    assert len(tables["trials"]) == 6


def _tables(study: Study) -> dict:
    data = {"subjects": describe_subjects(study), "tuning": told.describe(study)}
    results = Results(data)
    made = (tables_tuning.tuning(results), tables_tuning.trials(results))
    return {one.name: one.rows for one in made if one is not None}


def test_a_trial_that_diverges_is_counted_and_never_chosen(
    tuned: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = tuned.trials("sft")[0]._replace(number=9)

    def diverges(job: object, _: object) -> None:
        raise DivergedError("loss nan at step 2 of 2")

    monkeypatch.setattr(run, "_listen", diverges)
    run.try_settings(tuned, trial, progress.start("t"))
    one = tuning.Tried(**json.loads((tuned.root / "models/trials/sft/009/trial.json").read_text()))
    assert (one.score, one.reason) == (None, "loss nan at step 2 of 2")
    assert one.rank > max(other.rank for other in tuning.tried(tuned, "sft"))


def test_more_trials_keep_those_that_are_done(tuned: Study) -> None:
    studies = []
    for trials in (2, 4):
        settings = tuned.config.model_dump(mode="json")
        ranges = {"epochs": {"low": 0.5, "high": 1.0}}
        settings["training"]["tuning"] = {"trials": trials, "ranges": ranges}
        studies.append(Study(type(tuned.config).model_validate(settings), tuned.root))
    two, four = ([one.trial(trial).identity for trial in one.trials("sft")] for one in studies)
    assert four[:2] == two
    same = {one.trained(one.subject("sft")).identity for one in (*studies, tuned)}
    assert len(same) == 1
    assert len({one.trained(one.subject("sft_tuned")).identity for one in studies}) == 2
