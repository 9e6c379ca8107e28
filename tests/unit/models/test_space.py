"""Room for models is looked at before any work."""

import os
from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.models import space

BIG, SMALL, HERE = (ModelConfig(name=one) for one in ("org/big", "org/small", "sandbox:student"))


@pytest.fixture
def disk(monkeypatch, tmp_path):
    monkeypatch.setattr(space, "cache_folder", lambda: tmp_path / "hub")

    def free(count):
        usage = SimpleNamespace(free=count)
        monkeypatch.setattr(space.shutil, "disk_usage", lambda place: usage)

    return free


def test_models_that_do_not_fit_are_named_with_what_to_do(disk):
    disk(5_000_000_000)
    sizes = {"org/big": 16_000_000_000, "org/small": 0}
    with pytest.raises(
        MissingModelError,
        match=r"org/big 16.0 GB are still.*has 5.0 GB left; free some space there, or set HF_HOME",
    ):
        space.require_space([BIG, SMALL, HERE], lambda model: sizes[model.name])


def test_models_that_fit_or_are_here_pass(disk):
    disk(5_000_000_000)
    space.require_space([BIG, HERE], lambda model: 5_000_000_000)
    disk(0)
    space.require_space([BIG, HERE], lambda model: 0)


def test_offline_nothing_is_asked(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert space.to_download(BIG) == 0


def test_a_full_disk_while_downloading_is_said():
    from synthetic_instruction_tuner.models.loading_errors import explain

    error = RuntimeError("download failed")
    error.__cause__ = OSError(28, os.strerror(28))
    assert "No space left on device; free some space" in explain(BIG, error)
