"""Links, pipes and unlisted files in a shared workspace: nothing outside is read or removed."""

import errno
import json
import os

import pytest
from typer.testing import CliRunner

from synthetic_instruction_tuner.analysis.human import read_key
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import StageError, WorkspaceError
from synthetic_instruction_tuner.inspection import cleaning
from synthetic_instruction_tuner.storage import formats
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore
from synthetic_instruction_tuner.storage.manifests import copy_listed, find_damage
from synthetic_instruction_tuner.study.workspace import open_study, read_study_file
from synthetic_instruction_tuner.training.export import export
from tuner.main import app

OWN_FOLDERS = (".set-aside", ".superseded", ".unfinished", ".claims")
ARM = Artifact("training", "sft", "models/sft", 1, {})


@pytest.fixture
def outside(tmp_path):
    """A folder beside the workspace that nobody may touch."""
    folder = tmp_path / "outside"
    (folder / "thesis").mkdir(parents=True)
    (folder / "thesis" / "chapter.tex").write_text("years of work")
    (folder / "token").write_text("hf_secret")
    (folder / "x.json.0123.deadbeef-1").write_text("{}")
    return folder


@pytest.fixture
def study(tmp_path):
    arms = [{"name": "sft", "method": "lora"}]
    config = {"name": "x", "filtering": {"decontaminate": False}, "training": {"arms": arms}}
    return open_study(StudyConfig.model_validate(config), tmp_path / "ws")


