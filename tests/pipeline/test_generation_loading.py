import json
import pickle
import shutil

import pytest
from support.preference_models import save_responder
from support.training_models import save_tokenizer

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError
from synthetic_instruction_tuner.models.engines import open_engine
from synthetic_instruction_tuner.models.loading import (
    load_causal,
    load_end_ids,
    load_tokenizer,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def llama_3_2(tmp_path_factory):
    """Llama-3.2-3B's configuration shrunk in width: its rope scaling, depth ratio, tied heads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("llama")
    save_tokenizer(folder)
    torch.manual_seed(0)
    rope = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
    }
    config = LlamaConfig(
        vocab_size=261,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=131072,
        rope_parameters=rope,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).half().save_pretrained(folder)
    return folder


def test_half_precision_files_are_computed_in_float32_on_cpu(llama_3_2):
    import torch

    model, tokenizer = load_causal(ModelConfig(name=str(llama_3_2)))
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    assert not model.training
    assert (tokenizer.padding_side, tokenizer.pad_token) == ("left", "<|eot_id|>")


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_models_load_and_answer_on_cpu(llama_3_2, quantization):
    import torch

    plain, _ = load_causal(ModelConfig(name=str(llama_3_2)))
    model, _ = load_causal(ModelConfig(name=str(llama_3_2), quantization=quantization))
    kinds = {type(one).__name__ for one in model.modules()}
    assert {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[quantization] in kinds
    ids = torch.tensor([[0, 70, 71, 72]])
    with torch.inference_mode():
        wanted, found = plain(ids).logits, model(ids).logits
    assert torch.corrcoef(torch.stack([wanted.ravel(), found.float().ravel()]))[0, 1] > 0.9


def test_end_tokens_of_the_generation_config(folder, llama_3_2, tmp_path):
    assert load_end_ids(ModelConfig(name=str(folder))) == (1, 2, 3, 4)
    assert load_end_ids(ModelConfig(name=str(llama_3_2))) == (1,)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert load_end_ids(ModelConfig(name=str(tmp_path))) == ()


def test_pickled_weights_are_never_opened(folder, tmp_path):
    import torch

    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save({"planted": object}, tmp_path / "pytorch_model.bin")
    with pytest.raises(MissingModelError, match="pickled weights are never opened"):
        load_causal(ModelConfig(name=str(tmp_path)))


def test_torn_weights_are_reported(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(MissingModelError, match="cannot be loaded"):
        load_causal(ModelConfig(name=str(tmp_path)))


def test_missing_models_say_what_to_do(tmp_path):
    with pytest.raises(MissingModelError, match="does not exist"):
        load_causal(ModelConfig(name=str(tmp_path / "none")))
    with pytest.raises(MissingModelError, match=r"holds no model: it has no config.json"):
        load_tokenizer(ModelConfig(name=str(tmp_path)))
    with pytest.raises(
        MissingModelError, match="not on this machine and the Hub cannot be reached"
    ):
        load_tokenizer(ModelConfig(name="example/not-here"))


def test_foreign_code_is_not_run(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "planted.Model"}
    config["model_type"] = "planted"
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(MissingModelError, match=r"trust_remote_code|cannot be loaded"):
        load_causal(ModelConfig(name=str(tmp_path)))
    assert not (tmp_path / "ran").exists()


def test_vllm_without_the_extra_says_how_to_get_it(folder):
    with pytest.raises(ConfigurationError, match=r"synthetic-instruction-tuner\[vllm\]"):
        open_engine(ModelConfig(name=str(folder)), "vllm")
    with pytest.raises(ConfigurationError, match="no quantization=int8"):
        open_engine(ModelConfig(name=str(folder), quantization="int8"), "vllm")


def damaged(tmp_path, folder, name, content):
    """Copy a model with one file replaced, or some fields of it."""
    copied = tmp_path / "model"
    shutil.copytree(folder, copied)
    if isinstance(content, dict):
        known = json.loads((copied / name).read_text()) if (copied / name).exists() else {}
        content = json.dumps(known | content)
    (copied / name).write_text(content)
    return ModelConfig(name=str(copied))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", '{"a":' * 100_000),
        ("config.json", {"hidden_size": "x"}),
        ("config.json", {"vocab_size": 7}),
        ("tokenizer.json", "{}"),
        ("model.safetensors", "torn"),
        ("model.safetensors.index.json", "[]"),
        ("model.safetensors.index.json", '{"a":' * 100_000),
    ],
)
def test_files_of_a_model_that_hold_nonsense_are_named(tmp_path, folder, name, content):
    model = damaged(tmp_path, folder, name, content)
    with pytest.raises(MissingModelError, match=r"model '.*' cannot be loaded"):
        load_causal(model, "cpu")


@pytest.mark.parametrize("place", ["weights.bin", "../weights.bin"])
def test_an_index_of_safetensors_that_lists_a_pickle_opens_none(
    tmp_path, folder, monkeypatch, place
):
    """Transformers opens what the index of a repository lists, by the ending of its name."""
    import torch

    model = damaged(tmp_path, folder, "model.safetensors.index.json", {"weight_map": {"x": place}})
    (tmp_path / "model" / "model.safetensors").unlink()
    (tmp_path / "model" / place).write_bytes(pickle.dumps({}))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was opened"))
    with pytest.raises(MissingModelError, match="pickled weights are never opened"):
        load_causal(model, "cpu")


def test_a_model_that_does_not_fit_the_memory_says_what_to_set(folder, monkeypatch):
    import torch
    from transformers import AutoModelForCausalLM

    def full(*_, **__):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(MissingModelError, match="does not fit the memory; set its quantization"):
        load_causal(ModelConfig(name=str(folder)), "cpu")
