"""Parameters against published counts, and memory, all without weights."""

from dataclasses import replace

import pytest

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.models.memory import footprint, measure, shapes
from synthetic_instruction_tuner.models.memory.fitting import choose
from synthetic_instruction_tuner.models.memory.footprint import Footprint

CONFIGS = {name: module.Config for name, module in all_methods().items()}
LLAMA = ModelConfig(name="meta-llama/Llama-3.2-3B", quantization="nf4")


@pytest.mark.parametrize(
    ("name", "published"),
    [  # "Model size" of the repositories' safetensors files on the Hub
        ("meta-llama/Llama-3.2-1B", 1_235_814_400),
        ("meta-llama/Llama-3.2-3B", 3_212_749_824),
        ("meta-llama/Llama-3.1-8B", 8_030_261_248),
        ("mistralai/Mistral-7B-v0.3", 7_248_023_552),
        ("Qwen/Qwen2.5-0.5B", 494_032_768),
        ("Qwen/Qwen2.5-3B", 3_085_938_688),
        ("HuggingFaceTB/SmolLM2-135M", 134_515_008),
        ("google/gemma-2-2b", 2_614_341_888),
        ("microsoft/Phi-3-mini-4k-instruct", 3_821_079_552),
    ],
)
def test_totals_count_tied_weights_once(name: str, published: int) -> None:
    import torch

    model = footprint.meta_model(ModelConfig(name=name), torch.bfloat16)
    assert measure.total_parameters(model) == published


@pytest.mark.parametrize(
    ("method", "trained"),
    [
        ("lora", 12_156_928),
        ("prompt_tuning", 61_440),
        ("ia3", 286_720),  # PEFT's method comparison, as the next one
        ("p_tuning", 28_382_208),
        ("dora", 12_156_928 + 28 * (3072 + 1024 + 1024 + 3072 + 8192 + 8192 + 3072)),
    ],
)
def test_trained_parameters_of_llama_3_2_3b(method: str, trained: int) -> None:
    cost = footprint.of(CONFIGS[method](name="a"), LLAMA, "float16")
    assert cost.trained == trained
    assert cost.total == 3_212_749_824 + trained


def test_bytes_of_a_4_bit_base() -> None:
    """2.82 G linear weights at 0.516 bytes, 394 M embeddings and the norms at 2."""
    cost = footprint.of(CONFIGS["lora"](name="a"), LLAMA, "float16")
    linear = 28 * (2 * 3072 * 3072 + 2 * 3072 * 1024 + 3 * 3072 * 8192)
    other = 3_212_749_824 - linear
    assert cost.weights == pytest.approx(linear * (0.5 + 1 / 64 + 1 / 4096) + other * 2, rel=1e-6)


COST = Footprint(
    total=0, trained=0, weights=1000, states=0, gradients=0, kept=10, fixed=0, layer=1, inputs=1,
    working=0, unpacked=0, width=0, hidden=0, layers=10,
)  # fmt: skip


def test_a_layer_is_recomputed_when_the_output_layer_is_done() -> None:
    """100 tokens: a byte of input, and four of the output layer or ten of another, never both."""
    assert replace(COST, hidden=1).step(1, 100, recompute=True) == 1000 + 100 * (1 + 4)
    assert replace(COST, hidden=1, layer=10).step(1, 100, recompute=True) == 1000 + 100 * (1 + 10)


@pytest.mark.parametrize(
    ("usable", "expected"),
    [
        (5883, (4, False, 5000, True)),  # 85 % of it are 5000.5
        (5882, (4, True, 1800, True)),
        (1500, (2, True, 1400, True)),
        (1100, (1, True, 1200, False)),
    ],
)
def test_the_plan_keeps_the_batch_whole_if_it_can(usable: int, expected: tuple) -> None:
    arm = CONFIGS["lora"](name="a", batch_size=4)
    found = choose(COST, arm, 100, usable)
    assert (found.micro_batch_size, found.recompute, found.bytes, found.fits) == expected


def test_code_of_a_repository_is_never_taken_from_another_revision_than_the_pinned_one(monkeypatch):
    from transformers import AutoConfig

    asked = {}
    monkeypatch.setattr(AutoConfig, "from_pretrained", lambda _, **options: asked.update(options))
    shapes.shape_of(ModelConfig(name="org/m", revision="0" * 40, trust_remote_code=True))
    assert asked == {"revision": "0" * 40, "trust_remote_code": True}
