"""Models and adapters of strangers: nothing is opened, built or matched without a bound."""

import json
import shutil
import time

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError, StageError
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.training import adapters


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    model, _ = loading.load_causal(ModelConfig(name=str(base)), "cpu")
    folder = tmp_path_factory.mktemp("adapter")
    config = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.fixture
def copied(adapter, tmp_path):
    return shutil.copytree(adapter, tmp_path / "adapter")


def attach(base, folder):
    model, _ = loading.load_causal(ModelConfig(name=str(base)), "cpu")
    return adapters.attach(model, folder)


def rewrite(path, **settings):
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_a_whole_adapter_is_attached(base, copied):
    wrapped = attach(base, copied)
    ids = torch.tensor([[5, 6, 7]])
    assert not torch.equal(wrapped(ids).logits, wrapped.unload()(ids).logits)


@pytest.mark.parametrize("kept", [0, 1])
def test_an_adapter_without_its_tensors_is_refused(base, copied, kept):
    path = copied / adapters.WEIGHTS
    tensors = dict(list(load_file(path).items())[:kept])
    save_file(tensors, path)
    with pytest.raises(StageError, match=r"of the adapter's .* tensors are not in"):
        attach(base, copied)


def test_a_pickled_adapter_is_never_opened(base, copied):
    (copied / adapters.WEIGHTS).unlink()
    (copied / "adapter_model.bin").write_bytes(b"a pickle")
    with pytest.raises(StageError, match="never opened"):
        attach(base, copied)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "(a|a)*(.*.*.*)*x"},
        {"target_modules": ["q_proj", "(.*)*x"]},
        {"exclude_modules": "(.*)*x"},
        {"layers_pattern": "(.*)*x"},
        {"rank_pattern": {"(.*)*x": 2}},
        {"rank_pattern": {r".*\..*\.gate_up_proj": 2}},
        {"alpha_pattern": {r".*\.": 2}},
        {"target_modules": [["q"]]},
    ],
)
def test_patterns_in_an_adapter_are_refused(copied, settings):
    rewrite(copied / adapters.CONFIG, **settings)
    with pytest.raises(StageError, match="finds layers by the pattern"):
        adapters.check(copied)


def test_the_pattern_that_peft_writes_for_fused_experts_is_matched(copied):
    """PEFT doubles the rank of layers in which it fuses two: `_convert_peft_config_moe`."""
    fused = {r".*\.gate_up_proj": 4}
    rewrite(copied / adapters.CONFIG, rank_pattern=fused, alpha_pattern=fused)
    adapters.check(copied)


@pytest.mark.parametrize("text", ["", "[]", '{"a":' * 100_000, '{"rank_pattern": 7}'])
def test_a_configuration_that_is_none(copied, text):
    (copied / adapters.CONFIG).write_text(text)
    with pytest.raises(StageError, match="no adapter's configuration"):
        adapters.check(copied)


@pytest.mark.parametrize("name", ["num_hidden_layers", "hidden_size", "vocab_size"])
@pytest.mark.parametrize("load", [loading.load_config, loading.load_causal, loading.load_tokenizer])
def test_shapes_are_bounded_before_anything_is_built(base, tmp_path, name, load):
    folder = shutil.copytree(base, tmp_path / "model")
    rewrite(folder / "config.json", **{name: 10**9})
    started = time.process_time()
    with pytest.raises(MissingModelError, match=f"{name}=1000000000"):
        load(ModelConfig(name=str(folder)))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("value", ["kernels-community/flash-attn", "flash_attention_2"])
def test_a_configuration_does_not_choose_the_attention(base, tmp_path, value):
    folder = shutil.copytree(base, tmp_path / "model")
    rewrite(folder / "config.json", attn_implementation=value)
    model, _ = loading.load_causal(ModelConfig(name=str(folder)), "cpu")
    assert model.config._attn_implementation == "sdpa"
    rewrite(folder / "config.json", _attn_implementation=value)
    with pytest.raises(MissingModelError, match=f"asks for attention '{value}'"):
        loading.load_causal(ModelConfig(name=str(folder)), "cpu")
