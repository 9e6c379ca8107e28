"""Identity, commit, verified read."""

import json
import os

import pytest

from synthetic_instruction_tuner.errors import StageError, WorkspaceError
from synthetic_instruction_tuner.storage import processes
from synthetic_instruction_tuner.storage.artifacts import MANIFEST, Artifact, ArtifactStore
from synthetic_instruction_tuner.storage.files import digest, sha256_of, slug, write_json
from synthetic_instruction_tuner.storage.manifests import Manifest, find_damage, sealed

RAW = Artifact("generation", "raw", "data/raw", 1, {"seed": 42})


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


def commit(store, artifact=RAW, text="one\n"):
    with store.writing(artifact) as folder:
        (folder / "rows.jsonl").write_text(text)
    return store.commit(artifact, {"rows": 1}, 2.5)


def test_digest_depends_on_values_not_on_key_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert len(digest({})) == 32


def test_digest_refuses_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


@pytest.mark.parametrize(
    "other",
    [
        Artifact("generation", "raw", "data/raw", 2, {"seed": 42}),
        Artifact("generation", "raw", "data/raw", 1, {"seed": 43}),
        Artifact("generation", "raw2", "data/raw", 1, {"seed": 42}),
        Artifact("generation", "raw", "data/raw", 1, {"seed": 42}, (RAW,)),
    ],
)
def test_identity_changes_with_version_config_name_and_inputs(other):
    assert other.identity != RAW.identity


def test_identity_does_not_change_with_the_folder():
    assert Artifact("generation", "raw", "elsewhere", 1, {"seed": 42}).identity == RAW.identity


def test_an_inputs_change_reaches_everything_made_from_it():
    def filtered(seed):
        raw = Artifact("generation", "raw", "data/raw", 1, {"seed": seed})
        return Artifact("filtering", "filtered", "data/filtered", 1, {}, (raw,))

    assert filtered(42).identity != filtered(43).identity


def test_committed_content_is_found_with_its_facts(store):
    commit(store)
    found = store.find(RAW)
    assert found is not None
    assert found.facts == {"rows": 1}
    assert found.seconds == 2.5
    assert found.path("rows.jsonl").read_text() == "one\n"
    assert not (store.root / ".unfinished" / "raw").exists()


def test_a_file_that_is_not_there_is_named(store):
    with pytest.raises(StageError, match=r"no file 'x'; it has \['rows.jsonl'\]"):
        commit(store).path("x")


def test_another_identity_is_not_found_and_not_touched(store):
    commit(store)
    other = Artifact("generation", "raw", "data/raw", 1, {"seed": 43})
    assert store.find(other) is None
    assert store.find(RAW) is not None


def test_new_content_supersedes_old_and_keeps_it(store):
    commit(store)
    other = Artifact("generation", "raw", "data/raw", 1, {"seed": 43})
    commit(store, other, "two\n")
    assert store.find(other) is not None
    kept = list((store.root / ".superseded").rglob("rows.jsonl"))
    assert [path.read_text() for path in kept] == ["one\n"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "rows.jsonl").write_text("onE\n"),
        lambda folder: (folder / "rows.jsonl").write_text(""),
        lambda folder: (folder / "rows.jsonl").unlink(),
        lambda folder: (folder / MANIFEST).write_text('{"schema": 1, "sta'),
        lambda folder: (folder / MANIFEST).write_text(""),
        lambda folder: (folder / MANIFEST).write_text("[]"),
    ],
)
def test_damaged_content_is_set_aside_and_never_used(store, damage, caplog):
    folder = commit(store).folder
    damage(folder)
    assert store.find(RAW) is None
    assert not folder.exists()
    assert len(list((store.root / ".set-aside").iterdir())) == 1
    assert "was set aside" in caplog.text


def test_a_manifest_cannot_point_outside_its_folder(store, tmp_path):
    folder = commit(store).folder
    secret = tmp_path / "secret"
    secret.write_text("x")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] = {"../../secret": sha256_of(secret)}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert store.find(RAW) is None


