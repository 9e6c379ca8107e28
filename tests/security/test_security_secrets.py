"""Secrets have one place: the environment, or an encrypted block. Settings refuse them unseen."""

from typing import get_args

import pytest

from blocks import HubCredentials, LanguageModel, RewardModel, Workspace
from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.settings import Settings
from tuner.display import PrintableRecord, printable

SERVER = "generation.completions"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:planted-secret@example.org/v1",
        "https://planted-secret@example.org/v1",
        "https://example.org/v1?api_key=planted-secret",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(url):
    with pytest.raises(ConfigurationError, match="api_key_variable names") as caught:
        presets.load("sandbox", [f"{SERVER}.url={url}"])
    assert "planted-secret" not in str(caught.value)


def test_a_key_in_the_place_of_its_variable_is_refused_and_not_shown():
    with pytest.raises(ConfigurationError, match="api_key_variable") as caught:
        presets.load("sandbox", [f"{SERVER}.api_key_variable=sk-planted-secret"])
    assert "planted-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org", "example.org", ""])
def test_an_address_is_one_of_a_server(url):
    with pytest.raises(ConfigurationError, match="http:// or https://"):
        presets.load("sandbox", [f"{SERVER}.url='{url}'"])


def fields(model: type[Settings], path: str = ""):
    """Walk through all settings of a study."""
    for name, field in model.model_fields.items():
        yield f"{path}{name}"
        for inner in models(field.annotation):
            yield from fields(inner, f"{path}{name}.")


def models(annotation):
    """Find the groups of settings in a type, also within unions and lists of them."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def test_no_setting_is_a_place_for_a_secret():
    """What is a setting is a parameter of the flow, and those are stored as plain text."""
    harmless = ("_tokens", "_variable", "keywords", "role_leak.tokens")
    words = ("token", "secret", "password", "key", "credential")
    found = {one for one in fields(StudyConfig) if any(w in one.rpartition(".")[2] for w in words)}
    assert {one for one in found if not one.endswith(harmless)} == set()


def test_only_the_credentials_block_holds_a_secret():
    assert "SecretStr" in str(HubCredentials.model_fields["token"])
    hidden = HubCredentials(token="hf_planted-secret")
    assert "planted-secret" not in repr(hidden) + str(hidden) + hidden.model_dump_json()
    for block in (LanguageModel, RewardModel, Workspace):
        assert "SecretStr" not in str(block.model_fields)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b]0;owned\x07", "\ufffd]0;owned\ufffd"),
        ("\x1b[2J\x9b1A\r", "\ufffd[2J\ufffd1A\ufffd"),
        ("\u202eright to left", "\ufffdright to left"),
    ],
)
def test_what_a_model_writes_does_not_drive_the_terminal(text, shown):
    assert printable(text) == shown
    assert PrintableRecord("x", 30, "", 0, "%s", (text,), None).getMessage() == shown
