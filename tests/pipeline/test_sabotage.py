"""A finished study, sabotaged one way at a time, ends in a clear error or "not measured".

Never in a number. A clumsy saboteur edits a file; a careful one also writes the new hash into the
manifest. What the evaluation itself refuses is in test_evaluation_traps.py.
"""

import json
import shutil
from pathlib import Path

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.run import set_aside_outdated, write_report
from synthetic_instruction_tuner.storage.files import sha256_of
from synthetic_instruction_tuner.storage.manifests import sealed
from synthetic_instruction_tuner.study.graph import Study

NOT_MEASURED = {"status": "not measured"}
CONFIG = measured_study.settings(
    items=40,
    evaluation={
        "benchmarks": [
            {"name": "arc_easy", "items": 40},
            {"name": "verifiable", "items": 40},
            {"name": "speed"},
        ]
    },
    training={
        "student": {"name": "a/b"},
        "arms": [
            {"name": "sft", "method": "lora"},
            {"name": "prompt_tuning", "method": "prompt_tuning"},
        ],
    },
)
SFT = Path("evaluation/results/sft/arc_easy")
BASE = Path("evaluation/results/base/arc_easy")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "find_browser", lambda: None)
        study = measured_study.build(tmp_path_factory.mktemp("finished") / "ws", CONFIG)
        compare(study)
        write_report(study)
        yield study


