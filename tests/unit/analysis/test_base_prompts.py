"""The base counts in its best prompt: how it is chosen, and what is said without a choice."""

import json
import shutil

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.base_prompts import (
    Forms,
    counted,
    describe_prompts,
    load_fair_results,
)
from synthetic_instruction_tuner.analysis.cells import Terms
from synthetic_instruction_tuner.analysis.frames.scores import base_prompts
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.verdicts import named_base
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.run import NO_ITEMS, OWN_TEMPLATE, RANKED
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore
from synthetic_instruction_tuner.study.subject import Reading

TERMS = Terms(alpha=0.05, margin=0.02, seed=1)


def scored(*values, upward=True):
    items = tuple(
        ItemScore(f"i{n}", f"i{n}", "p", "t", {"acc": one}, {}) for n, one in enumerate(values)
    )
    result = BenchmarkResult("base", "x", "acc", upward, None, len(values), {}, {}, {})
    return Measured(result, items)


def forms(measured, selection=None, missing=()):
    return Forms(measured, selection or {}, {}, missing)


RIGHT, HALF, WRONG = scored(1.0, 1.0), scored(1.0, 0.0), scored(0.0, 0.0)


def test_the_form_is_chosen_on_items_of_their_own_whatever_the_measured_ones_say():
    found = forms(
        {"template": WRONG, "qa": RIGHT, "qa_4": HALF},
        {"template": WRONG, "qa": HALF, "qa_4": RIGHT},
    )
    assert (found.chosen, found.chosen_on) == ("qa_4", "separate items")


def test_of_equal_forms_the_first_counts():
    found = forms({"template": WRONG, "qa": WRONG}, {"template": HALF, "qa": HALF})
    assert found.chosen == "template"


def test_fewer_is_better_where_the_metric_says_so():
    low, high = scored(1.0, upward=False), scored(2.0, upward=False)
    assert forms({"template": high, "qa": low}, {"template": high, "qa": low}).chosen == "qa"


def test_without_items_of_its_own_the_best_on_the_measured_ones_counts():
    found = forms({"template": HALF, "qa": RIGHT})
    assert (found.chosen, found.chosen_on) == ("qa", "the measured items")


def test_a_form_that_was_not_measured_cannot_be_chosen():
    found = forms({"template": WRONG, "qa": HALF}, {"template": WRONG, "qa_4": RIGHT})
    assert found.chosen == "template"
    assert forms({}).chosen is None
    assert forms({"template": WRONG}).chosen_on == "the only prompt"


@pytest.fixture
def make(tmp_path):
    def build(**values):
        names = ("mmlu", "verifiable")
        benchmarks = [{"name": name, "items": 40} for name in names]
        config = measured_study.settings(
            evaluation={"benchmarks": benchmarks},
            training={"student": {"name": "a/b"}, "arms": [{"name": "sft", "method": "lora"}]},
        )
        skip = [*values.pop("skip", []), "filtered", "pairs"]
        return measured_study.build(tmp_path, config, skip=skip, **values)

    return build


ABLE = {"qa": {"verifiable": 0.9}, "qa_4": {"verifiable": 0.5}}


def test_arms_meet_the_base_in_that_form_and_the_template_is_kept_beside(make, tmp_path):
    study = make(plain=ABLE)
    results, prompts = load_fair_results(study)
    assert results["verifiable"]["base"].result.conditions["base_prompt"] == "qa"
    assert list(results["verifiable"]) == ["base", "sft"]
    assert list(prompts) == ["verifiable"]
    described = describe_prompts(prompts, TERMS)["verifiable"]
    assert (described["chosen"], described["chosen_on"]) == ("qa", "separate items")
    shown = {name: cell["counts"] for name, cell in described["forms"].items()}
    assert shown == {"template": False, "qa": True, "qa_4": False}
    path = study.store.find(study.reading(study.readings[2])).path("items.jsonl")
    whole = path.read_text().count('"accuracy": 1.0') / 40
    assert described["forms"]["qa"]["score"] == pytest.approx(whole)
    assert described["forms"]["qa"]["selection_items"] == 50
    benchmark = study.config.evaluation.benchmarks[1]
    assert counted(study, benchmark) == study.reading(Reading(benchmark, "qa", False))
    store = {"base_prompts": {"verifiable": described}}
    rows = list(base_prompts(store))
    assert [(one["prompt"], one["counts"]) for one in rows] == [
        ("template", False), ("qa", True), ("qa_4", False),
    ]  # fmt: skip
    assert rows[1]["score"] == pytest.approx(whole)
    assert named_base(store, "verifiable") == "the base, asked as Q: … A:"
    assert named_base(store) == "the base in its best prompt"
    assert named_base(store, "mmlu") == "the base"


def test_a_reading_of_other_items_is_an_error_that_names_it(make):
    study = make(plain=ABLE)
    reading = next(one for one in study.readings if one.prompt == "qa" and not one.selecting)
    fewer = reading._replace(benchmark=reading.benchmark.model_copy(update={"items": 39}))
    measured_study.write_reading(study, fewer, ABLE["qa"])
    made = study.store.folder(study.reading(fewer))
    items, result = (
        (made / "items.jsonl").read_text(),
        json.loads((made / "result.json").read_text()),
    )
    with study.store.writing(study.reading(reading)) as folder:
        (folder / "items.jsonl").write_text(items)
        (folder / "result.json").write_text(json.dumps(result))
    shutil.rmtree(made)
    study.store.commit(study.reading(reading), {}, 1.0)
    with pytest.raises(StageError, match=r"qa and the template cannot be compared: the items dif"):
        load_fair_results(study)


@pytest.mark.parametrize("reason", [OWN_TEMPLATE, RANKED, NO_ITEMS])
def test_what_is_left_out_says_why(make, reason):
    study = make(skip=["base/template", "base/qa", "base/qa_4"])
    for one in study.readings:
        if one.selecting or reason != NO_ITEMS:
            measured_study.write(study, study.reading(one), {"left_out": reason}, 0.0, left_out={})
        else:
            measured_study.write_reading(study, one, {"verifiable": 0.9})
    results, prompts = load_fair_results(study)
    if reason == RANKED:
        assert prompts == {}
        return
    described = describe_prompts(prompts, TERMS)["verifiable"]
    if reason == NO_ITEMS:
        assert (described["chosen"], described["chosen_on"]) == ("qa", "the measured items")
        assert described["left_out"] is None
    else:
        assert (described["chosen"], described["chosen_on"]) == ("template", "the only prompt")
        assert described["left_out"] == "the student brings a chat template"
        assert described["forms"]["qa"]["reason"] == "the student brings a chat template"
        assert "base_prompt" not in results["verifiable"]["base"].result.conditions
    assert described["missing"] == []


def test_forms_that_were_not_measured_yet_are_named(make):
    _, prompts = load_fair_results(make(plain=ABLE, skip=["base/qa"]))
    described = describe_prompts(prompts, TERMS)["verifiable"]
    assert described["missing"] == ["qa"]
    assert described["chosen"] == "qa_4"
    assert described["forms"]["qa"]["status"] == "not measured"
