"""A reader who has only the report redoes its numbers from the tables beside it."""

import json
import math

import pandas
import pytest
from scipy.stats import norm, t
from support import measured_study

from synthetic_instruction_tuner.analysis.frames import catalogue
from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.run import write_report

REASON = "A student of a million parameters needs larger steps."


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    benchmarks = [{"name": "arc_easy", "items": 60}, {"name": "verifiable", "items": 60}]
    config = measured_study.settings(
        seeds=[42, 43, 44],
        reasons={"training.arms.*.learning_rate": REASON},
        evaluation={"benchmarks": benchmarks},
        training={
            "student": {"name": "a/b"},
            "arms": [{"name": "sft", "method": "lora", "learning_rate": 5e-3}],
        },
    )
    study = measured_study.build(tmp_path_factory.mktemp("study"), config)
    compare(study)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "find_browser", lambda: None)
        return write_report(study)


@pytest.fixture(scope="module")
def tables(report):
    names = [name for name in report.files if name.endswith(".csv")]
    return {
        name[len("tables/") : -len(".csv")]: pandas.read_csv(report.path(name)) for name in names
    }


def columns_of(tables, model):
    """The columns of items.csv that are the model's training seeds."""
    models = tables["models"].set_index("run")
    if model == "base":
        return ["base"]
    same = models[models["arm"] == models.loc[model, "arm"]]
    return list(same.index)


def scores_from_items(tables, model, benchmark):
    rows = tables["items"][tables["items"]["benchmark"] == benchmark]
    return rows[columns_of(tables, model)].to_numpy(), rows["unit"].tolist()


def test_every_score_is_the_mean_of_items_and_seeds(tables):
    assert len(tables["scores"]) == 4
    for row in tables["scores"].itertuples():
        values, units = scores_from_items(tables, row.model, row.benchmark)
        assert values.mean() == pytest.approx(row.score, abs=1e-12)
        assert (values.shape[1], len(set(units))) == (row.seeds, row.clusters)


def test_an_interval_of_right_or_wrong_items_is_wilsons(tables):
    row = tables["scores"].query("model == 'base' and benchmark == 'arc_easy'").iloc[0]
    values, _ = scores_from_items(tables, "base", "arc_easy")
    n, p, z = len(values), values.mean(), norm.ppf(0.975)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (row.low, row.high) == pytest.approx((middle - half, middle + half), abs=1e-9)


def test_an_interval_over_clusters_is_students(tables):
    row = tables["scores"].query("model == 'base' and benchmark == 'verifiable'").iloc[0]
    values, units = scores_from_items(tables, "base", "verifiable")
    frame = pandas.DataFrame({"residual": values[:, 0] - values.mean(), "unit": units})
    sums = frame.groupby("unit")["residual"].sum()
    count = len(sums)
    error = math.sqrt(count / (count - 1) * (sums**2).sum()) / len(values)
    half = t.ppf(0.975, count - 1) * error
    assert row.low == pytest.approx(max(0.0, values.mean() - half), abs=1e-9)
    assert row.high == pytest.approx(values.mean() + half, abs=1e-9)


def test_differences_and_means_follow_from_the_scores(tables):
    scores = tables["scores"].set_index(["model", "benchmark"])["score"]
    for row in tables["comparisons"].itertuples():
        delta = scores[row.challenger, row.benchmark] - scores[row.reference, row.benchmark]
        assert row.delta == pytest.approx(delta, abs=1e-12)
    means = tables["means"].query("prompt == 'best'")
    assert len(means) == 4
    for row in means.itertuples():
        parts = tables["mean_weights"].query("over == @row.over")
        told = sum(
            one.weight * (scores[row.model, one.benchmark] - one.chance)
            for one in parts.itertuples()
        )
        assert row.score == pytest.approx(told, abs=1e-12)


def test_the_headline_numbers_of_the_report_are_those_of_the_tables(report, tables):
    told = report.path("report.md").read_text("utf-8").replace("\u00a0", " ")
    for row in tables["scores"].itertuples():
        assert f"{100 * row.score:.1f} %" in told


def test_the_other_prompts_of_the_base_are_there_item_by_item(tables):
    known = tables["base_prompts"].set_index("prompt")["score"]
    rows = tables["items"].query("benchmark == 'verifiable'")
    for name, score in known.items():
        column = "base" if f"base, {name}" not in rows else f"base, {name}"
        assert rows[column].mean() == pytest.approx(score, abs=1e-12)


def test_machine_versions_and_settings_are_told(tables):
    machine = tables["machines"].set_index("figure")["value"]
    assert int(machine["cores"]) >= 1
    assert {"system", "processor", "memory_bytes", "packages.python", "packages.torch"} <= {
        *machine.index
    }
    conditions = tables["conditions"].set_index(["of", "condition"])["value"]
    assert conditions["training sft", "precision"] == "float32"
    rate = tables["settings"].set_index("setting").loc["training.arms.sft.learning_rate"]
    assert (float(rate["value"]), bool(rate["departs"]), rate["reason"]) == (5e-3, True, REASON)
    assert float(rate["default"]) == 2e-4
    assert len(tables["provenance"]) > 10


def test_csv_and_data_frames_have_one_source(report, tables, tmp_path):
    store = json.loads(
        (report.folder.parent / "evaluation/metrics/comparison.json").read_text("utf-8")
    )
    made = catalogue.frames(store)
    assert {*made, catalogue.ITEMS} == set(tables)
    assert made["scores"]["score"].tolist() == tables["scores"]["score"].tolist()
    readme = report.path("tables/README.md").read_text("utf-8")
    assert all(f"`{name}.csv`" in readme for name in tables)


def test_text_that_a_spreadsheet_would_run_is_text(tmp_path):
    items = pandas.DataFrame({"item": ["=1+1", "@a", "plain"], "base": [1.0, -0.5, 0.0]})
    store = json.loads(json.dumps(EMPTY))
    catalogue.write(tmp_path / "tables", store, items)
    text = (tmp_path / "tables/items.csv").read_text("utf-8")
    assert text == "item,base\n'=1+1,1.0\n'@a,-0.5\nplain,0.0\n"


NO_ROWS = (
    *("scores", "runs", "subjects", "seeds", "comparisons", "benchmarks", "yardsticks"),
    *("base_prompts", "agents", "constraints", "votes", "scorers", "training", "efficiency"),
    *("pareto", "dataset", "preference", "provenance"),
)
EMPTY = {
    **{name: {} for name in NO_ROWS},
    **{name: [] for name in ("gates", "recommendations", "settings", "machines")},
    "aggregate": {"models": {}, "skills": {}, "gaps": {}},
    "elsewhere": {"models": {}, "skills": {}, "gaps": {}},
    "base_in_template": {"mean": None, "elsewhere": None},
    "character": {"benchmark": None, "models": {}},
    "study": {"name": "empty"},
    "software": {"version": "0"},
}