def content(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def commit(study, artifact, *names):
    with study.store.writing(artifact) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("ours")
        return study.store.commit(artifact, {}, 0.0)


def clean(study):
    return CliRunner().invoke(app, ["clean", "--yes", "--json", "--workspace", str(study.root)])


@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_clean_removes_nothing_behind_a_link(study, outside, name):
    (study.root / name).symlink_to(outside)
    before = content(outside)
    rows = json.loads(clean(study).stdout)["leftovers"]
    [told] = [one for one in rows if one["path"] == str(study.root / name)]
    assert (told["why"], told["removed"]) == (f"a link to {outside}: not followed, it stays", False)
    assert [one for one in rows if one["removed"]] == []
    assert content(outside) == before
    assert (study.root / name).is_symlink()


@pytest.mark.parametrize("name", OWN_FOLDERS[:3])
def test_clean_shows_a_link_among_what_it_removes(study, outside, name):
    (study.root / name).mkdir()
    (study.root / name / "theirs").symlink_to(outside)
    (study.root / name / "old").mkdir()
    (study.root / name / "old" / "inner").symlink_to(outside / "thesis")
    before = content(outside)
    rows = json.loads(clean(study).stdout)["leftovers"]
    assert {os.path.basename(one["path"]): one["removed"] for one in rows} == {
        "theirs": False,
        "old": True,
    }
    assert content(outside) == before
    assert content(study.root / name) == ["theirs"]


def test_a_folder_that_became_a_link_after_it_was_listed_is_not_removed(study, outside):
    (study.root / ".superseded" / "thesis").mkdir(parents=True)
    found = cleaning.find_leftovers(study)
    (study.root / ".superseded").rename(study.root / "moved")
    (study.root / ".superseded").symlink_to(outside)
    with pytest.raises(WorkspaceError, match="behind a link"):
        cleaning.remove(study, found)
    assert (outside / "thesis" / "chapter.tex").exists()


@pytest.mark.parametrize("planted", ["token", "final/token", "a/b/c", "final/x.tmp"])
@pytest.mark.parametrize("kind", ["link", "file", "pipe", "folder link"])
def test_what_no_manifest_lists_is_damage_and_is_set_aside_alone(study, outside, planted, kind):
    arm = study.trained(study.subject("sft"))
    manifest = commit(study, arm, "final/weights", "run.json")
    path = manifest.folder / planted
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.write_text("theirs")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(outside / "token" if kind == "link" else outside)
    assert find_damage(manifest) == f"{path.name} is not in its manifest"
    assert study.store.find(arm) == manifest
    assert find_damage(manifest) is None
    assert content(outside) == ["thesis", "thesis/chapter.tex", "token", "x.json.0123.deadbeef-1"]


class Hub:
    def __init__(self):
        self.sent = {}

    def create_repo(self, *arguments, **options):
        """Do nothing."""

    def upload_folder(self, *, folder_path, **options):
        for place, _, names in os.walk(folder_path):
            for name in names:
                path = os.path.join(place, name)
                with open(path, encoding="utf-8") as file:
                    self.sent[os.path.relpath(path, folder_path)] = file.read()


def test_only_listed_files_are_published(study, outside, monkeypatch):
    """Planted between the check and the upload: what was checked is what is sent."""
    hub, checked = Hub(), ArtifactStore.require
    monkeypatch.setattr(formats, "_hub_client", lambda: hub)
    commit(study, study.filtered, "README.md", "train.json")

    def plant(store, artifact):
        manifest = checked(store, artifact)
        (manifest.folder / "notes").symlink_to(outside / "token")
        (manifest.folder / "more").symlink_to(outside)
        return manifest

    monkeypatch.setattr(ArtifactStore, "require", plant)
    arguments = ["push", "filtered", "me/rows", "--workspace", str(study.root)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    assert hub.sent == {"README.md": "ours", "train.json": "ours"}


def test_only_listed_files_are_exported(study, outside, tmp_path, monkeypatch):
    arm, checked = study.trained(study.subject("sft")), ArtifactStore.require
    commit(study, arm, "final/adapter_config.json", "final/weights.safetensors", "run.json")

    def plant(store, artifact):
        manifest = checked(store, artifact)
        (manifest.folder / "final" / "token").symlink_to(outside / "token")
        (manifest.folder / "final" / "notes").write_text("theirs")
        return manifest

    monkeypatch.setattr(ArtifactStore, "require", plant)
    target = export(study, study.subject("sft"), tmp_path / "out", "adapter")
    assert content(target) == ["adapter_config.json", "weights.safetensors"]


@pytest.mark.parametrize("change", ["text", "link"])
def test_a_file_that_changed_after_its_check_is_not_copied(study, outside, tmp_path, change):
    manifest = commit(study, study.filtered, "train.json")
    path = manifest.path("train.json")
    path.unlink()
    path.write_text("theirs") if change == "text" else path.symlink_to(outside / "token")
    told = r"train\.json (changed while it was copied|is a link to .*token, not a plain file)"
    with pytest.raises((StageError, WorkspaceError), match=told):
        copy_listed(manifest, manifest.files, tmp_path / "copy")


@pytest.mark.parametrize("name", [".unfinished", ".superseded", ".set-aside"])
def test_nothing_is_written_moved_or_removed_behind_a_linked_folder(tmp_path, outside, name):
    store = ArtifactStore(tmp_path / "ws")
    with store.writing(ARM) as folder:
        (folder / "x").write_text("1")
        committed = store.commit(ARM, {}, 0.0)
    for one in (name, ".unfinished"):
        if (store.root / one).exists():
            (store.root / one).rmdir()
    (store.root / name).symlink_to(outside)
    before = content(outside)
    (committed.folder / "x").write_text("2")  # damage, so that it is moved and made again
    told = f"{name} is a link to .*, not a plain folder"

    def again():
        store.find(ARM)
        other = Artifact("training", "sft", "models/sft", 2, {})
        for artifact in (ARM, other):
            with store.writing(artifact):
                store.commit(artifact, {}, 0.0)

    with pytest.raises(WorkspaceError, match=told):
        again()
    assert content(outside) == before


@pytest.mark.parametrize("planted", ["", "work", "work/worker.log", "work/checkpoints"])
def test_unfinished_work_that_is_or_holds_a_link_is_refused(tmp_path, outside, planted):
    store = ArtifactStore(tmp_path / "ws")
    path = store.staging(ARM) / planted
    if planted == "":
        path.rmdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside)
    before = content(outside)
    for attempt in (store.staging, lambda one: store.commit(one, {}, 0.0)):
        with pytest.raises(WorkspaceError, match=r"is a link to .*outside"):
            attempt(ARM)
    assert content(outside) == before


@pytest.mark.parametrize("name", [*OWN_FOLDERS, ".cache", ".prefect-results"])
def test_a_study_is_not_opened_where_a_folder_of_its_own_is_a_link(study, outside, name):
    (study.root / name).symlink_to(outside)
    with pytest.raises(WorkspaceError, match=f"{name} is a link to .*, not a plain folder"):
        open_study(study.config, study.root)


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_record_of_prefect_that_is_no_file_is_a_miss(tmp_path, outside, kind):
    from blocks.results import WorkspaceResults

    path = tmp_path / "record"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to(outside / "token")
    with pytest.raises(ValueError, match=r"record is (a named pipe|not a result record)"):
        WorkspaceResults(basepath=str(tmp_path)).read_path("record")


@pytest.mark.parametrize("name", ["study.json", "key.json"])
def test_a_pipe_is_named_not_read(tmp_path, name):
    os.mkfifo(tmp_path / name)
    read = read_study_file if name == "study.json" else lambda folder: read_key(folder / name)
    with pytest.raises(WorkspaceError, match=f"{name} is a named pipe, not a plain file"):
        read(tmp_path)


@pytest.fixture
def two_disks(tmp_path, monkeypatch):
    """Renaming between `other` and the rest of the folder fails, as between two file systems."""
    plain = os.replace

    def replace(source, target):
        real = [os.path.realpath(os.path.dirname(one)) for one in (source, target)]
        if len({one.startswith(str(tmp_path / "other")) for one in real}) == 2:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
        plain(source, target)

    monkeypatch.setattr(os, "replace", replace)
    (tmp_path / "other" / "models").mkdir(parents=True)
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "models").symlink_to(tmp_path / "other" / "models")
    return ArtifactStore(tmp_path / "ws")


def test_models_may_lie_on_another_disk(two_disks, tmp_path):
    for version, text in ((1, "old"), (2, "new")):
        artifact = Artifact("training", "sft", "models/sft", version, {})
        with two_disks.writing(artifact) as folder:
            (folder / "final").mkdir()
            (folder / "final" / "weights").write_text(text)
            two_disks.commit(artifact, {}, 0.0)
        found = two_disks.find(artifact)
        assert found.path("final/weights").read_text() == text
    assert content(tmp_path / "other") == [
        "models",
        "models/sft",
        "models/sft/final",
        "models/sft/final/weights",
        "models/sft/manifest.json",
    ]
    [kept] = (tmp_path / "ws" / ".superseded").iterdir()
    assert (kept / "final" / "weights").read_text() == "old"
    assert list((tmp_path / "ws" / ".unfinished").iterdir()) == []
