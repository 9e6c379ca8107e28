"""From scored responses to the data set, on a workspace in which no model has ever run."""

import json
import shutil

import pytest

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.preference.run import build_pairs
from synthetic_instruction_tuner.records import (
    Example,
    PreferencePair,
    Response,
    read_lines,
    write_lines,
)
from synthetic_instruction_tuner.study.graph import Study

# example: split, then reward of (strong, weak); the answers are "strong e0", "weak e0", ...
REWARDS = {
    "e0": ("train", 1.0, 0.0),
    "e1": ("validation", 0.5, 2.0),
    "e2": ("train", 1.0, 1.0),
    "e3": ("train", 0.6, 0.5),
    "e4": ("train", 3.0, 0.0),
}


def study_with_rewards(root, rewards=REWARDS, teacher="some/teacher", **preference):
    config = StudyConfig.model_validate(
        {
            "generation": {"teacher": {"name": teacher}},
            "filtering": {"decontaminate": False},
            "preference": {
                "responders": [
                    {"name": "strong", "model": {"name": "some/strong"}},
                    {"name": "weak", "model": {"name": "some/weak"}},
                ],
                **preference,
            },
        }
    )
    study = Study(config, root)
    examples = [
        Example(name, f"What is {name}?", "x", "sums", 1.0, name, split)
        for name, (split, *_) in rewards.items()
    ]
    with study.store.writing(study.filtered) as folder:
        write_lines(folder / "examples.jsonl", examples)
    study.store.commit(study.filtered, {}, 0.0)
    responses = [
        Response(
            id=f"{who}-{name}",
            example=name,
            responder=who,
            instruction=f"What is {name}?",
            text=f"{who} {name}",
            finish="stop",
            tokens=2,
            reward=values[place],
        )
        for place, who in enumerate(("strong", "weak"))
        for name, (_, *values) in rewards.items()
    ]
    with study.store.writing(study.rewards) as folder:
        write_lines(folder / "rewards.jsonl", responses)
    study.store.commit(study.rewards, {}, 0.0)
    return study


def test_every_kept_example_is_a_pair_or_a_rejection(tmp_path):
    made = build_pairs(study_with_rewards(tmp_path))
    pairs = list(read_lines(made.path("pairs.jsonl"), PreferencePair))
    rejected = [json.loads(line) for line in made.path("rejected.jsonl").read_text().splitlines()]
    assert [(pair.id, pair.split, pair.chosen, pair.rejected) for pair in pairs] == [
        ("e0", "train", "strong e0", "weak e0"),
        ("e1", "validation", "weak e1", "strong e1"),
        ("e4", "train", "strong e4", "weak e4"),
    ]
    assert [(one["id"], one["rule"], one["value"]) for one in rejected] == [
        ("e2", "tie", 0.0),
        ("e3", "margin", 0.1),
    ]
    # all scores are kept, so that another selection needs no model
    assert [one["reward"] for one in rejected[1]["row"]["responses"]] == [0.6, 0.5]


def test_people_and_trainers_get_the_same_pairs(tmp_path):
    from pyarrow import parquet

    made = build_pairs(study_with_rewards(tmp_path))
    train = json.loads(made.path("train.json").read_text())
    assert train == [
        {"prompt": "What is e0?", "chosen": "strong e0", "rejected": "weak e0"},
        {"prompt": "What is e4?", "chosen": "strong e4", "rejected": "weak e4"},
    ]
    table = parquet.read_table(made.path("train.parquet")).to_pylist()
    assert [row["chosen"] for row in table] == [
        [{"role": "assistant", "content": "strong e0"}],
        [{"role": "assistant", "content": "strong e4"}],
    ]
    assert [row["margin"] for row in table] == [1.0, 3.0]
    validation = json.loads(made.path("validation.json").read_text())
    assert [row["prompt"] for row in validation] == ["What is e1?"]


def test_only_the_pairs_wanted_in_order_of_the_examples(tmp_path):
    made = build_pairs(study_with_rewards(tmp_path, pairs=2))
    assert [one.id for one in read_lines(made.path("pairs.jsonl"), PreferencePair)] == ["e0", "e1"]
    assert made.facts["rejected_by_rule"] == {"margin": 1, "surplus": 1, "tie": 1}


def test_figures_are_facts_and_the_card_shows_them(tmp_path):
    made = build_pairs(study_with_rewards(tmp_path))
    assert made.facts["pairs"] == 3
    assert (made.facts["train"], made.facts["validation"]) == (2, 1)
    assert made.facts["mean_margin"] == pytest.approx((1.0 + 1.5 + 3.0) / 3)
    assert made.facts["responders"]["strong"]["chosen_share"] == pytest.approx(2 / 3)
    assert not [name for name in made.facts if name.startswith("checker")]
    card = made.path("README.md").read_text()
    assert "path: train.parquet" in card
    assert "| strong | some/strong | 0.6667 |" in card
    assert "| margin | 1 |" in card


def test_a_second_time_nothing_is_done_and_another_margin_makes_other_pairs(tmp_path):
    study = study_with_rewards(tmp_path)
    made = build_pairs(study)
    assert build_pairs(study) == made
    loose = study_with_rewards(tmp_path, min_margin=0.05)
    assert build_pairs(loose).facts["pairs"] == 4


def test_in_the_closed_world_the_checker_is_asked(tmp_path, monkeypatch):
    from synthetic_instruction_tuner import sandbox

    monkeypatch.setattr(sandbox, "check", lambda instruction, response: "strong" in response)
    monkeypatch.setattr(sandbox, "model_path", lambda role: tmp_path / "model")
    (tmp_path / "model").mkdir()
    made = build_pairs(study_with_rewards(tmp_path / "study", teacher="sandbox:teacher"))
    assert made.facts["checker_agreement"] == pytest.approx((1 + 0 + 0.5 + 1 + 1) / 5)
    assert made.facts["checker_inverted_share"] == pytest.approx(1 / 3)
    assert made.facts["checker_responder_right"] == {"strong": 1.0, "weak": 0.0}


def test_no_pair_at_all_says_why(tmp_path):
    study = study_with_rewards(tmp_path, {"e0": ("train", 1.0, 1.0), "e1": ("train", 0.2, 0.1)})
    with pytest.raises(StageError, match=r"no preference pair.*'margin': 1, 'tie': 1.*min_margin"):
        build_pairs(study)


def test_a_planted_nan_is_found(tmp_path):
    study = study_with_rewards(tmp_path)
    artifact = study.rewards
    lines = (study.store.folder(artifact) / "rewards.jsonl").read_text()
    shutil.rmtree(study.store.folder(artifact))
    with study.store.writing(artifact) as folder:
        (folder / "rewards.jsonl").write_text(lines.replace('"reward": 3.0', '"reward": NaN'))
    study.store.commit(artifact, {}, 0.0)
    with pytest.raises(StageError, match=r"strong-e4 of 'strong' to example e4 has reward=nan"):
        build_pairs(study)


def test_a_missing_response_is_found(tmp_path):
    study = study_with_rewards(tmp_path)
    artifact = study.rewards
    lines = (study.store.folder(artifact) / "rewards.jsonl").read_text().splitlines(keepends=True)
    shutil.rmtree(study.store.folder(artifact))
    with study.store.writing(artifact) as folder:
        (folder / "rewards.jsonl").write_text("".join(lines[:-1]))
    study.store.commit(artifact, {}, 0.0)
    with pytest.raises(StageError, match="e4 has 1 scored responses, not 2"):
        build_pairs(study)
