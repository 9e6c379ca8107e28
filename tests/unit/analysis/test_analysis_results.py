import dataclasses
import shutil

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.results import (
    Measured,
    find_difference,
    load_results,
    require_equal_terms,
)
from synthetic_instruction_tuner.analysis.transcripts import choose_transcripts
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore


def measured(subject="base", values=(1.0, 0.0, 1.0), **conditions):
    items = tuple(
        ItemScore(f"i{n}", f"i{n}", f"p{n}", f"t{n}", {"acc": value}, {})
        for n, value in enumerate(values)
    )
    terms = {"precision": "float32", "batch_size": 8} | conditions
    score = sum(values) / len(values)
    result = BenchmarkResult(
        subject, "arc_easy", "acc", True, 0.25, len(items), {"acc": score}, terms, {}
    )
    return Measured(result, items)


def change(one, position, **fields):
    items = list(one.items)
    items[position] = dataclasses.replace(items[position], **fields)
    return Measured(one.result, tuple(items))


def test_the_same_terms_may_be_compared():
    assert find_difference(measured(), measured("sft", (0.0, 0.0, 1.0))) is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (change(measured("sft"), 1, prompt_hash="other"), "prompt_hash of item i1 differs"),
        (change(measured("sft"), 1, target_hash="other"), "target_hash of item i1 differs"),
        (change(measured("sft"), 2, cluster="other"), "cluster of item i2 differs"),
        (change(measured("sft"), 0, id="swapped"), "the items differ"),
        (measured("sft", (1.0, 0.0)), "the items differ"),
        (measured("sft", (1.0, 0.0, 1.0, 1.0)), "the items differ"),
        (measured("sft", precision="float16"), "precision is 'float32' and 'float16'"),
        (measured("sft", batch_size=4), "batch_size is 8 and 4"),
        (measured("sft", template="x"), "template is None and 'x'"),
    ],
)
def test_unequal_terms_are_an_error_that_names_what_differs(other, said):
    with pytest.raises(StageError, match="arc_easy: base and sft cannot be compared") as error:
        require_equal_terms("arc_easy", {"base": measured(), "sft": other})
    assert said in str(error.value)


@pytest.fixture
def small(tmp_path):
    config = measured_study.settings(
        items=6,
        evaluation={"benchmarks": [{"name": "arc_easy", "items": 6}]},
        training={"student": {"name": "a/b"}, "arms": [{"name": "sft", "method": "lora"}]},
    )
    return measured_study.build(tmp_path, config, skip=["filtered", "pairs"])


def rewrite(study, model, **changes):
    """Commit a result with some fields changed, under a valid manifest."""
    benchmark = study.config.evaluation.benchmarks[0]
    items = measured_study.score_items(model, "arc_easy", 6)
    score = sum(one.scores["acc"] for one in items) / len(items)
    fields = {
        "subject": model, "benchmark": "arc_easy", "metric": "acc",
        "higher_is_better": True, "chance": 0.25, "items": len(items), "scores": {"acc": score},
        "conditions": {"precision": "float32", "batch_size": 16, "template": "generation"},
        "measurements": {},
    }  # fmt: skip
    artifact = study.result(study.subject(model), benchmark)
    facts = measured_study.measured_with(study, study.subject(model))
    measured_study.write(study, artifact, facts, 1.0, result=fields | changes, items=items)


def test_results_are_read_by_benchmark_and_model(small):
    results = load_results(small)
    assert {key: sorted(row) for key, row in results.items()} == {"arc_easy": ["base", "sft"]}
    assert len(results["arc_easy"]["sft"].values) == 6


def test_a_deleted_file_means_not_measured(small):
    (small.root / "evaluation/results/sft/arc_easy/items.jsonl").unlink()
    assert sorted(load_results(small)["arc_easy"]) == ["base"]


def test_an_edited_file_means_not_measured(small):
    path = small.root / "evaluation/results/sft/arc_easy/items.jsonl"
    path.write_text(path.read_text().replace('"acc": 0.0', '"acc": 1.0', 1))
    assert sorted(load_results(small)["arc_easy"]) == ["base"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": "dpo"}, "holds the result of dpo"),
        ({"items": 7}, "counts 7 items"),
        ({"scores": {"acc": 0.999}}, "its items average"),
        ({"metric": "f1"}, "f1=None, not a number"),
    ],
)
def test_a_result_that_contradicts_itself_is_an_error(small, changes, said):
    rewrite(small, "sft", **changes)
    with pytest.raises(StageError, match=said):
        load_results(small)


def test_a_score_that_is_no_number_is_an_error(small):
    folder = small.root / "evaluation/results/sft/arc_easy"
    rewrite(small, "sft")
    text = (folder / "items.jsonl").read_text().replace('"acc": 0.0', '"acc": NaN', 1)
    benchmark = small.config.evaluation.benchmarks[0]
    artifact = small.result(small.subject("sft"), benchmark)
    result = (folder / "result.json").read_text()
    with small.store.writing(artifact) as staging:
        (staging / "items.jsonl").write_text(text)
        (staging / "result.json").write_text(result)
    shutil.rmtree(folder)
    small.store.commit(artifact, measured_study.measured_with(small, small.subject("sft")), 1.0)
    with pytest.raises(StageError, match="acc=nan, not a number"):
        load_results(small)


def answered(name, identity, **detail):
    item = ItemScore(identity, "group", "p", "t", {"acc": 1.0}, detail)
    result = BenchmarkResult("base", name, "acc", True, None, 1, {"acc": 1.0}, {}, {})
    return {"base": Measured(result, (item,))}


def test_transcripts_show_what_models_wrote_not_the_letters_they_ranked():
    ranked = answered("mmlu", "a", question="Q", response="C", loglikelihoods=[-1.0, -2.0])
    written = answered("instructions", "b", prompt="Say hello.", response="Hello.")
    checked = answered("verifiable", "c", prompt="Add 2 and 3.", response="5", target="5")
    found = choose_transcripts({"mmlu": ranked, "instructions": written}, ["base"], 3, 1)
    assert [(one["benchmark"], one["prompt"]) for one in found] == [("instructions", "Say hello.")]
    found = choose_transcripts({"instructions": written, "verifiable": checked}, ["base"], 3, 1)
    assert found[0]["answers"] == {"base": {"response": "5", "score": 1.0}}
