import pytest

from synthetic_instruction_tuner.analysis.cells import sample, score
from synthetic_instruction_tuner.analysis.provenance import find_warnings
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.skills import describe_agents, describe_constraints
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore


def measured(metric, rows):
    """Make a result of (cluster, scores, detail) rows."""
    items = tuple(
        ItemScore(f"i{n}", cluster, "p", "t", scores, detail)
        for n, (cluster, scores, detail) in enumerate(rows)
    )
    result = BenchmarkResult("sft", "x", metric, True, None, len(items), {}, {}, {})
    return Measured(result, items)


def episode(category, level, success, strict, progress, errors, status="completed"):
    scores = {"success": success, "success_strict": strict, "progress": progress}
    detail = {"category": category, "level": level, "errors": errors, "status": status}
    return category, scores, detail


def test_agent_tasks_are_taken_apart_by_category_level_and_error():
    one = measured(
        "success",
        [
            episode("planning", 1, 1.0, 1.0, 1.0, {}),
            episode("planning", 2, 1.0, 0.0, 1.0, {}),
            episode("tool_use", 1, 0.0, 0.0, 0.5, {"wrong tool": 3, "unparsable": 1}),
            episode("tool_use", 1, 0.0, 0.0, 0.0, {"wrong tool": 1}, "step limit"),
        ],
    )
    found = describe_agents({"agent": {"sft": one}, "mmlu": {}}, ["base", "sft"], 0.05)
    assert list(found) == ["agent"]
    assert found["agent"]["base"] is None
    sft = found["agent"]["sft"]
    assert sft["items"] == 4
    assert sft["overall"]["success"] == 0.5
    assert sft["overall"]["success_strict"] == 0.25
    assert sft["overall"]["progress"] == pytest.approx(2.5 / 4)
    assert sft["category"]["planning"]["success"] == 1.0
    assert sft["category"]["tool_use"]["progress"] == 0.25
    # Wilson, 0 of 2: z^2 / (2 + z^2) = 3.8415 / 5.8415
    assert sft["category"]["tool_use"]["low"] == 0.0
    assert sft["category"]["tool_use"]["high"] == pytest.approx(0.6576, abs=5e-5)
    assert {name: one["items"] for name, one in sft["level"].items()} == {"1": 3, "2": 1}
    assert sft["errors"] == {"unparsable": 1, "wrong tool": 2}  # episodes, not occurrences
    assert sft["status"] == {"completed": 3, "step limit": 1}


def test_shares_of_a_category_are_bounded_by_its_families():
    rows = [
        (f"family {n // 10}", {"success": float(n < 10), "success_strict": 0.0, "progress": 0.0},
         {"category": "planning", "level": 1, "errors": {}, "status": "completed"})
        for n in range(40)
    ]  # fmt: skip
    found = describe_agents({"agent": {"sft": measured("success", rows)}}, ["sft"], 0.05)
    one = found["agent"]["sft"]["category"]["planning"]
    # One family of four all right: t(3) = 3.182, standard error 0.25; the share stays in 0..1.
    assert (one["low"], one["high"]) == (0.0, 1.0)


def test_constraints_are_counted_one_by_one():
    rows = [
        ("one", {"accuracy": 1.0}, {"obeyed": {"one_word": True, "no_commas": True}}),
        ("one", {"accuracy": 0.0}, {"obeyed": {"one_word": False}}),
    ]
    results = {"instructions": {"sft": measured("accuracy", rows)}}
    found = describe_constraints(results, ["base", "sft"], 0.05)["instructions"]
    assert found["base"] is None
    assert set(found["sft"]) == {"all on length", "all on words and signs"}, "too few for more"
    assert found["sft"]["all on length"]["items"] == 2
    assert found["sft"]["all on length"]["obeyed"] == 0.5
    words = found["sft"]["all on words and signs"]
    assert words["obeyed"] == 1.0
    assert words["low"] == pytest.approx(1 / (1 + 3.8415), abs=5e-5)


def test_a_constraint_with_ten_items_has_a_line_of_its_own_and_items_count_once_a_kind():
    obeyed = {"one_word": True, "no_commas": False, "upper_case": True}
    rows = [("one", {"accuracy": 0.0}, {"obeyed": obeyed}) for _ in range(10)]
    found = describe_constraints({"x": {"sft": measured("accuracy", rows)}}, ["sft"], 0.05)
    found = found["x"]["sft"]
    assert {name: (one["items"], one["obeyed"]) for name, one in found.items()} == {
        "all on length": (10, 1.0), "all on words and signs": (10, 0.5),
        "one_word": (10, 1.0), "no_commas": (10, 0.0), "upper_case": (10, 1.0),
    }  # fmt: skip


def test_a_study_without_such_benchmarks_has_nothing_to_take_apart():
    ranked = measured("acc", [("one", {"acc": 1.0}, {"response": "A"})])
    assert describe_agents({"mmlu": {"sft": ranked}}, ["sft"], 0.05) == {}
    assert describe_constraints({"mmlu": {"sft": ranked}}, ["sft"], 0.05) == {}


def test_no_success_at_all_does_not_claim_certainty_because_items_are_clustered():
    rows = [(f"family {n % 5}", {"success": 0.0}, {}) for n in range(20)]
    cell = score(sample("agent", {"sft": measured("success", rows)}, seed=1), "sft", 0.05)
    # Wilson, 0 of 20 (Newcombe 1998, table I)
    assert (cell.low, cell.high) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert cell.method == "Wilson"


def test_requests_that_lost_their_beginning_limit_the_conclusions():
    whole = {"chance": 0.25, "requests": 40, "cut_requests": 0}
    store = {
        "study": {"seeds": [1, 2]},
        "benchmarks": {"mmlu": {**whole, "cut_requests": 3}, "arc_easy": whole},
        "base_prompts": {},
        "subjects": {},
        "comparisons": {},
        "yardsticks": {},
    }
    (warning,) = find_warnings(store, {})
    assert warning == {
        "kind": "cut", "benchmarks": {"mmlu": {"requests": 40, "cut_requests": 3}},
    }  # fmt: skip


def test_what_does_not_measure_is_named():
    said = {"answer": "B", "share": 1.0, "one_answer": True}
    store = {
        "study": {"seeds": [1, 2]},
        "base_prompts": {},
        "subjects": {"sft": {}},
        "benchmarks": {"agent": {}, "mmlu": {}, "facts": {}},
        "runs": {"sft": {"agent": 0.0, "mmlu": 0.27, "facts": 1.0}},
        "comparisons": {
            "sft-vs-base": {
                "agent": {"status": "measured", "n": 20, "clusters": 5, "mde": None},
                "mmlu": {"status": "measured", "n": 20, "clusters": 20, "mde": None},
            }
        },
        "yardsticks": {
            "agent": {"state": "floor", "answers": {"sft": None}},
            "mmlu": {"state": "measures", "answers": {"sft": said}},
            "facts": {"state": "ceiling", "answers": {}},
        },
    }
    assert find_warnings(store, {}) == [
        {"kind": "floor", "benchmarks": ["agent"]},
        {"kind": "ceiling", "benchmarks": ["facts"]},
        {"kind": "one answer", "cells": [{"subject": "sft", "benchmark": "mmlu"}]},
        {"kind": "few clusters", "benchmarks": ["agent"]},
    ]
