import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.preference_models import (
    preference_study,
    save_deberta_reward,
    save_llama_reward,
    save_responder,
)

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.preference.run import (
    build_pairs,
    draw_responses,
    finish_responses,
    missing_spans,
    score_rewards,
)
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Response, write_lines


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "responder": save_responder(root / "responder"),
        "llama": save_llama_reward(root / "llama"),
        "deberta": save_deberta_reward(root / "deberta"),
    }


def study_with_responses(root, models, kind="llama"):
    """A study whose responses lie there without any model having run."""
    study = preference_study(root, models["responder"], models[kind])
    for place, responder in enumerate(study.config.preference.responders):
        artifact = study.responses(responder)
        rows = [
            Response(
                id=f"{responder.name}-{number}",
                example=f"e{number}",
                responder=responder.name,
                instruction=f"How much is 1 plus {number}?",
                text="so " * ((number * 7 + place * 5) % 11 + 1) + str(number + place),
                finish="stop",
                tokens=9,
            )
            for number in range(10)
        ]
        with study.store.writing(artifact) as folder:
            write_lines(folder / "responses.jsonl", rows)
        study.store.commit(artifact, {}, 0.0)
    return study


@pytest.fixture(scope="module")
def undisturbed(models, tmp_path_factory):
    study = study_with_responses(tmp_path_factory.mktemp("undisturbed"), models)
    return score_rewards(study, Silent())


def test_every_response_has_its_reward(undisturbed):
    rows = [json.loads(line) for line in undisturbed.path("rewards.jsonl").read_text().splitlines()]
    assert len(rows) == 30
    assert [row["responder"] for row in rows] == ["cool"] * 10 + ["warm"] * 10 + ["again"] * 10
    assert all(isinstance(row["reward"], float) for row in rows)
    assert undisturbed.files.keys() == {"rewards.jsonl"}
    assert undisturbed.facts["responses"] == 30
    assert undisturbed.facts["batches"] > 3
    assert undisturbed.facts["padding_share"] < 0.2


class Stop(Exception):
    pass


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_an_interrupted_run_ends_with_the_same_bytes(
    models, undisturbed, tmp_path, monkeypatch, batch
):
    study = study_with_responses(tmp_path, models)
    score, calls = RewardModel.score, []

    def interrupted(self, rows):
        if len(calls) == batch:
            raise Stop
        calls.append(len(rows))
        return score(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(RewardModel, "score", interrupted)
        with pytest.raises(Stop):
            score_rewards(study, Silent())
    assert study.store.find(study.rewards) is None
    resumed = score_rewards(study, Silent())
    assert resumed.files == undisturbed.files
    assert score_rewards(study, Silent()) == resumed


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support.preference_models import preference_study
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.preference.run import score_rewards
from synthetic_instruction_tuner.progress import Silent

study = preference_study(Path(sys.argv[1]), Path(sys.argv[2]) / "responder",
                         Path(sys.argv[2]) / "llama")
score, calls = RewardModel.score, []
def killed(self, rows):
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    return score(self, rows)
RewardModel.score = killed
score_rewards(study, Silent())
"""


def test_after_sigkill_and_a_torn_write_the_bytes_are_the_same(models, undisturbed, tmp_path):
    study = study_with_responses(tmp_path, models)
    tests = Path(__file__).parents[1]
    arguments = [str(tmp_path), str(models["llama"].parent), str(tests)]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    folder = study.store.staging(study.rewards)
    journal = folder.with_name(f"{folder.name}.jsonl")
    assert len(journal.read_bytes().splitlines()) == 3  # a header and two batches
    journal.write_bytes(journal.read_bytes()[:-20])  # as if the last write had been torn
    resumed = score_rewards(study, Silent())
    assert resumed.files == undisturbed.files


@pytest.mark.parametrize("step", ["sha256_of", "write_json", "sync"])
def test_killed_within_the_commit_nothing_is_lost_of_what_the_run_said(
    models, undisturbed, tmp_path, monkeypatch, step
):
    study = study_with_responses(tmp_path, models)

    def killed(*_):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(f"synthetic_instruction_tuner.storage.artifacts.{step}", killed)
        with pytest.raises(Stop):
            score_rewards(study, Silent())
    resumed = score_rewards(study, Silent())
    assert (resumed.files, resumed.facts) == (undisturbed.files, undisturbed.facts)
    assert list((tmp_path / ".unfinished").iterdir()) == []


def test_weights_that_give_nan_stop_the_stage_and_keep_what_is_scored(
    models, tmp_path, monkeypatch
):
    study = study_with_responses(tmp_path, models)
    score, calls = RewardModel.score, []

    def overflow(self, rows):
        calls.append(1)
        return score(self, rows) if len(calls) < 3 else [float("nan")] * len(rows)

    monkeypatch.setattr(RewardModel, "score", overflow)
    with pytest.raises(StageError, match=r"reward=nan to response .*dtype='float32'"):
        score_rewards(study, Silent())
    folder = study.store.staging(study.rewards)
    journal = folder.with_name(f"{folder.name}.jsonl")
    assert len(journal.read_bytes().splitlines()) == 3  # a header and two batches


def test_missing_responses_are_named(models, tmp_path):
    study = preference_study(tmp_path, models["responder"], models["llama"])
    with pytest.raises(StageError, match=r"responses/cool.*is missing"):
        score_rewards(study, Silent())


def test_a_pair_input_model_scores_the_stage_too(models, tmp_path):
    study = study_with_responses(tmp_path, models, "deberta")
    assert score_rewards(study, Silent()).facts["format"] == "pair"


def test_from_kept_rows_to_pairs_that_tools_can_load(models, tmp_path):
    import datasets

    study = preference_study(tmp_path, models["responder"], models["llama"], chunk_size=10)
    for responder in study.config.preference.responders:
        for span in missing_spans(study, responder.name):
            draw_responses(study, responder.name, *span, Silent())
        finish_responses(study, responder.name)
    score_rewards(study, Silent())
    made = build_pairs(study)
    facts = made.facts
    assert facts["pairs"] + facts["rejected"] == facts["examples"] == 10
    assert facts["pairs"] >= 2
    assert facts["chosen_above_rejected"] == 1.0
    assert not any(name.startswith("checker") for name in facts)  # not the closed world
    assert build_pairs(study) == made
    loaded = datasets.load_dataset(str(made.folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": facts["train"],
        "validation": facts["validation"],
    }
    (turn,) = loaded["train"][0]["chosen"]
    assert turn["role"] == "assistant"
