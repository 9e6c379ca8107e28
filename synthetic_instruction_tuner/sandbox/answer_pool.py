"""Judged answers for the reward model: what models answered, and right answers spoiled."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.sandbox.checking import check, read_task
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.prompts import draw_prompt
from synthetic_instruction_tuner.sandbox.sampling import answers, instructions

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Judged:
    """An instruction with answers that models sampled.

    Attributes:
        instruction: What the user says.
        right: Answers that the checker accepts; the canonical one comes first.
        wrong: Answers that the checker rejects.
    """

    instruction: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Who answers, and how boldly."""

    model: "LlamaForCausalLM"
    temperature: float


def pool_instructions(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", count: int, seed: int
) -> list[str]:
    """Half drawn by the generator, half written by the teacher and readable by the checker."""
    rng = Random(f"pool-{seed}")
    families = all_families()
    drawn = [draw_prompt(rng.choice(families), rng).instruction for _ in range(count // 2)]
    written = instructions(teacher, tok, count - len(drawn), seed=seed)
    return list(dict.fromkeys(drawn + [text for text in written if read_task(text)]))


def sample_pool(
    prompts: Sequence[str], sources: Sequence[Source], tok: "PreTrainedTokenizerFast", seed: int
) -> list[Judged]:
    """Let every source answer every instruction, and sort the answers by the checker's verdict."""
    said = [
        answers(source.model, tok, prompts, temperature=source.temperature, seed=seed + index)
        for index, source in enumerate(sources)
    ]
    pool = []
    for index, prompt in enumerate(prompts):
        task = read_task(prompt)
        if task is None:
            continue
        own = [column[index] for column in said]
        right = [text for text in own if check(prompt, text)]
        wrong = [text for text in own if text and check(prompt, text) is False]
        pool.append(
            Judged(prompt, tuple(dict.fromkeys([task.answer, *right])), tuple(dict.fromkeys(wrong)))
        )
    return pool


def spoiled(judged: Judged, pool: Sequence[Judged], rng: Random) -> str:
    """Make a wrong answer: a slip, a cut, a repetition, a refusal, the answer to something else."""
    right, draw = judged.right[0], rng.random()
    task = read_task(judged.instruction)
    if draw < 0.55 and task is not None:
        return task.family.speak(task.slots, task.family.wrong_key(task.slots, rng))
    if draw < 0.65:
        return right[: rng.randint(1, max(1, len(right) - 2))]
    if draw < 0.72:
        return " ".join([right] * rng.randint(2, 3))
    if draw < 0.79:
        return rng.choice(
            (
                "I'm sorry, but I can't help with that.",
                "As an AI, I cannot do that.",
                "Hello!",
                "Ok",
            )
        )
    if draw < 0.85:
        words = right.split(" ")
        rng.shuffle(words)
        return " ".join(words)
    return rng.choice(pool).right[0]


def draw_pair(pool: Sequence[Judged], own_share: float, rng: Random) -> tuple[str, str, str]:
    """Draw (instruction, right, wrong); `own_share` of the wrong ones were sampled."""
    while True:
        judged = rng.choice(pool)
        if judged.wrong and rng.random() < own_share:
            wrong = rng.choice(judged.wrong)
        elif rng.random() < 1 - own_share:
            wrong = spoiled(judged, pool, rng)
        else:
            continue
        if check(judged.instruction, wrong) is False:
            return judged.instruction, rng.choice(judged.right), wrong


def save_pool(pool: Sequence[Judged], path: Path) -> None:
    """Write a pool as JSON lines."""
    path.write_text("".join(json.dumps(asdict(judged)) + "\n" for judged in pool), encoding="utf-8")


def load_pool(path: Path) -> list[Judged]:
    """Read a pool."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Judged(row["instruction"], tuple(row["right"]), tuple(row["wrong"])) for row in rows]
