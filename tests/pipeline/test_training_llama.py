"""Llama-3.2-3B's configuration shrunk in width: LoRA and prompt tuning on it in four bits."""

import json
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.training.run import train

ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 32.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
}
SHAPE = {
    "hidden_size": 96,  # 3072 / 32
    "intermediate_size": 256,  # 8192 / 32
    "num_hidden_layers": 4,  # of 28
    "num_attention_heads": 3,  # three query heads share a key, as 24 share 8
    "num_key_value_heads": 1,
    "rope_parameters": ROPE,
}
ARMS = [
    {"name": "sft", "method": "lora", "epochs": 1, "learning_rate": 0.01},
    {"name": "prompt", "method": "prompt_tuning", "epochs": 1, "virtual_tokens": 20},
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    student = training_models.save_student(tmp_path_factory.mktemp("student"), **SHAPE)
    root = tmp_path_factory.mktemp("study")
    return training_models.study(root, student, ARMS, 18, quantization="nf4")


@pytest.mark.parametrize("name", ["sft", "prompt"])
def test_an_arm_trains_on_the_quantised_base_and_loads_with_plain_peft(study, name):
    from peft import AutoPeftModelForCausalLM

    manifest = train(study, study.subject(name), Silent())
    run = json.loads(Path(manifest.path("run.json")).read_text())
    # LoRA of rank 8 on q, k, v, o and three feed-forward layers: rank * (in + out) each
    lora = 4 * 8 * ((96 + 96) + 2 * (96 + 32) + (96 + 96) + 3 * (96 + 256))
    assert run["trained_parameters"] == {"sft": lora, "prompt": 20 * 96}[name]
    assert run["steps"] == 4
    assert run["conditions"]["quantization"] == "nf4"
    loaded = AutoPeftModelForCausalLM.from_pretrained(manifest.folder / "final")
    assert loaded.config.rope_parameters["rope_type"] == "llama3"