def test_a_name_that_no_file_can_have_is_damage(tmp_path):
    manifest = Manifest("s", "n", "i", {}, {"\0": "x"}, 1.0, "c", tmp_path)
    assert find_damage(manifest) == "'\\x00' is no file name"


def test_a_fact_that_was_changed_is_damage(store):
    with store.writing(RAW) as folder:
        (folder / "rows.jsonl").write_text("one\n")
    path = store.commit(RAW, {"rows": 1, "levels": {10: "a", 9: "b"}}, 0.0).folder / MANIFEST
    assert store.require(RAW).facts == {"rows": 1, "levels": {"10": "a", "9": "b"}}
    path.write_text(path.read_text().replace('"rows": 1', '"rows": 3'))
    assert store.find(RAW) is None


def test_a_manifest_of_before_it_carried_its_hash_is_read(store):
    path = commit(store).folder / MANIFEST
    old = json.loads(path.read_text())
    del old["check"]
    path.write_text(json.dumps(old | {"schema": 1}))
    assert store.require(RAW).facts == {"rows": 1}


def test_work_of_a_later_version_is_refused_and_stays_where_it_is(store):
    path = commit(store).folder / MANIFEST
    later = json.loads(path.read_text()) | {"schema": 3, "new": [1]}
    path.write_text(json.dumps(sealed(later)))
    with pytest.raises(WorkspaceError, match="written by a later version"):
        store.find(RAW)
    assert path.exists()
    path.write_text(json.dumps(later))  # a number that rotted is damage, as before
    assert store.find(RAW) is None


def test_what_a_killed_writer_left_half_written_is_not_kept(store):
    staging = store.staging(RAW)
    (staging / "rows.jsonl").write_text("one\n")
    (staging / ".rows.jsonl.0123456789ab.tmp").write_text("on")
    manifest = store.commit(RAW, {}, 0.0)
    assert {path.name for path in manifest.folder.iterdir()} == {"rows.jsonl", MANIFEST}


def test_writing_starts_clean_after_an_interrupted_attempt(store):
    (store.staging(RAW) / "torn.jsonl").write_text("{")
    commit(store)
    assert set(store.require(RAW).files) == {"rows.jsonl"}


def test_a_commit_interrupted_before_its_rename_is_completed(store):
    commit(store)
    manifest = store.find(RAW)
    staging = store.root / ".unfinished" / f"raw-{RAW.identity[:12]}"
    manifest.folder.rename(staging)
    assert store.find(RAW) is not None
    assert not staging.exists()


def test_two_processes_that_make_the_same_artifact_never_mix_their_files(store, monkeypatch):
    with store.writing(RAW) as folder:
        (folder / "rows.jsonl").write_text("one\n")
    with monkeypatch.context() as other:
        other.setattr(processes, "process_name", lambda: "elsewhere-1")
        with store.writing(RAW) as theirs:
            (theirs / "rows.jsonl").write_text("one\n")
        store.commit(RAW, {"by": "them"}, 1.0)
    assert store.commit(RAW, {"by": "us"}, 2.0).facts == {"by": "them"}  # the first one stays
    assert not (store.root / ".superseded").exists()
    assert list((store.root / ".unfinished").iterdir()) == []


def test_what_dead_processes_left_is_removed_and_what_others_write_is_not(store):
    left = store.staging(RAW).with_name(f"raw-{RAW.identity[:12]}.elsewhere-1")
    left.mkdir()
    commit(store)
    assert left.exists()
    os.utime(left, (1, 1))
    with store.writing(RAW):
        assert not left.exists()


def test_missing_content_says_which_stage_makes_it(store):
    with pytest.raises(StageError, match="run the generation stage first"):
        store.require(RAW)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_slug_makes_one_path_component():
    assert slug("base/mmlu-5shot") == "base-mmlu-5shot"
    assert slug("../../etc") == "etc"
