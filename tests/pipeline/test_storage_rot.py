"""Every file of every artifact of a study, damaged in every way: never used, always set aside."""

import json
import os
import random
import shutil

import pytest
from chaos.storage import damage
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.errors import StorageError
from synthetic_instruction_tuner.storage.artifacts import MANIFEST
from synthetic_instruction_tuner.study.graph import Study

SEED = 5
KINDS = ("cut", "flipped", "emptied", "deleted", "swapped")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with every artifact but the drawings, made without models."""
    made = measured_study.build(tmp_path_factory.mktemp("study"), measured_study.settings(items=20))
    compare(made)
    return made


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another study's workspace: the same names, other content."""
    config = measured_study.settings(items=20).model_copy(update={"seed": 43})
    return measured_study.build(tmp_path_factory.mktemp("other"), config)


def there(study):
    return [one for one in study.artifacts() if study.store.find(one)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_damaged_file_is_ever_used(study, tmp_path, kind):
    rng = random.Random(f"{SEED} {kind}")
    damaged = Study(study.config, tmp_path / "workspace")
    shutil.copytree(study.root, damaged.root)
    checked = 0
    for artifact in there(study):
        whole = study.store.folder(artifact)
        for file in sorted(path.name for path in whole.rglob("*") if path.is_file()):
            folder = damaged.store.folder(artifact)
            place = next(folder.rglob(file))
            if not place.stat().st_size:
                continue
            before = place.read_bytes()
            swap = study.store.folder(study.filtered) / MANIFEST
            if swap == whole / file:
                continue
            damage(place, kind, rng, swap)
            if not place.exists() or place.read_bytes() != before:
                assert not used(damaged, artifact, study), f"{kind} {artifact.name}/{file}"
                checked += 1
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
    assert checked > 50
    assert len(list((damaged.root / ".set-aside").iterdir())) > 20


def used(damaged, artifact, study):
    """Tell whether content that differs from what was written is taken for the artifact."""
    found = damaged.store.find(artifact)
    if found is None:
        return False
    right = study.store.require(artifact)
    return (found.files, found.facts, found.identity) != (right.files, right.facts, right.identity)


def test_an_artifact_of_another_study_in_its_place_is_not_used(study, other, tmp_path):
    mixed = Study(study.config, tmp_path / "workspace")
    shutil.copytree(study.root, mixed.root)
    exchanged = 0
    for artifact in there(study):
        stranger = other.root / artifact.folder
        if stranger.is_dir() and artifact.identity not in (stranger / MANIFEST).read_text():
            shutil.rmtree(mixed.store.folder(artifact))
            shutil.copytree(stranger, mixed.store.folder(artifact))
            assert mixed.store.find(artifact) is None
            exchanged += 1
    assert exchanged > 5


def test_damage_that_the_bytes_of_the_result_would_show_is_made_good(study, tmp_path):
    """The comparison is made again from whole results, to the same bytes."""
    again = Study(study.config, tmp_path / "workspace")
    shutil.copytree(study.root, again.root)
    scores = again.store.folder(again.comparison) / "scores.json"
    before = scores.read_bytes()
    scores.write_bytes(before.replace(b"0", b"1", 1))
    compare(again)
    assert scores.read_bytes() == before


@pytest.mark.parametrize("number", [28, 30])
def test_a_full_or_read_only_disk_leaves_the_old_result_and_is_named(
    study, tmp_path, monkeypatch, number
):
    """At every file operation of a step: a named error, and the next run makes the same bytes."""
    calm = Study(study.config, tmp_path / "calm")
    shutil.copytree(study.root, calm.root)
    right = (calm.store.folder(calm.comparison) / "scores.json").read_bytes()
    shutil.rmtree(calm.store.folder(calm.comparison))
    replace, hits = os.replace, []

    def failing(*arguments):
        hits.append(arguments)
        if len(hits) == 1:
            raise OSError(number, os.strerror(number))
        return replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(StorageError, match=r"the disk failed at .*then run again"):
            compare(calm)
    compare(calm)
    assert (calm.store.folder(calm.comparison) / "scores.json").read_bytes() == right
    assert json.loads(right)
