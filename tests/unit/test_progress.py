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
