"""The preset `smollm2` on real weights, from the first draw to the report: `make real`.

REAL_WORKSPACE: where the study and the models lie (workspace/real); a run that was stopped goes on.
REAL_ROWS: a folder of real benchmark rows (docs/evaluation.md); without it the closed world's.
REAL_SET: more settings, separated by spaces, for example a smaller study on a busy machine.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import real_models

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.study.graph import Study

ROOT = Path(os.environ.get("REAL_WORKSPACE", "workspace/real")).resolve()
ROWS = os.environ.get("REAL_ROWS", "")

pytestmark = pytest.mark.real


def assignments() -> list[str]:
    """What differs from the preset where there is no Hub: the models, and the rows."""
    models = ROOT / "models"
    instruct = str(models / real_models.INSTRUCT)
    places = {
        "generation.teacher.name": instruct,
        "preference.responders.calm.model.name": instruct,
        "preference.responders.daring.model.name": instruct,
        "preference.reward.name": instruct,
        "training.student.name": instruct,
        "filtering.duplicates.embedding.name": str(models / real_models.ENCODER),
        "evaluation.data_dir": str(Path(ROWS).resolve()) if ROWS else "sandbox",
    }
    return [
        *(f"{key}={value}" for key, value in places.items()),
        *os.environ.get("REAL_SET", "").split(),
    ]


@pytest.fixture(scope="module")
def study():
    """The finished study."""
    real_models.make(ROOT / "models")
    workspace = ROOT / "study"
    command = [sys.executable, "-m", "tuner.main", "run", "smollm2", "--workspace", str(workspace)]
    changed = assignments()
    subprocess.run([*command, *(f"--set={one}" for one in changed)], check=True)
    return Study(presets.load("smollm2", changed), workspace)


@pytest.fixture(scope="module")
def comparison(study):
    return json.loads(study.store.require(study.comparison).path("comparison.json").read_text())


def test_every_artifact_is_there_and_whole(study):
    assert all(study.store.find(one) is not None for one in study.artifacts())


def test_every_draw_is_kept_or_rejected_with_a_reason(study):
    facts = study.store.require(study.filtered).facts
    lost = sum(step["rejected"] for step in facts["funnel"])
    assert facts["measures"]["drawn"] == facts["measures"]["kept"] + lost
    assert facts["decontaminated"]


def test_pairs_are_in_both_splits_and_chosen_above_rejected(study):
    facts = study.store.require(study.pairs).facts
    assert min(facts["train"], facts["validation"]) >= 1
    assert facts["chosen_above_rejected"] == 1.0


def test_supervised_arms_learn_from_what_was_kept(comparison):
    for name in ("sft", "prompt_tuning"):
        arm = comparison["training"][name]
        assert arm["last"]["loss"] < arm["first"]["loss"], name


def test_every_model_has_a_score_with_an_interval_on_every_benchmark(study, comparison):
    wanted = {one.key for one in study.config.evaluation.benchmarks if one.name != "speed"}
    for name in ("base", "sft", "prompt_tuning", "dpo"):
        scores = comparison["scores"][name]
        assert wanted <= scores.keys()
        for key in wanted:
            one = scores[key]
            assert one["status"] == "measured"
            assert 0 <= one["low"] <= one["score"] <= one["high"] <= 1
            assert math.isfinite(one["score"])


def test_the_fast_scorer_is_used_and_changes_no_choice(comparison):
    for name, one in comparison["scorers"].items():
        assert (one["fast"], one["changed"]) == (one["models"], 0), (name, one)


@pytest.mark.skipif(not ROWS, reason="REAL_ROWS names no folder of real rows")
def test_the_base_answers_easy_questions_better_than_chance(comparison):
    """SmolLM2-135M is right on 40 to 60 % of ARC-Easy in every harness; guessing on 25 %."""
    assert comparison["scores"]["base"]["arc_easy"]["low"] > 0.25


def test_the_report_holds_every_model(study):
    text = (study.root / "reports" / "report.md").read_text(encoding="utf-8")
    assert all(label in text for label in ("Base", "LoRA", "Prompt tuning", "DPO"))
