"""Blocks: typed, clear when they cannot work, and no secret in what Prefect stores."""

import os
import subprocess
import sys

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from pydantic import ValidationError

import blocks
from blocks import HubCredentials, LanguageModel, RewardModel, Workspace
from blocks.choice import chosen
from flows.items import items
from synthetic_instruction_tuner.config import ModelConfig, PreferenceConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError, WorkspaceError

CONFIG = presets.load("sandbox-smoke")
TOKEN = "hf_" + "s3cret" * 3

pytestmark = pytest.mark.prefect


def test_importing_them_talks_to_no_server():
    done = subprocess.run(
        [sys.executable, "-c", "import blocks; import flows.study; print('fine')"],
        env=os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "fine\n", done.stderr


def test_every_type_and_field_is_described():
    for one in blocks.TYPES:
        assert one._description
        assert [name for name, field in one.model_fields.items() if not field.description] == []


def test_they_can_be_registered_again(prefect_server):
    assert blocks.register_all() == blocks.register_all()
    with get_client(sync_client=True) as client:
        kinds = {one.slug for one in client.read_block_types()}
    assert {"hub-credentials", "language-model", "reward-model", "study-workspace"} <= kinds


def test_models_of_blocks_replace_those_of_the_settings(prefect_server):
    LanguageModel(model=ModelConfig(name="sandbox:responder", dtype="float32")).save("small")
    reward = RewardModel(model=ModelConfig(name="sandbox:reward"), format="chat")
    config = chosen("sandbox", CONFIG, teacher=LanguageModel.load("small"), reward_model=reward)
    assert config.generation.teacher.name == "sandbox:responder"
    assert config.preference.reward_format == "chat"
    assert config.training == CONFIG.training
    assert chosen("sandbox", CONFIG) is CONFIG


def test_a_model_that_cannot_be_had_says_why():
    with pytest.raises(MissingModelError, match="sandbox:nobody"):
        LanguageModel(model=ModelConfig(name="sandbox:nobody")).check()
    with pytest.raises(ValidationError, match="pinned revision"):
        RewardModel(model={"name": "some/model", "trust_remote_code": True})


def test_a_workspace_on_a_drive_that_is_not_mounted_is_refused():
    with pytest.raises(WorkspaceError, match="Drive is not mounted"):
        Workspace(path="/content/drive/MyDrive/study").folder()


@pytest.mark.parametrize("token", ["", "hf_", "password"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(token, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="hub-credentials") as refused:
        HubCredentials(token=token).log_in()
    assert "password" not in str(refused.value)
    assert "HF_TOKEN" not in os.environ


def test_flows_take_blocks_and_no_secret_is_stored(prefect_server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    HubCredentials(token=TOKEN).save("lab", overwrite=True)
    Workspace(path=str(tmp_path / "study")).save("lab", overwrite=True)

    @flow
    def outer(credentials: HubCredentials):
        items(config=CONFIG, workspace=Workspace.load("lab"), credentials=credentials)

    outer(HubCredentials.load("lab"))
    outer(HubCredentials(token=TOKEN))
    assert os.environ["HF_TOKEN"] == TOKEN
    assert (tmp_path / "study" / "evaluation" / "items" / "manifest.json").exists()
    with get_client(sync_client=True) as client:
        stored = [str(run.parameters) for run in client.read_flow_runs()]
        stored += [str(run.task_inputs) for run in client.read_task_runs()]
    assert len(stored) >= 4
    assert [one for one in stored if TOKEN in one] == []
    written = [path for path in (tmp_path / "study").rglob("*") if path.is_file()]
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []


def test_a_reward_model_may_be_all_that_the_settings_allow():
    settings = PreferenceConfig.model_fields["reward_format"].annotation
    assert RewardModel.model_fields["format"].annotation == settings
