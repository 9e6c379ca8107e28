"""What is said on the way: counts that add up, units that people use, advice that helps."""

import pytest
from rich.console import Console

from synthetic_instruction_tuner.analysis.votes import Exported
from synthetic_instruction_tuner.generation.drawing import _Phase
from synthetic_instruction_tuner.inspection.status import StageStatus
from tuner.commands.status import _print_narrow
from tuner.display import span
from tuner.exits import stopped


class Told:
    def __init__(self):
        self.reports = []

    def update(self, done, total, note=""):
        self.reports.append((done, total, note))


def test_the_progress_of_a_chunk_counts_samples_not_turns():
    told = Told()
    for phase in range(2):
        part = _Phase(told, 240, phase, 2)
        part.update(100, 200)  # 40 of the 240 need nothing
        part.finish()
    assert told.reports == [
        (70, 240, "instructions"),
        (120, 240, "instructions"),
        (190, 240, "responses"),
        (240, 240, "responses"),
    ]


@pytest.mark.parametrize(
    ("best", "slow", "told"),
    [
        (0.45, 2.5, "0.45 to 2.5"),
        (12, 46.4, "12 to 46"),
        (2e-6, 7.7e-6, "under 0.01"),
        (0.0, 0.0, "0"),
        (1200, 5100, "1,200 to 5,100"),
    ],
)
def test_a_range_is_told_in_digits_that_say_something(best, slow, told):
    assert span(best, slow) == told


@pytest.mark.parametrize(
    ("arguments", "goes_on"),
    [
        (["run", "sandbox"], True),
        (["sandbox", "build"], True),
        (["plan", "a100"], False),
        ([], False),
    ],
)
def test_only_what_can_go_on_says_so(arguments, goes_on):
    assert ("goes on from here" in stopped(arguments)) == goes_on


def test_pairs_that_are_left_out_are_counted(tmp_path):
    assert Exported(tmp_path, 69, 30, 3).same == 21
    assert Exported(tmp_path, 5, 5, 2).same == 0


def test_a_narrow_terminal_breaks_no_words(capsys):
    detail = "840 of 1500 samples drawn; 63% pass the rules; 1,007,463 samples an hour of work"
    stage = StageStatus("generation", "part done", 840, 1500, detail, None, "draw 660 samples")
    _print_narrow(Console(width=60), [stage])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["generation", "part", "done", "840", "of", "1,500"]
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines[1:]).split()) == f"{detail} a rerun would draw 660 samples"
