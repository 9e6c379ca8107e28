"""Results as tables and figures: what programs and notebooks read of a finished study."""

import json

import pandas
import pytest
from support import measured_study

from synthetic_instruction_tuner import open_study
from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.reporting.charts import catalogue, interactive
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.workspace import remember


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = measured_study.build(tmp_path_factory.mktemp("results"))
    remember(made)
    compare(made)
    return made


@pytest.fixture(scope="module")
def found(study):
    return open_study(str(study.root))


def test_rows_in_are_rows_kept_and_rows_rejected_each_with_its_rule(found):
    kept, rejected = found.kept(), found.rejected()
    assert (len(kept), len(rejected)) == (101, 59)  # `measured_study.write_filtered`
    assert rejected["rule"].value_counts().to_dict() == {
        "near_duplicate": 31, "length": 12, "repetition": 9, "truncated": 4, "refusal": 3,
    }  # fmt: skip
    assert kept["split"].value_counts().to_dict() == {"train": 80, "validation": 21}
    assert rejected.loc[0, "instruction"].startswith("Rejected row 0 <script>")


def test_items_hold_every_answer_of_every_model_and_mark_the_base_in_its_best_prompt(found, study):
    items = found.items()
    counted = items[items["counts"]]
    per_cell = counted.groupby(["benchmark", "model"]).size()
    assert set(per_cell) == {200}
    assert len(per_cell) == 6 * len(found.models)
    own = counted[(counted["model"] == "sft") & (counted["benchmark"] == "verifiable")]
    store = measured_study.store_of(study.store.require(study.comparison))
    assert own["score"].mean() == pytest.approx(store["scores"]["sft"]["verifiable"]["score"])
    base = items[(items["model"] == "base") & (items["benchmark"] == "verifiable")]
    assert base.groupby("prompt_form")["counts"].all().to_dict() == {
        "template": False, "qa": True, "qa_4": False,
    }  # fmt: skip
    assert own["target"].iloc[0] == str(int(own["prompt"].iloc[0].split()[2]) + 1)


def test_curves_are_what_training_wrote(found):
    curves = found.curves()
    assert set(curves["model"]) == {"sft", "prompt_tuning", "prompt_tuning_tuned", "dpo"}
    last = curves[(curves["model"] == "dpo") & (curves["split"] == "validation")].iloc[-1]
    assert (last["step"], last["loss"], last["accuracy"]) == (60, 0.443, 0.8)


def test_scores_differences_and_costs_are_those_of_the_report(found, study):
    store = measured_study.store_of(study.store.require(study.comparison))
    scores = found.scores().set_index(["model", "benchmark"])
    assert scores.loc[("dpo", "agent"), "score"] == store["scores"]["dpo"]["agent"]["score"]
    own = found.differences().query("challenger == 'sft' and reference == 'base'")
    assert set(own["benchmark"]) == set(store["benchmarks"])
    cell = own.set_index("benchmark").loc["arc_easy"]
    values = {
        name: {
            one.id: one.scores["acc"] for one in measured_study.score_items(name, "arc_easy", 200)
        }
        for name in ("sft", "base")
    }
    gained = sum(values["sft"][key] - values["base"][key] for key in values["base"])
    assert cell["delta"] == pytest.approx(gained / 200)
    costs = found.costs().set_index("run")
    assert costs.loc["sft", "trained_parameters"] == 77_824  # `measured_study.COST`
    assert costs.loc["dpo", "memory_train"] == 910_000_000
    assert {"criteria", "machines", "settings", "means"} <= set(found.tables)
    assert len(found.table("criteria")) == len(store["gates"])
    with pytest.raises(ConfigurationError, match=r"no table 'score'; there are: scores"):
        found.table("score")


def test_every_table_and_figure_names_the_artifacts_it_was_read_from(found, study):
    told = found.kept().attrs["provenance"]
    assert told["artifacts"]["filtered"]["identity"] == study.filtered.identity
    assert told["study"] == "test-study"
    figure = found.figure("gains")
    meta = figure.layout.meta["provenance"]
    assert meta["artifacts"]["comparison"]["identity"] == study.comparison.identity
    json.dumps(found.items().attrs)


def test_figures_are_those_of_the_page_with_the_same_points(found, study):
    store = Results(measured_study.store_of(study.store.require(study.comparison)))
    charts = catalogue.charts(store)
    assert found.figures == list(charts)
    for name, chart in charts.items():
        page = interactive.describe(chart, store.models)
        drawn = found.figure(name).to_plotly_json()
        assert [list(one["x"]) for one in drawn["data"]] == [one["x"] for one in page["data"]]
        assert drawn["layout"]["title"]["text"] == chart.title
        assert "@" not in json.dumps(drawn["layout"]["shapes"] if "shapes" in page["layout"] else 0)
        assert "[[" not in drawn["layout"]["title"]["subtitle"]["text"]


def test_a_figure_that_is_not_there_names_those_that_are(found):
    with pytest.raises(ConfigurationError, match=r"no figure 'gain'; there are: .*gains"):
        found.figure("gain")


def test_an_empty_table_has_its_columns(tmp_path):
    made = measured_study.build(tmp_path, skip=["filtered"])
    remember(made)
    opened = open_study(tmp_path)
    pairs = opened.pairs()
    assert isinstance(pairs, pandas.DataFrame)
    assert len(pairs) == 0
    assert {"chosen_reward", "rejected_reward", "margin"} <= set(pairs.columns)
    with pytest.raises(StageError, match="run the filtering stage first"):
        opened.kept()


def test_a_folder_without_a_study_is_one_line(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no study; `tuner run` makes one"):
        open_study(tmp_path)
