"""Progress lines: first, last, and one every so often in between."""

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.progress import LogProgress


def test_lines_come_first_last_and_after_the_interval_with_an_estimate():
    times = iter([100.0, 105.0, 120.0, 140.0])
    lines = []
    one = LogProgress("Samples", 15.0, lines.append, lambda: next(times))
    one.update(0, 40)
    one.update(10, 40)  # 5 s: too soon
    one.update(20, 40, "fast")
    one.update(40, 40)
    assert lines == ["Samples: 0/40", "Samples: 20/40, about 20 s left fast", "Samples: 40/40"]


def test_whoever_listens_gets_the_title():
    titles = []
    progress.listen(lambda title: titles.append(title) or progress.Silent())
    try:
        progress.start("Work").update(1, 1)
    finally:
        progress.listen(LogProgress)
    assert titles == ["Work"]


def test_what_a_step_found_goes_to_whoever_listens():
    lines = []
    progress.listen(LogProgress, lines.append)
    try:
        progress.say("160 rows read")
        assert lines == ["160 rows read"]
    finally:
        progress.listen(LogProgress)


def test_what_is_read_without_knowing_how_much_is_told_every_so_often_and_at_the_end():
    times = iter([0.0, 1.0, 2.0, 20.0, 21.0, 21.5])
    lines = []
    one = LogProgress("Rows", 15.0, lines.append, lambda: next(times))
    for done in (1000, 2000, 3000, 4000, 4500, 4500):
        one.update(done, done)
    assert lines == ["Rows: 1000/1000", "Rows: 4000/4000", "Rows: 4500/4500"]
    times, lines[:] = iter([0.0, 1.0]), []
    one = LogProgress("Rows", 15.0, lines.append, lambda: next(times))
    one.update(500, 1000)
    one.update(1000, 1000)
    assert lines == ["Rows: 500/1000", "Rows: 1000/1000"]
