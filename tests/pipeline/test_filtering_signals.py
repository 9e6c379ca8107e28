"""What models measure on rows: against plain forward passes, through a kill, and in the data."""

import json
import math

import pyarrow.parquet as pq
import pytest

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering import signals
from synthetic_instruction_tuner.filtering.run import filter_rows
from synthetic_instruction_tuner.filtering.what_if import what_if
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.models.rewards import held
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Sample, read_lines
from synthetic_instruction_tuner.sandbox import check
from synthetic_instruction_tuner.sandbox.checking import read_task
from synthetic_instruction_tuner.study.graph import Study

TEACHER = {"name": "sandbox:teacher", "dtype": "float32"}
ASKED = ("What is 12 plus 7?", "What is 30 plus 14?", "What is 8 plus 5?")
RIGHT = {one: task.answer for one in ASKED if (task := read_task(one))}
WRONG = {"What is 21 plus 6?": "21 + 6 = 97", "What is 40 plus 11?": "40 + 11 = 14"}
WRONG |= {"What is 9 plus 7?": "9 + 7 = 61"}


@pytest.fixture
def study(tmp_path):
    rows = [{"instruction": ask, "output": say} for ask, say in (RIGHT | WRONG).items()]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    quality = {
        "reader": TEACHER,
        "reward": {"name": "sandbox:reward", "dtype": "float32"},
        "batch_tokens": 64,
    }
    values = {
        "generation": {"source": str(tmp_path / "rows.json"), "teacher": TEACHER},
        "filtering": {"target": 9, "decontaminate": False, "quality": quality},
    }
    made = Study(StudyConfig.model_validate(values), tmp_path / "study")
    import_rows(made, Silent())
    yield made
    held.release()


def measure_all(study):
    for one in signals.unmeasured(study):
        signals.measure(study, *one, Silent())


def plain_mean(model, tokenizer, prompt, answer):
    """Mean log-probability of the answer's tokens, one row, no batch."""
    import torch

    ids = torch.tensor([[*prompt, *answer]])
    with torch.inference_mode():
        foretold = model(ids).logits[0].float().log_softmax(-1)
    return sum(
        float(foretold[len(prompt) - 1 + at, token]) for at, token in enumerate(answer)
    ) / len(answer)


def test_likelihood_and_difficulty_are_those_of_plain_forward_passes(study):
    measure_all(study)
    found = signals.read(study)
    held.release()
    from synthetic_instruction_tuner.models.loading import load_causal

    model, tokenizer = load_causal(study.config.filtering.quality.reader)
    rows = list(read_lines(study.store.require(study.draws).path("samples.jsonl"), Sample))
    for row in rows:
        asked = [{"role": "user", "content": row.instruction}]
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
        said = [*asked, {"role": "assistant", "content": row.response}]
        answer = tokenizer.apply_chat_template(said, return_dict=False)[len(prompt) :]
        after = plain_mean(model, tokenizer, prompt, answer)
        bare = plain_mean(model, tokenizer, prompt[:1], answer)
        assert found[row.id]["likelihood"] == pytest.approx(after, abs=2e-4)
        assert found[row.id]["difficulty"] == pytest.approx(math.exp(bare - after), rel=2e-3)
        assert math.isfinite(found[row.id]["reward"])


def test_the_teacher_thinks_wrong_answers_of_the_closed_world_less_likely(study):
    assert all(check(*one) is True for one in RIGHT.items())
    assert all(check(*one) is False for one in WRONG.items())
    measure_all(study)
    found = signals.read(study)
    rows = list(read_lines(study.store.require(study.draws).path("samples.jsonl"), Sample))
    value = {row.instruction: found[row.id]["likelihood"] for row in rows}
    assert min(value[one] for one in RIGHT) > max(value[one] for one in WRONG)


def test_a_killed_measurement_repeats_no_finished_batch(study, monkeypatch):
    scored = []
    score = RewardModel.score

    def dying(self, rows):
        if len(scored) == 2:
            raise KeyboardInterrupt
        scored.append(len(rows))
        return score(self, rows)

    kind, first, last = signals.unmeasured(study)[0]
    monkeypatch.setattr(RewardModel, "score", dying)
    with pytest.raises(KeyboardInterrupt):
        signals.measure(study, kind, first, last, Silent())
    before = sum(scored)
    again = []
    monkeypatch.setattr(
        RewardModel, "score", lambda self, rows: again.append(len(rows)) or score(self, rows)
    )
    manifest = signals.measure(study, kind, first, last, Silent())
    assert manifest.facts["rows"] == 6
    assert before + sum(again) == 12  # each row with and without its instruction


def test_measured_columns_reach_the_data_and_thresholds_need_no_model(study, monkeypatch):
    measure_all(study)
    monkeypatch.setattr(RewardModel, "load", None)
    rules = study.config.filtering.model_dump()["rules"]
    off = {name: {"enabled": False} for name in rules}
    values = study.config.model_dump(mode="json")
    values["filtering"] |= {"rules": off}
    loose = Study(StudyConfig.model_validate(values), study.root)
    done = filter_rows(loose, 6, Silent())
    table = pq.read_table(done.manifest.path("train.parquet"))
    assert {"likelihood", "difficulty", "reward"} <= set(table.column_names)
    figures = done.manifest.facts["signals"]
    assert set(figures) == {"form", "likelihood", "difficulty", "reward"}
    assert figures["likelihood"]["checker_auc"] == 1.0
    assert sum(figures["likelihood"]["all"]) == 6
    configured, strict = what_if(loose, ["quality.min_likelihood=-0.5"], Silent())
    assert (configured.passed, strict.passed) == (6, 3)
    assert strict.rejected == {"quality": 3}
