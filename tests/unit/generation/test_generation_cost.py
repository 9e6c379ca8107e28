"""What drawing cost, what passes, and when all will be there: from the chunks' manifests alone."""

import dataclasses
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from support.generation_study import generation_study, write_chunk

from synthetic_instruction_tuner.generation.cost import (
    describe,
    forecast,
    outlook,
    rules_digest,
    samples_per_day,
    spent,
    yield_so_far,
)
from synthetic_instruction_tuner.storage.artifacts import Manifest

T4 = {"reused": 0, "tokens": 900, "seconds": 1800.0, "device": "Tesla T4"}


@pytest.fixture
def study(tmp_path):
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "config.json").write_text("{}")
    return generation_study(tmp_path, teacher)


def test_nothing_drawn_costs_nothing_and_foretells_nothing(study):
    assert (spent(study).samples, spent(study).tokens_per_second) == (0, None)
    assert outlook(study, 10) is None
    assert yield_so_far(study) is None
    assert forecast(study) == "0 of 10 samples drawn"
    assert describe(study)["passed_share"] is None


def test_a_t4_has_a_price(study):
    for first in (0, 4):
        write_chunk(study, first, first + 3, **T4)
    done = spent(study)
    assert (done.samples, done.tokens_per_second, done.samples_per_hour) == (8, 0.5, 8)
    assert (done.gpu_hours, done.compute_units) == (1.0, 1.19)  # one hour at 1.19 units
    assert done.money == pytest.approx(0.119)
    rest = outlook(study, 10)
    assert (rest.samples, rest.seconds, rest.tokens) == (2, 900.0, 450)
    assert rest.money == pytest.approx(0.119 / 4)


def test_each_chunk_has_the_price_of_its_gpu(study):
    write_chunk(study, 0, 3, **T4)
    write_chunk(study, 4, 7, **T4 | {"device": "NVIDIA A100-SXM4-40GB"})
    assert spent(study).compute_units == pytest.approx((1.19 + 7.62) / 2)


def test_what_was_taken_over_does_not_count(study):
    write_chunk(study, 0, 3, **T4 | {"reused": 3})
    assert spent(study).samples == 1


@pytest.mark.parametrize(
    ("devices", "gpu_hours"),
    [(("cpu", "cpu"), 0), (("cpu", "Tesla T4"), 0.5), (("NVIDIA L40S",) * 2, 1)],
)
def test_no_price_where_there_is_none(study, devices, gpu_hours):
    for first, device in zip((0, 4), devices, strict=True):
        write_chunk(study, first, first + 3, **T4 | {"device": device})
    assert (spent(study).compute_units, spent(study).money) == (None, None)
    assert outlook(study, 9).money is None
    assert spent(study).gpu_hours == gpu_hours


def test_the_yield_counts_only_what_the_present_rules_judged(study):
    rules = rules_digest(study)
    write_chunk(study, 0, 3, rules=rules, turned_away={"length": 1}, **T4)
    write_chunk(study, 4, 7, rules=rules, turned_away={"length": 1, "truncation": 2}, **T4)
    write_chunk(study, 8, 9, rules="other", turned_away={"refusal": 2}, **T4)
    found = yield_so_far(study)
    assert (found.judged, found.passed) == (8, 4)
    assert list(found.rules.items()) == [("length", 2), ("truncation", 2)]
    assert describe(study)["passed_share"] == 0.5


def test_the_line_says_all_of_it(study):
    rules = rules_digest(study)
    write_chunk(study, 0, 3, rules=rules, turned_away={"length": 1}, **T4)
    assert forecast(study) == (
        "4 of 10 samples drawn; 75% pass the rules (length 25%); 8 samples an hour of work, "
        "0 tokens/s; 0.50 GPU-hours, 0.6 compute units, 0.06 USD so far; "
        "45.0 minutes of work left, 0.09 USD"
    )


def test_sessions_and_the_calendar_are_foretold(study, monkeypatch):
    for first, day in ((0, 1), (4, 2)):
        created = datetime(2026, 5, day, 10, tzinfo=timezone.utc).timetuple()
        with monkeypatch.context() as patch:
            patch.setattr(time, "gmtime", lambda *_, created=created: created)
            write_chunk(study, first, first + 3, **T4)
    session = study.config.session.model_copy(update={"minutes": 10.0})
    limited = dataclasses.replace(
        study, config=study.config.model_copy(update={"session": session})
    )
    now = datetime(2026, 5, 2, 11, tzinfo=timezone.utc)
    line = forecast(limited, now)
    assert "15.0 minutes of work left (2 sessions of 10 minutes)" in line
    assert line.endswith("done about 2026-05-02 23:00 UTC")  # 2 samples at 4 a day


def chunk(samples, seconds, created):
    facts = {"samples": samples}
    return Manifest("generation", "draws", "id", facts, {}, seconds, created, Path("unused"))


def test_the_pace_of_the_calendar_holds_the_pauses():
    chunks = [
        chunk(100, 1800.0, "2026-05-01T10:00:00Z"),
        chunk(100, 1800.0, "2026-05-02T10:00:00Z"),
        chunk(50, 900.0, "2026-05-03T10:00:00Z"),
    ]
    assert samples_per_day(chunks) == 75  # 150 samples in the two days after the first chunk
    assert samples_per_day(chunks[:1]) is None
    assert samples_per_day([]) is None
