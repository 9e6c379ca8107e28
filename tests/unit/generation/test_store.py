import logging

import pytest
from support.generation_study import generation_study, write_chunk

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.generation.store import (
    chunk_manifests,
    committed_spans,
    missing_spans,
    read_samples,
    reusable_samples,
)


@pytest.fixture
def teacher(tmp_path):
    folder = tmp_path / "teacher"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def test_all_is_missing_at_first(tmp_path, teacher):
    study = generation_study(tmp_path, teacher)
    assert missing_spans(study, 10) == [(0, 3), (4, 7), (8, 9)]
    assert missing_spans(study, 0) == []


def test_what_is_there_is_not_drawn_again_whatever_the_chunk_size(tmp_path, teacher):
    before = generation_study(tmp_path, teacher, chunk_size=3)
    for span in missing_spans(before, 5):
        write_chunk(before, *span)
    study = generation_study(tmp_path, teacher, chunk_size=4)
    assert committed_spans(study) == [(0, 2), (3, 4)]
    assert missing_spans(study, 10) == [(5, 7), (8, 9)]


def test_a_gap_is_filled_by_itself(tmp_path, teacher):
    study = generation_study(tmp_path, teacher)
    write_chunk(study, 4, 7)
    assert missing_spans(study, 10) == [(0, 3), (8, 9)]
    with pytest.raises(StageError, match="6 of 10 samples are missing, the first is 0"):
        read_samples(study, 10)


def test_samples_come_in_order_and_once(tmp_path, teacher):
    study = generation_study(tmp_path, teacher)
    for span in [(4, 9), (0, 3), (2, 5)]:  # chunks of other sizes may overlap
        write_chunk(study, *span)
    assert [one.index for one in read_samples(study, 8)] == list(range(8))
    assert [one.instruction for one in read_samples(study)] == [f"Ask {n}" for n in range(10)]


def test_a_damaged_chunk_is_set_aside_and_drawn_again(tmp_path, teacher, caplog):
    study = generation_study(tmp_path, teacher)
    write_chunk(study, 0, 3)
    path = study.store.folder(study.chunk(0, 3)) / "samples.jsonl"
    path.write_text(path.read_text().replace("Ask 2", "Ask me"))
    with caplog.at_level(logging.WARNING):
        assert missing_spans(study, 4) == [(0, 3)]
    assert "sha256 differs" in caplog.text


def test_draws_of_another_seed_do_not_count(tmp_path, teacher):
    write_chunk(generation_study(tmp_path, teacher, seed=1), 0, 3)
    study = generation_study(tmp_path, teacher, seed=2)
    assert missing_spans(study, 4) == [(0, 3)]
    ids = {one.id for one in read_samples(generation_study(tmp_path, teacher, seed=1))}
    assert set(reusable_samples(study)) == ids  # they are seen, but no id is wanted


def test_what_a_smaller_limit_left_is_found_by_id(tmp_path, teacher):
    before = generation_study(tmp_path, teacher, instruction={"max_new_tokens": 20})
    write_chunk(before, 0, 3)
    study = generation_study(tmp_path, teacher, instruction={"max_new_tokens": 40})
    found = reusable_samples(study)
    assert sorted(one.index for one in found.values()) == [0, 1, 2, 3]
    write_chunk(study, 0, 3)  # takes the folder; the old one lies with the superseded
    assert len(reusable_samples(study)) == 4


def test_a_manifest_that_changes_is_read_again(tmp_path, teacher):
    study = generation_study(tmp_path, teacher)
    write_chunk(study, 0, 3)
    (found,) = chunk_manifests(study)
    assert chunk_manifests(study)[0] is found  # not read twice
    (found.folder / "manifest.json").write_text("{}")
    assert chunk_manifests(study) == []
