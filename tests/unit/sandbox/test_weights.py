"""The shipped weights: complete, small, unaltered; slowly, still as good as their cards say."""

import hashlib
import json
from pathlib import Path

import pytest

from synthetic_instruction_tuner.sandbox import MODEL_ROLES, model_path

WEIGHTS = model_path("teacher").parent


@pytest.mark.parametrize("role", MODEL_ROLES)
def test_a_model_folder_is_complete_and_unaltered(role: str) -> None:
    folder = model_path(role)
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert ("chat_template.jinja" in names) == (role != "student")
    measured = json.loads((WEIGHTS / "measurements.json").read_text())[role]
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == measured["sha256"]
    assert digest in (folder / "README.md").read_text()


def test_all_weights_stay_small() -> None:
    size = sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file())
    assert size < 10_000_000


def test_models_share_one_tokenizer() -> None:
    assert len({(model_path(role) / "tokenizer.json").read_bytes() for role in MODEL_ROLES}) == 1


def test_the_student_is_laid_out_like_a_base_of_llama() -> None:
    """As Llama-3.2-3B: tokens of turns in the vocabulary, no template, end of text the only end."""
    folder = model_path("student")
    config, defaults, tokenizer, vocabulary = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("config", "generation_config", "tokenizer_config", "tokenizer")
    )
    ids = {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
    assert {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"} <= set(ids)
    assert tokenizer["eos_token"] == "<|end_of_text|>"
    assert "chat_template" not in tokenizer
    assert config["eos_token_id"] == ids["<|end_of_text|>"]
    assert defaults["eos_token_id"] == [ids["<|end_of_text|>"]]


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="teacher, responder, student, reward"):
        model_path("juggler")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_recipe_runs_at_tiny_scale(tmp_path: Path) -> None:
    from synthetic_instruction_tuner.sandbox.workshop.build import build

    build(tmp_path, scale=0.0005)
    for role in MODEL_ROLES:
        assert (tmp_path / role / "model.safetensors").exists()
        assert (tmp_path / role / "README.md").exists()
    written = (tmp_path / "teacher" / "model.safetensors").read_bytes()
    build(tmp_path, scale=0.0005)
    assert (tmp_path / "teacher" / "model.safetensors").read_bytes() == written


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", MODEL_ROLES)
def test_shipped_weights_are_as_good_as_their_card(role: str) -> None:
    """A smaller measurement lies within four standard errors of the card's, both errors counted."""
    from synthetic_instruction_tuner.sandbox.workshop.measure import measure_role

    card = json.loads((WEIGHTS / "measurements.json").read_text())[role]["measured"]
    found = measure_role(role, WEIGHTS, 0.3, "cpu")
    for name, value in found.items():
        if isinstance(value, dict) and set(value) == {"value", "n", "se"}:
            bound = 4 * (card[name]["se"] ** 2 + value["se"] ** 2) ** 0.5 + 0.01
            assert abs(value["value"] - card[name]["value"]) <= bound, name
