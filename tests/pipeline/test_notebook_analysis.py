"""The notebook of the comparison, executed on a finished workspace, every cell explained."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.study.workspace import remember

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    study = measured_study.build(tmp_path_factory.mktemp("study"))
    remember(study)
    compare(study)
    notebook = nbformat.read(FOLDER / "comparative_analysis.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNER_WORKSPACE", str(study.root))
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"], study


def shown(cells, word):
    """What the first cell that holds this word shows."""
    cell = next(one for one in cells if word in one.source)
    data = [one.get("data", {}) for one in cell.outputs]
    texts = [one.get("text", "") for one in cell.outputs]
    return "".join([*texts, *(one.get("text/plain", "") for one in data)]), data


def test_tables_hold_the_numbers_of_the_comparison(executed):
    cells, study = executed
    store = measured_study.store_of(study.store.require(study.comparison))
    table, _ = shown(cells, "measured.pivot(")
    assert str(round(100 * store["scores"]["sft"]["arc_easy"]["score"], 1)) in table
    text, _ = shown(cells, "value_counts()")
    assert "near_duplicate" in text
    assert "101" in text
    gained, _ = shown(cells, "items gained")
    own = {
        name: {
            (key, item.id): item.scores[measured_study.METRIC[key]]
            for key in ("mmlu", "arc_easy", "truthfulqa_mc2")
            for item in measured_study.score_items(name, key, 200)
        }
        for name in ("base", "sft")
    }
    expected = sum(own["sft"][k] == 1 and own["base"][k] == 0 for k in own["base"])
    arc = next(line for line in gained.splitlines() if line.startswith("arc_easy"))
    assert 0 < int(arc.split()[1]) <= expected
    assert study.comparison.identity in shown(cells, 'attrs["provenance"]')[0]


def test_trade_offs_are_drawn_with_plotly(executed):
    cells, _ = executed
    _, data = shown(cells, 'startswith("pareto")')
    assert len(data) == 3
    assert all("application/vnd.plotly.v1+json" in one for one in data)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_is_explained_and_holds_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    before = None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert before == "markdown"
        before = cell.cell_type
