"""What a run up to a stage would make, from every state: nothing that is missing is overlooked."""

from pathlib import Path
from typing import get_args

import pytest
from support.generation_study import generation_study, write_chunk

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.inspection.status import outstanding
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage

CHUNKS = ["draws/0000000-0000003", "draws/0000004-0000007", "draws/0000008-0000009"]
"""Ten draws in chunks of four."""


def names(study: Study, until: Stage) -> list[str]:
    return [one.name for one in outstanding(study, until)]


def make(study: Study, artifact: Artifact) -> None:
    with study.store.writing(artifact) as folder:
        (folder / "rows.jsonl").write_text("{}\n")
    study.store.commit(artifact, {}, 1.0)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return generation_study(tmp_path, tmp_path)


@pytest.mark.parametrize("until", get_args(Stage))
def test_in_an_empty_workspace_every_stage_has_something_to_make(tmp_path, until):
    for preset in presets.names():
        study = Study(presets.load(preset), tmp_path)
        stages = {one.stage for one in outstanding(study, until)}
        assert stages == set(study.stages_until(until)), preset


def test_samples_are_outstanding_chunk_by_chunk(study: Study) -> None:
    assert names(study, "generation") == CHUNKS
    write_chunk(study, 0, 3)
    assert names(study, "generation") == CHUNKS[1:]
    write_chunk(study, 4, 9)
    assert names(study, "generation") == []
    assert names(study, "filtering") == ["filtered", "raw"]


def test_a_damaged_chunk_is_outstanding_and_stays_where_it_is(study: Study) -> None:
    write_chunk(study, 0, 9)
    file = study.root / study.chunk(0, 9).folder / "samples.jsonl"
    file.write_text("torn")
    assert names(study, "generation") == CHUNKS
    assert file.read_text() == "torn"


def test_once_rows_are_filtered_no_samples_are_outstanding(study: Study) -> None:
    make(study, study.filtered)
    assert names(study, "generation") == []
    assert names(study, "filtering") == ["raw"]


def test_pairs_that_no_arm_needs_are_made_where_they_are_asked_for(tmp_path: Path) -> None:
    without = Study(presets.load("sandbox-smoke", ["training.arms=[]"]), tmp_path)
    assert not without.uses_preference
    assert {"rewards", "pairs"} <= set(names(without, "preference"))
    assert not {"rewards", "pairs"} & set(names(without, "report"))


def test_imported_rows_are_one_artifact(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "Ask", "response": "Answer"}\n')
    study = generation_study(tmp_path / "study", tmp_path, source=str(rows))
    assert names(study, "generation") == ["imported"]
