"""How far the draws are, and when all will be there."""

from pathlib import Path

import pytest

from synthetic_instruction_tuner.artifacts import Manifest
from synthetic_instruction_tuner.generation.forecast import measure


def chunk(samples, seconds, created):
    facts = {"samples": samples} if samples is not None else {}
    return Manifest("generation", "draws", "id", facts, {}, seconds, created, Path("unused"))


def test_the_pace_of_work_leaves_pauses_out_and_the_pace_of_the_calendar_does_not():
    chunks = [
        chunk(100, 1800.0, "2026-05-01T10:00:00Z"),
        chunk(100, 1800.0, "2026-05-02T10:00:00Z"),
        chunk(50, 900.0, "2026-05-03T10:00:00Z"),
    ]
    pace = measure(chunks)
    assert pace.per_hour == pytest.approx(200)  # 250 samples in 4500 s
    assert pace.per_day == pytest.approx(75)  # 150 samples in the two days after the first chunk


def test_one_chunk_spans_no_time_of_the_calendar():
    assert measure([chunk(60, 60.0, "2026-05-01T10:00:00Z")]).per_day is None


@pytest.mark.parametrize("chunks", [[], [chunk(None, 5.0, "2026-05-01T10:00:00Z")]])
def test_without_finished_chunks_there_is_no_pace(chunks):
    assert measure(chunks) is None
