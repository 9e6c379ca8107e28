"""What `tuner plan` shows of a plan."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from synthetic_instruction_tuner.inspection.planning.gpus import Gpu
from synthetic_instruction_tuner.inspection.planning.row import Row
from tuner.commands import plan as command
from tuner.main import app

ROW = Row("training", "prompt_tuning_tuned", 15 << 30, 6 << 30, 7200.0, 10**9, True, "", 3212000000)
LONG = "set training.student.quantization=nf4 and training.max_length=512"
ROWS = [replace(ROW, stage="generation", subject="teacher"), replace(ROW, trained=12_156_928)]


@pytest.fixture
def only_an_a100_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(_: object, gpu: Gpu) -> list[Row]:
        fits = gpu.name == "A100"
        return [*ROWS, replace(ROW, subject="dpo", fits=fits, advice="" if fits else LONG)]

    monkeypatch.setattr(command, "plan", rows)
    monkeypatch.setenv("COLUMNS", "80")


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["plan", "a100", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.usefixtures("only_an_a100_fits")
def test_the_smallest_gpu_that_fits_is_shown_unless_another_is_asked_for() -> None:
    assert "A100 GiB" in shown()
    assert "T4 GiB" in shown("--gpu", "T4")
    assert json.loads(shown("--json"))["gpu"] == "A100"


@pytest.mark.usefixtures("only_an_a100_fits")
def test_a_narrow_terminal_cuts_no_number_and_no_advice() -> None:
    text = shown("--gpu", "T4")
    assert "…" not in text
    assert "12,156,928" in text
    assert "0.38 % trained" in text
    assert f"training, dpo: {LONG}" in " ".join(text.split())


@pytest.mark.usefixtures("only_an_a100_fits")
def test_what_the_hours_leave_out_is_said() -> None:
    assert json.loads(shown("--json"))["not_planned"] == ["loading and downloads"]
    assert "without: loading and downloads" in " ".join(shown().split())
