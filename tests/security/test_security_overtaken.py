"""A run that is held up between two operations, and overtaken, changes nothing of the other's."""

import shutil
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import artifacts, claim_files, claims
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, lease
from synthetic_instruction_tuner.training import result

ARTIFACT = Artifact("generation", "raw", "data/raw", 1, {})
OLD = Artifact("generation", "raw", "data/raw", 1, {"of": "other settings"})


@pytest.fixture
def led(tmp_path):
    """A workspace under a lease that the test may take away."""
    with lease(tmp_path):
        yield tmp_path
    (tmp_path / LEASE_FILE).unlink(missing_ok=True)


def take_away(root):
    path = root / LEASE_FILE
    other = claim_files.Claim(token="new", pid=1, host="elsewhere", machine="x/1", until=1e12)
    assert claims._replace(path, claims.read(path), other) is None


def make(store, artifact, text):
    with store.writing(artifact) as folder:
        (folder / "rows").write_text(text)
        return store.commit(artifact, {}, 0.0)


def before(monkeypatch, module, name, action):
    """Do something before the next call of a function."""
    function, left = getattr(module, name), [action]

    def later(*arguments):
        if left:
            left.pop()()
        return function(*arguments)

    monkeypatch.setattr(module, name, later)


def test_overtaken_after_the_manifest_was_written_it_renames_nothing(led, monkeypatch):
    store = ArtifactStore(led)
    before(monkeypatch, artifacts, "sealed", lambda: take_away(led))
    with pytest.raises(WorkspaceError, match="was taken over by process 1 on elsewhere"):
        make(store, ARTIFACT, "late")
    assert not store.folder(ARTIFACT).exists()


def test_what_another_has_finished_meanwhile_is_not_superseded(led, monkeypatch):
    store = ArtifactStore(led)
    make(store, OLD, "old")

    def finish_elsewhere():
        folder = store.folder(ARTIFACT)
        shutil.move(folder, led / "gone")
        elsewhere = ArtifactStore(led / "elsewhere")
        make(elsewhere, ARTIFACT, "theirs")
        shutil.move(elsewhere.folder(ARTIFACT), folder)

    before(monkeypatch, artifacts, "move_unique", finish_elsewhere)
    made = make(store, ARTIFACT, "late")
    assert made.path("rows").read_text() == "theirs"
    assert store.find(ARTIFACT) is not None


def test_who_lost_the_lease_sets_nothing_aside(led):
    store = ArtifactStore(led)
    make(store, ARTIFACT, "rows")
    (store.folder(ARTIFACT) / "rows").write_text("damaged, and mended by whoever has the lease now")
    take_away(led)
    with pytest.raises(WorkspaceError, match="was taken over"):
        store.find(ARTIFACT)
    assert store.folder(ARTIFACT).exists()


@dataclass
class Told:
    """What a training tells of itself."""

    seconds: float = 1.0


def test_training_that_is_overtaken_while_it_saves_leaves_the_result_alone(led, monkeypatch):
    """The files of the result are opened in a folder that is no other process's."""
    job = SimpleNamespace(folder=led / ".unfinished" / "sft", work=led / ".unfinished/sft/work")
    (job.folder / result.RESULT).mkdir(parents=True)
    (job.folder / result.RESULT / "README.md").write_text("theirs")

    def ship(model, job, folder):
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(b"late")

    monkeypatch.setattr(result, "ship", ship)
    monkeypatch.setattr(
        result, "shipping", SimpleNamespace(mark_ends=lambda *_: None, save=lambda *_: None)
    )
    monkeypatch.setattr(result, "_run", lambda *_: Told())
    monkeypatch.setattr(result.card, "render", lambda *_: take_away(led) or "late")
    with pytest.raises(WorkspaceError, match="was taken over"):
        result.save(job, None, None, None, None, {})
    assert [one.name for one in (job.folder / result.RESULT).iterdir()] == ["README.md"]
    assert (job.folder / result.RESULT / "README.md").read_text() == "theirs"
    assert not result.is_complete(job.folder)


def test_a_sign_of_completion_without_a_result_is_none(tmp_path):
    """An overtaken process may write the sign into a folder that was published under it."""
    (tmp_path / result.RUN).write_text("{}")
    assert not result.is_complete(tmp_path)
    (tmp_path / result.RESULT).mkdir()
    assert result.is_complete(tmp_path)
