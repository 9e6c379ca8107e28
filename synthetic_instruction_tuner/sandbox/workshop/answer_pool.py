"""Judged answers for the reward model: what models answered, and right answers spoiled."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.checking import check, read_task
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.prompts import draw_prompt
from synthetic_instruction_tuner.sandbox.workshop.sampling import answers, instructions

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


_WORD: Final = re.compile(r"[A-Za-z]+|\d+")
_LOWER_WORDS: Final = (*tables.LIST_WORDS, *tables.SPELL_WORDS, *tables.OBJECTS)
_EVASIONS: Final = (
    "I'm sorry, but I can't help with that.",
    "As an AI, I cannot do that.",
    "Hello! How can I help?",
    "Please tell me more.",
    "Ok",
)


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


def _other_word(word: str, instruction: str, rng: Random) -> str:
    """Another word of the same sort, often one that the instruction offers."""
    if word.isdigit():
        return str(
            max(0, int(word) + rng.choice((-10, -5, -2, -1, 1, 2, 5, 10, rng.randint(-40, 40))))
        )
    words: list[str] = _WORD.findall(instruction)
    offered = [w for w in words if w[0].isupper() == word[0].isupper()]
    if offered and rng.random() < 0.5:
        return rng.choice(offered)
    return rng.choice(tables.NAMES if word[0].isupper() else _LOWER_WORDS)


def nudged(answer: str, instruction: str, rng: Random) -> str:
    """Change a right answer as sampling does: a word replaced, repeated, swapped, or left out."""
    spans = [match.span() for match in _WORD.finditer(answer)]
    if not spans:
        return answer
    start, end = rng.choice(spans)
    word, draw = answer[start:end], rng.random()
    if draw < 0.6:
        return answer[:start] + _other_word(word, instruction, rng) + answer[end:]
    first, last = rng.choice(spans)
    if draw < 0.75:
        return answer[:start] + answer[first:last] + answer[end:]
    if draw < 0.9 and (first, last) != (start, end):
        (a, b), (c, d) = sorted([(start, end), (first, last)])
        return answer[:a] + answer[c:d] + answer[b:c] + answer[a:b] + answer[d:]
    return answer[:start] + answer[end:].lstrip(" ,")


def spoiled(instruction: str, right: str, rng: Random) -> str:
    """Make a wrong answer: a slip, a cut, a repetition, a refusal, the answer to something else."""
    draw = rng.random()
    task = read_task(instruction)
    if draw < 0.35 and task is not None:
        return task.family.speak(task.slots, task.family.wrong_key(task.slots, rng))
    if draw < 0.82:
        return nudged(right, instruction, rng)
    if draw < 0.87:
        return right[: rng.randint(1, max(1, len(right) - 2))]
    if draw < 0.90:
        return " ".join([right] * rng.randint(2, 3))
    if draw < 0.94:
        return rng.choice(_EVASIONS)
    return draw_prompt(rng.choice(all_families()), rng).answer


def draw_pair(pool: Sequence[Judged], own_share: float, rng: Random) -> tuple[str, str, str]:
    """Draw (instruction, right, wrong).

    Args:
        pool: Judged answers.
        own_share: Share of pairs whose wrong answer a model gave; the others are spoiled, on
            instructions of the pool or, mostly, fresh ones.
        rng: Source of the draw.
    """
    while True:
        if rng.random() < own_share:
            judged = rng.choice(pool)
            if judged.wrong:
                return judged.instruction, rng.choice(judged.right), rng.choice(judged.wrong)
            continue
        if rng.random() < 0.3:
            judged = rng.choice(pool)
            instruction, right = judged.instruction, rng.choice(judged.right)
        else:
            prompt = draw_prompt(rng.choice(all_families()), rng)
            instruction, right = prompt.instruction, prompt.answer
        wrong = spoiled(instruction, right, rng)
        if wrong and check(instruction, wrong) is False:
            return instruction, right, wrong


def save_pool(pool: Sequence[Judged], path: Path) -> None:
    """Write a pool as JSON lines."""
    path.write_text("".join(json.dumps(asdict(judged)) + "\n" for judged in pool), encoding="utf-8")


def load_pool(path: Path) -> list[Judged]:
    """Read a pool."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Judged(row["instruction"], tuple(row["right"]), tuple(row["wrong"])) for row in rows]
