"""Reward scoring: length-sorted batches under a token budget against one row at a time.

One run, the same rows, the same model; every way must give the same rewards.

    python benchmarks/reward_scoring.py                        # the embedded reward model
    python benchmarks/reward_scoring.py --model OpenAssistant/reward-model-deberta-v3-large-v2
    python benchmarks/reward_scoring.py --random               # its shape with random weights

Magpie scores one row at a time (https://github.com/magpie-align/magpie, exp/unitag.py), a plain
loop takes rows in the order in which they come.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.models.rewards.batches import padding_share, token_batches
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.sandbox import held_out_prompts

Batches = list[list[int]]


def main() -> None:
    """Score the rows in every way and print the table."""
    options = _options()
    reward = _random_model() if options.random else RewardModel.load(_model(options))
    rows = [reward.encode(*pair)[0] for pair in _pairs(options.rows, options.sentences)]
    lengths = [len(row["input_ids"]) for row in rows]
    in_turn = list(range(len(rows)))
    ways: dict[str, Batches] = {
        "one row at a time": [[row] for row in in_turn],
        "batches of 8 in turn": [in_turn[at : at + 8] for at in range(0, len(rows), 8)],
        "batches of 32 in turn": [in_turn[at : at + 32] for at in range(0, len(rows), 32)],
    } | {f"by length, {one} tokens": token_batches(lengths, one) for one in options.tokens}
    reward.score(rows[:4])  # first calls load kernels
    mean = sum(lengths) / len(rows)
    print(
        f"{len(rows)} responses of {min(lengths)}-{max(lengths)} tokens (mean {mean:.0f}), ", end=""
    )
    print(f"format {reward.name}; the best of {options.rounds} rounds\n")
    print(
        "| way | batches | padding | seconds | CPU s | responses/s | speed-up | by CPU | largest "
        "difference |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    best, work, found = _measure(reward, rows, ways, options.rounds)
    alone = next(iter(ways))
    for name, batches in ways.items():
        difference = max(abs(found[name][row] - found[alone][row]) for row in in_turn)
        print(
            f"| {name} | {len(batches)} | {padding_share(lengths, batches):.0%} "
            f"| {best[name]:.2f} | {work[name]:.2f} | {len(rows) / best[name]:.0f} "
            f"| {best[alone] / best[name]:.1f}x | {work[alone] / work[name]:.1f}x "
            f"| {difference:.1e} |"
        )


def _measure(
    reward: RewardModel, rows: Sequence[Any], ways: dict[str, Batches], rounds: int
) -> tuple[dict[str, float], dict[str, float], dict[str, dict[int, float]]]:
    """Score all rows in every way, in turn, several times: other work on the machine hits all.

    Returns:
        Least seconds, least seconds of the processor, and the rewards by row, for each way.
    """
    best: dict[str, float] = {}
    work: dict[str, float] = {}
    found: dict[str, dict[int, float]] = {}
    for name, batches in list(ways.items()) * rounds:
        started, busy = time.perf_counter(), time.process_time()
        found[name] = {
            row: one
            for batch in batches
            for row, one in zip(batch, reward.score([rows[row] for row in batch]), strict=True)
        }
        seconds = time.perf_counter() - started
        best[name] = min(seconds, best.get(name, seconds))
        busy = time.process_time() - busy
        work[name] = min(busy, work.get(name, busy))
    return best, work, found


def _pairs(count: int, most: int) -> list[tuple[str, str]]:
    """Draw questions of the closed world with answers of 1 to `most` sentences, most short."""
    prompts = held_out_prompts(count, seed=0)
    chance = random.Random(0)
    return [
        (
            one.instruction,
            " ".join(chance.choice(prompts).answer for _ in range(int(most ** chance.random()))),
        )
        for one in prompts
    ]


def _random_model() -> RewardModel:
    """Return a Llama reward model of the embedded one's shape with random weights."""
    import torch
    from transformers import LlamaForSequenceClassification

    from synthetic_instruction_tuner.sandbox.workshop.networks import FULL, model_config
    from synthetic_instruction_tuner.sandbox.workshop.tokenizer import EOT, train_tokenizer

    tokenizer = train_tokenizer(seed=0, rows=2_000)
    torch.manual_seed(0)
    config = model_config(tokenizer, EOT, FULL)
    config.num_labels = 1
    return RewardModel(LlamaForSequenceClassification(config).eval(), tokenizer)


def _model(options: argparse.Namespace) -> ModelConfig:
    return ModelConfig(name=options.model, dtype=options.dtype)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sandbox:reward", help="reward model")
    parser.add_argument("--dtype", default="auto", help="compute type")
    parser.add_argument("--random", action="store_true", help="random weights, no model needed")
    parser.add_argument("--rows", type=int, default=1_000, help="responses to score")
    parser.add_argument("--sentences", type=int, default=12, help="sentences of the longest answer")
    tokens = [1_024, 2_048, 8_192]
    parser.add_argument("--tokens", type=int, nargs="+", default=tokens, help="tokens a batch")
    parser.add_argument("--rounds", type=int, default=3, help="how often; the best counts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
