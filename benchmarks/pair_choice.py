"""Which answer should stand against the best one? Pairs of the closed world under every choice.

Two embedded models answer each instruction at several temperatures, the teacher's likelihood ranks,
and the solver says what a pair teaches: right over wrong, wrong over right, or nothing certain.

    python benchmarks/pair_choice.py --instructions 300
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

from synthetic_instruction_tuner.config import ModelConfig, PreferenceConfig
from synthetic_instruction_tuner.models.rewards.batches import token_batches
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.preference.pairing import Scored, pair_up
from synthetic_instruction_tuner.records import Example, PreferencePair, Response
from synthetic_instruction_tuner.sandbox import check, held_out_prompts, model_path
from synthetic_instruction_tuner.sandbox.workshop import networks, sampling

VOICES = tuple(
    (role, temperature) for role in ("teacher", "responder") for temperature in (0.7, 1.0, 1.3, 1.6)
)
CHOICES: dict[str, dict[str, object]] = {
    "best against worst": {},
    "rank 2": {"rejected": "rank", "rejected_rank": 2},
    "rank 4": {"rejected": "rank", "rejected_rank": 4},
    "one deviation below the mean": {"rejected": "deviation", "deviations": 1.0},
    "two deviations below the mean": {"rejected": "deviation", "deviations": 2.0},
    "best against worst, lengths within 1.5": {"max_length_ratio": 1.5},
    "best against the three worst": {"pairs_per_instruction": 3},
}


def main() -> None:
    """Draw, score, pair in every way, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instructions", type=int, default=300)
    options = parser.parse_args()
    scored = _scored(options.instructions)
    print(
        "| choice | pairs | right over wrong | wrong over right | both right | both wrong ", end=""
    )
    print("| chosen is longer | median margin |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, choice in CHOICES.items():
        settings = PreferenceConfig.model_validate({"pairs": 10**6, "choice": choice})
        _print(name, pair_up(scored, settings)[0])


def _scored(count: int) -> list[Scored]:
    prompts = [one.instruction for one in held_out_prompts(count, seed=7)]
    tokenizer = networks.load_tokenizer(model_path("teacher"))
    loaded = {role: networks.load_model(model_path(role)) for role in ("teacher", "responder")}
    said = [
        sampling.answers(loaded[role], tokenizer, prompts, temperature=heat, seed=number)
        for number, (role, heat) in enumerate(VOICES)
    ]
    reward = RewardModel.load(ModelConfig(name="sandbox:teacher", dtype="float32"), "likelihood")
    rows = [reward.encode(prompts[at], texts[at])[0] for texts in said for at in range(count)]
    rewards = [0.0] * len(rows)
    for batch in token_batches([len(row["input_ids"]) for row in rows], 4096):
        for place, value in zip(batch, reward.score([rows[at] for at in batch]), strict=True):
            rewards[place] = value
    return [
        (
            Example(str(at), prompt, "", "general", 1.0, str(at), "train"),
            [
                Response(f"{at}-{number}", str(at), f"{role} {heat}", prompt, said[number][at],
                         "stop", 1, rewards[number * count + at])
                for number, (role, heat) in enumerate(VOICES)
            ],
        )
        for at, prompt in enumerate(prompts)
    ]  # fmt: skip


def _print(name: str, pairs: Sequence[PreferencePair]) -> None:
    kinds = Counter(
        (check(one.prompt, one.chosen), check(one.prompt, one.rejected)) for one in pairs
    )
    sizes = [(len(one.chosen.split()), len(one.rejected.split())) for one in pairs]
    unequal = [left > right for left, right in sizes if left != right]
    margins = sorted(one.margin for one in pairs)
    print(
        f"| {name} | {len(pairs)} | {kinds[True, False]} | {kinds[False, True]} "
        f"| {kinds[True, True]} | {kinds[False, False]} "
        f"| {sum(unequal) / max(len(unequal), 1):.0%} | {margins[len(margins) // 2]:.2f} |"
    )


if __name__ == "__main__":
    main()
