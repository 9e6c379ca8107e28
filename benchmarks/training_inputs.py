"""What `training.py` trains on where nothing else is named: a random Llama and random words."""

from __future__ import annotations

import random
from pathlib import Path

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.records import Example, PreferencePair, write_lines

SEED = 42
SHAPE = {
    "vocab_size": 128256,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}


def make_student(folder: Path, hidden_size: int, layers: int) -> Path:
    """Write a Llama with random weights, and the embedded student's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from synthetic_instruction_tuner.models import loading

    tokenizer = loading.load_tokenizer(ModelConfig(name="sandbox:student"))
    tokenizer.save_pretrained(folder)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    size = {
        "hidden_size": hidden_size,
        "intermediate_size": 4 * hidden_size,
        "num_hidden_layers": layers,
    }
    torch.manual_seed(SEED)
    LlamaForCausalLM(LlamaConfig(**SHAPE, **size, **ends)).save_pretrained(folder)
    return folder


def make_data(folder: Path, sft: int, dpo: int) -> Path:
    """Write random words: answers of log-normal length, and pairs of full length."""
    draw = random.Random(SEED)

    def words(count: float) -> str:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return " ".join("".join(draw.choices(letters, k=5)) for _ in range(max(1, int(count))))

    examples = [
        Example(
            f"e{number}", words(15), words(draw.lognormvariate(3.7, 0.8)), "none", 1.0, "c", "train"
        )
        for number in range(sft)
    ]
    pairs = [
        PreferencePair(
            id=f"p{number}",
            prompt=words(15),
            chosen=words(1200),
            rejected=words(1200),
            chosen_reward=1.0,
            rejected_reward=0.0,
            margin=1.0,
            chosen_responder="a",
            rejected_responder="b",
            domain="none",
            split="train",
        )
        for number in range(dpo)
    ]
    folder.mkdir()
    write_lines(folder / "examples.jsonl", examples)
    write_lines(folder / "pairs.jsonl", pairs)
    return folder
