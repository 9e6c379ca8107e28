"""No name from settings, data or a file in the workspace leads out of the workspace."""

import json

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError, WorkspaceError
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.store import read_samples
from synthetic_instruction_tuner.storage.artifacts import MANIFEST, Artifact, ArtifactStore
from synthetic_instruction_tuner.storage.files import sha256_of
from synthetic_instruction_tuner.study.graph import Study

NAMES = ("../../x", "/etc/cron.d/x", "a/b", "..", ".", "x\n", "C:\\x", "a\0b", "~/x", "")
FIELDS = (
    "name",
    "training.arms.0.name",
    "preference.responders.0.name",
    "evaluation.benchmarks.0.name",
    "generation.domains.0.name",
)


class Silent:
    """Progress that nobody watches."""

    def update(self, done, total, note=""):
        """Do nothing."""


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_settings_is_no_path(field, name):
    domains = 'generation.domains=[{"name": "general"}]'
    with pytest.raises(ConfigurationError, match=r"name"):
        presets.load("sandbox-smoke", [domains, f"{field}={json.dumps(name)}"])


@pytest.mark.parametrize("folder", ["../out", "/etc/out", "a/../../out", ".."])
def test_an_artifact_outside_of_the_workspace_is_refused(tmp_path, folder):
    store = ArtifactStore(tmp_path / "workspace")
    artifact = Artifact("evaluation", "x", folder, 1, {})
    with pytest.raises(WorkspaceError, match="outside of workspace"):
        store.find(artifact)
    with pytest.raises(WorkspaceError, match="outside of workspace"), store.writing(artifact):
        store.commit(artifact, {}, 0.0)
    assert [path.name for path in tmp_path.iterdir() if path.name != "workspace"] == []


def test_an_artifact_whose_file_is_a_link_to_elsewhere_is_set_aside(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("key")
    store = ArtifactStore(tmp_path / "workspace")
    artifact = Artifact("generation", "raw", "data/raw", 1, {})
    with store.writing(artifact) as folder:
        (folder / "rows.jsonl").write_text("key")
    folder = store.commit(artifact, {}, 0.0).folder
    (folder / "rows.jsonl").unlink()
    (folder / "rows.jsonl").symlink_to(secret)  # the same content, so the same hash
    assert sha256_of(folder / "rows.jsonl") in (folder / MANIFEST).read_text()
    assert store.find(artifact) is None


def test_rows_whose_fields_look_like_paths_stay_data(tmp_path):
    rows = [
        {"id": "../../x", "domain": "/etc/passwd", "instruction": "../../x", "output": "/etc/x"},
        {"id": "..", "domain": "../..", "instruction": "a\0b", "output": "C:\\x"},
    ]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(rows))
    config = presets.load("sandbox-smoke", [f"generation.source={source}"])
    study = Study(config, tmp_path / "workspace")
    import_rows(study, Silent())
    assert [one.instruction for one in read_samples(study)] == ["../../x", "a\0b"]
    assert {path.name for path in tmp_path.iterdir()} == {"rows.json", "workspace"}


def test_a_saved_dataset_names_no_folder_outside_of_itself(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_dict.json").write_text('{"splits": ["../secret"]}')
    config = presets.load("sandbox-smoke", [f"generation.source={tmp_path / 'data'}"])
    with pytest.raises(ConfigurationError, match=r"splits"):
        import_rows(Study(config, tmp_path / "workspace"), Silent())
