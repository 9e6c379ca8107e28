"""Checkpoints: the newest whole one wins, whatever happened to the others; slow drives wait."""

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from synthetic_instruction_tuner.storage.processes import process_name
from synthetic_instruction_tuner.training.checkpoints import checkpoint, scratch
from synthetic_instruction_tuner.training.checkpoints.checkpoint import Checkpoint
from synthetic_instruction_tuner.training.checkpoints.scratch import Checkpoints


def held(step: int) -> Checkpoint:
    import torch

    weights = {"w": torch.full((4,), float(step))}
    return Checkpoint(weights, {"exp_avg/w": torch.zeros(4)}, {"step": step, "identity": "x"})


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def truncate(folder: Path) -> None:
    os.truncate(folder / "weights.safetensors", 40)


def flip_a_bit(folder: Path) -> None:
    path = folder / "optimizer.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut_state(folder: Path) -> None:
    (folder / "state.json").write_text("{")


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("")


def name_nothing(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")


def lose_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


DAMAGES = (
    truncate, flip_a_bit, cut_state, lose_manifest, empty_manifest, name_nothing, lose_weights,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_newest_whole_checkpoint_wins(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    for step in (2, 4, 6):
        checkpoint.write(tmp_path, held(step))
    assert steps(tmp_path) == ["step-0000004", "step-0000006"]
    damage(tmp_path / "step-0000006")
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.state["step"] == 4
    assert found.weights["w"].tolist() == [4.0] * 4
    assert "step-0000006 is not used" in caplog.text
    assert steps(tmp_path) == [f"damaged-step-0000006-{process_name()}", "step-0000004"]


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".step-0000002.123").mkdir()
    assert checkpoint.newest(tmp_path) is None
    assert steps(tmp_path) == []


def test_a_slow_drive_does_not_hold_up_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive, local = tmp_path / "drive", tmp_path / "local"
    copy, began, free = checkpoint.copy, threading.Event(), threading.Event()

    def slow(path: Path, folder: Path) -> None:
        began.set()
        assert free.wait(60)
        copy(path, folder)

    monkeypatch.setattr(checkpoint, "copy", slow)
    kept = Checkpoints(drive, local)
    kept.write(held(2))
    assert began.wait(60)
    kept.write(held(4))
    kept.write(held(6))  # the drive still takes the first one, which is no longer there
    assert not drive.exists()
    assert steps(local) == ["step-0000004", "step-0000006"]
    free.set()
    kept.close()
    assert steps(drive) == ["step-0000006"]
    assert checkpoint.find_damage(drive / "step-0000006") is None


def test_a_copy_that_is_there_is_read_where_the_local_disk_is_gone(tmp_path: Path) -> None:
    drive, local = tmp_path / "drive", tmp_path / "local"
    first = Checkpoints(drive, local)
    first.write(held(2))
    first.close()
    first.write(held(4))
    first._finish_copy()
    checkpoint.write(local, held(6))  # killed before the copy
    found = Checkpoints(drive, local).newest()
    assert found is not None
    assert found.state["step"] == 6
    found = Checkpoints(drive, tmp_path / "another machine").newest()
    assert found is not None
    assert found.state["step"] == 4
    assert Checkpoints(drive, local).read(2).state["step"] == 2
    first.close(keep=False)
    assert not local.exists()


def test_a_copy_that_failed_is_said_at_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "copy", full)
    kept = Checkpoints(tmp_path / "drive", tmp_path / "local")
    kept.write(held(2))
    kept._thread.shutdown()
    with pytest.raises(OSError, match="No space left"):
        kept.write(held(4))
    assert steps(tmp_path / "local") == ["step-0000002", "step-0000004"]


def test_scratch_is_another_disk_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert scratch.local(tmp_path / "workspace") is None, "the same disk"
    other = Path("/dev/shm") / tmp_path.name
    if not other.parent.is_dir() or other.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system")
    try:
        found = scratch.local(other)
        assert found is not None
        assert found.parent == tmp_path / f"tuner-{os.getuid()}"
        found.parent.chmod(0o777)
        assert scratch.local(other) is None, "others could write there"
    finally:
        other.rmdir()