@pytest.fixture
def study(finished, tmp_path):
    shutil.copytree(finished.root, tmp_path / "ws")
    return Study(CONFIG, tmp_path / "ws")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def cover_up(folder: Path) -> None:
    """Write the hashes of the altered files into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))


def again(study: Study) -> dict:
    """Make comparison and report anew, as `tuner run` does."""
    set_aside_outdated(study)
    return measured_study.store_of(compare(study))


def test_the_untouched_study_is_not_made_again(study):
    before = study.store.require(study.report).created
    store = again(study)
    assert store["scores"]["sft"]["arc_easy"]["status"] == "measured"
    assert write_report(study).created == before


# --- a clumsy saboteur: files change, manifests do not ------------------------------------------


def swap_items(root):
    other = (root / BASE / "items.jsonl").read_bytes()
    (root / SFT / "items.jsonl").write_bytes(other)


def drop_an_item(root):
    path = root / SFT / "items.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


CLUMSY = {
    "an edited score": lambda root: edit(root / SFT / "items.jsonl", '"acc": 0.0', '"acc": 1.0'),
    "an edited mean": lambda root: edit(root / SFT / "result.json", '"acc": 0.', '"acc": 0.9'),
    "items of another model": swap_items,
    "an item less": drop_an_item,
    "a deleted result": lambda root: (root / SFT / "result.json").unlink(),
    "deleted items": lambda root: (root / SFT / "items.jsonl").unlink(),
    "a deleted manifest": lambda root: (root / SFT / "manifest.json").unlink(),
    "a torn manifest": lambda root: (root / SFT / "manifest.json").write_text('{"schema": 1, "st'),
    "nothing left": lambda root: shutil.rmtree(root / SFT),
}


@pytest.mark.parametrize("name", CLUMSY)
def test_a_damaged_result_reads_not_measured(study, name):
    CLUMSY[name](study.root)
    store = again(study)
    assert store["scores"]["sft"]["arc_easy"] == NOT_MEASURED
    cell = store["comparisons"]["sft-vs-base"]["arc_easy"]
    assert cell["status"] == "not measured"
    assert "p" not in cell
    assert store["aggregate"]["benchmarks"] == ["verifiable"]  # what every model still has
    missing = next(one for one in store["warnings"] if one["kind"] == "missing")
    assert missing["cells"] == [{"subject": "sft", "benchmark": "arc_easy"}]


def test_the_report_says_so_too(study):
    CLUMSY["an edited score"](study.root)
    compare(study)
    text = write_report(study).path("report.md").read_text("utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    row = next(at for at, cells in enumerate(lines) if cells[0] == "ARC-Easy (40 items)")
    head = next(cells for cells in reversed(lines[:row]) if cells[0] == "Benchmark")
    scores = dict(zip(head, lines[row], strict=True))
    assert scores["LoRA"] == "not measured"
    assert "not measured" not in scores["Prompt tuning"]


def test_edited_data_make_no_figures_and_no_gates(study):
    edit(study.root / "data/filtered/examples.jsonl", "Name the number", "Tell the number")
    store = again(study)
    assert store["dataset"] == NOT_MEASURED
    states = {one["name"]: one["state"] for one in store["gates"]}
    assert states["kept_rows"] == states["quality"] == "not measured"


def test_an_edited_training_record_has_no_costs(study):
    edit(study.root / "models/sft/run.json", '"train_seconds": 41.5', '"train_seconds": 1.5')
    store = again(study)
    assert store["training"]["sft"] == NOT_MEASURED
    assert store["efficiency"]["sft"]["train_seconds"] is None


@pytest.mark.parametrize("name", ["comparison.json", "tables/comparisons.csv", "gates.json"])
def test_edited_or_deleted_metrics_are_computed_again(study, name):
    before = measured_study.store_of(study.store.require(study.comparison))
    path = study.root / "evaluation/metrics" / name
    path.write_text(path.read_text().replace("0.", "0.9"))
    assert again(study) == before
    (study.root / "evaluation/metrics" / name).unlink()
    assert again(study) == before


def test_an_edited_report_is_written_again(study):
    before = study.store.require(study.report).files
    edit(study.root / "reports/report.md", "LoRA", "ours")
    assert study.store.find(study.report) is None
    assert write_report(study).files == before


# --- a careful saboteur: manifests agree with what was altered ----------------------------------


def swap_folders(root):
    spare = root / "spare"
    shutil.move(root / SFT, spare)
    shutil.move(root / "evaluation/results/prompt_tuning/arc_easy", root / SFT)
    shutil.move(spare, root / "evaluation/results/prompt_tuning/arc_easy")


def test_results_of_two_arms_in_each_others_place_are_not_measured(study):
    swap_folders(study.root)
    store = again(study)
    assert store["scores"]["sft"]["arc_easy"] == NOT_MEASURED
    assert store["scores"]["prompt_tuning"]["arc_easy"] == NOT_MEASURED


@pytest.mark.parametrize("change", ["weights", "arm"])
def test_scores_of_another_adapter_under_the_same_name_are_not_measured(study, change):
    folder = study.root / "models/sft"
    if change == "weights":
        (folder / "final/adapter_model.safetensors").write_bytes(b"other weights")
    else:
        shutil.copytree(study.root / "models/prompt_tuning/final", folder / "final",
                        dirs_exist_ok=True)  # fmt: skip
    cover_up(folder)
    store = again(study)
    assert store["scores"]["sft"]["arc_easy"] == NOT_MEASURED
    assert store["scores"]["sft"]["verifiable"] == NOT_MEASURED
    assert store["efficiency"]["sft"]["generation_tokens_per_second"] is None
    assert store["scores"]["prompt_tuning"]["arc_easy"]["status"] == "measured"


CAREFUL = {
    "a score": ("items.jsonl", '"acc": 0.0', '"acc": 1.0', "its items average"),
    "a score that is none": ("items.jsonl", '"acc": 0.0', '"acc": NaN', "acc=nan, not a number"),
    "a mean that is none": ("result.json", '"acc": ', '"acc": NaN, "x": ', "acc=nan is not a"),
    "no mean": ("result.json", '"acc": ', '"f1": ', "says acc=None"),
    "an infinite one": ("result.json", '"scores": {', '"scores": {"x": Infinity,', "x=inf is not"),
    "another prompt": ("items.jsonl", '"prompt_hash": "', '"prompt_hash": "0', "prompt_hash of"),
    "another target": ("items.jsonl", '"target_hash": "', '"target_hash": "0', "target_hash of"),
    "another item": ("items.jsonl", '"id": "', '"id": "0', "the items differ"),
    "other conditions": ("result.json", '"batch_size": 16', '"batch_size": 8', "batch_size is"),
    "another precision": ("result.json", '"float32"', '"float16"', "precision is"),
    "another model": ("result.json", '"subject": "sft"', '"subject": "dpo"', "result of dpo"),
    "another metric": ("result.json", '"metric": "acc"', '"metric": "f1"', "f1=None, not a number"),
    "another count": ("result.json", '"items": 40', '"items": 41', "counts 41 items"),
    "no JSON": ("result.json", "{", "", "is not a benchmark result"),
    "no record": ("items.jsonl", '"scores"', '"skores"', "is not a ItemScore"),
}


@pytest.mark.parametrize("name", CAREFUL)
def test_a_result_that_was_altered_with_care_is_an_error(study, name):
    file, old, new, said = CAREFUL[name]
    edit(study.root / SFT / file, old, new)
    cover_up(study.root / SFT)
    with pytest.raises(StageError, match=said):
        again(study)


def test_a_speed_that_is_no_number_is_an_error(study):
    folder = study.root / "evaluation/results/sft/speed"
    edit(folder / "result.json", '"tokens_per_second": 240.0', '"tokens_per_second": NaN')
    cover_up(folder)
    with pytest.raises(StageError, match="tokens_per_second=nan is not a number"):
        again(study)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"train_seconds": 41.5', '"train_seconds": NaN'), ('"loss": ', '"loss": Infinity, "x": ')],
)
def test_a_training_record_with_what_is_no_number_is_an_error(study, old, new):
    folder = study.root / "models/sft"
    edit(folder / "run.json", old, new)
    cover_up(folder)
    with pytest.raises(StageError, match=r"run.json is not a training run: .*is not a number"):
        again(study)


def test_rows_that_do_not_add_up_are_an_error(study):
    folder = study.root / "data/filtered"
    path = folder / "rejected.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    cover_up(folder)
    with pytest.raises(StageError, match="160 rows drawn, but 101 kept and 58 rejected"):
        again(study)
