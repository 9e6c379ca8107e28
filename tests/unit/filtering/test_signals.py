"""Thresholds on what models measured, its figures, and the identities that it leaves alone."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from synthetic_instruction_tuner.config import QualityConfig, StudyConfig
from synthetic_instruction_tuner.filtering import statistics
from synthetic_instruction_tuner.filtering.decision import decide
from synthetic_instruction_tuner.filtering.signal_statistics import (
    interval,
    rank_correlation,
    separation,
)
from synthetic_instruction_tuner.filtering.signals import violation
from synthetic_instruction_tuner.models.rewards.formats import SCORED, alone
from synthetic_instruction_tuner.records import Example, Sample, from_json, to_json
from synthetic_instruction_tuner.study.graph import Study

TEACHER = {"name": "sandbox:teacher"}
THRESHOLDS = QualityConfig.model_validate(
    {
        "reader": TEACHER,
        "reward": {"name": "sandbox:reward"},
        "min_likelihood": -0.5,
        "min_reward": 1.0,
        "min_difficulty": 0.1,
        "max_difficulty": 1.0,
    }
)
SAID = "Water boils when its vapour pressure reaches the pressure of the air that lies above it."


@pytest.mark.parametrize(
    ("likelihood", "difficulty", "reward", "found"),
    [
        (-0.5, 0.1, 1.0, None),
        (-0.51, 0.5, 2.0, ("likelihood -0.51", "at least -0.5")),
        (-0.1, 0.05, 2.0, ("difficulty 0.05", "at least 0.1")),
        (-0.1, 1.2, 2.0, ("difficulty 1.2", "at most 1.0")),
        (-0.1, 0.5, 0.9, ("reward 0.9", "at least 1.0")),
    ],
)
def test_a_row_goes_for_the_first_threshold_that_it_misses(likelihood, difficulty, reward, found):
    signals = {"likelihood": likelihood, "difficulty": difficulty, "reward": reward}
    assert violation(signals, THRESHOLDS) == found
    assert violation({}, THRESHOLDS) is None


def test_a_threshold_without_its_model_is_refused():
    for field in ("min_likelihood", "min_difficulty", "max_difficulty", "min_reward"):
        with pytest.raises(ValidationError, match=r"need"):
            QualityConfig.model_validate({field: 0.5})


def test_rows_below_are_rejected_for_quality_and_kept_ones_show_what_was_measured():
    rows = [
        Sample(f"r{n}", n, "general", "", f"Why does {word} boil at this pressure?", SAID)
        for n, word in enumerate(["water", "milk", "oil", "wax", "tea", "lead", "broth"])
    ]
    config = StudyConfig.model_validate(
        {"filtering": {"quality": {"reader": TEACHER, "min_likelihood": -0.5}}}
    ).filtering
    measured = {row.id: {"likelihood": -0.1 * row.index} for row in rows}
    decision = decide(rows, config, [], 42, measured=measured)
    assert [one.id for one in decision.kept] == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert decision.kept[2].signals == {"likelihood": -0.2}
    (rejected,) = decision.rejected
    assert (rejected.id, rejected.rule) == ("r6", "quality")
    assert {"step": "quality", "in": 7, "rejected": 1, "left": 6} in statistics.funnel(decision)
    unmeasured = decide(rows, config, [], 42)
    assert all(one["step"] != "quality" for one in statistics.funnel(unmeasured))


def test_rows_without_signals_are_written_as_ever_and_others_read_back():
    plain = Example("a", "Ask", "Say", "general", 0.5, "a", "train")
    assert "signals" not in json.loads(to_json(plain))
    measured = Example("a", "Ask", "Say", "general", 0.5, "a", "train", signals={"reward": 1.5})
    assert from_json(to_json(measured), Example) == measured


def test_identities_change_with_models_and_thresholds_alone(tmp_path):
    def identity(**quality):
        config = StudyConfig.model_validate({"filtering": {"quality": quality}})
        return Study(config, Path(tmp_path)).filtered.identity

    assert "quality" not in Study(StudyConfig(), tmp_path).filtered.config
    assert identity() == identity(batch_tokens=64)
    read = identity(reader=TEACHER)
    assert len({identity(), read, identity(reader=TEACHER, min_likelihood=-1)}) == 3
    assert read == identity(reader=TEACHER, batch_tokens=64)


def test_separation_counts_pairs_and_ties_half():
    assert separation([3, 2], [1, 2]) == 3.5 / 4  # 3>1, 3>2, 2>1, 2=2
    assert separation([1, 2], [3, 4, 5]) == 0


def test_interval_of_an_area():
    # Hanley and McNeil for 0.5 and ten of each: variance (0.25 + 18 / 12) / 100.
    low, high = interval(0.5, 10, 10)
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.0175**0.5, 0.5 + 1.96 * 0.0175**0.5))


def test_rank_correlation_is_none_where_nothing_varies():
    assert rank_correlation([1, 2, 3], [10, 30, 20]) == 0.5
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_without_its_prompt_a_row_is_its_first_token_and_what_is_scored():
    row = {"input_ids": [1, 7, 8, 9, 4, 5, 2], SCORED: [0, 0, 0, 0, 1, 1, 1]}
    assert alone(row) == {"input_ids": [1, 4, 5, 2], SCORED: [0, 1, 1, 1]}
