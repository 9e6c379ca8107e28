"""Drawing tasks and conversations: what corpora and measurements are made of."""

from dataclasses import asdict, dataclass
from random import Random
from typing import Literal

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots, around

Wording = Literal["seen", "held_out"]


@dataclass(frozen=True)
class Prompt:
    """A task in words, with its answer.

    Attributes:
        family: Name of the task family.
        domain: Name of the domain, a key of `DOMAINS`.
        instruction: What the user says.
        answer: The canonical right answer.
        wording: Whether the wording occurs in the corpora ("seen") or never does ("held_out").
    """

    family: str
    domain: str
    instruction: str
    answer: str
    wording: Wording

    def as_row(self) -> dict[str, str]:
        """Return the prompt as a plain JSON row."""
        return asdict(self)


def draw_solvable(family: Family, rng: Random) -> Slots:
    """Draw slots that have an answer."""
    for _ in range(100):
        slots = family.draw(rng)
        if family.key(slots) is not None:
            return slots
    raise ValueError(f"family {family.name} drew no solvable task")


def draw_prompt(
    family: Family, rng: Random, *, wording: Wording = "seen", dressed: bool = True
) -> Prompt:
    """Draw one prompt of a family; `dressed` allows an opening or closing around the task."""
    slots = draw_solvable(family, rng)
    text = family.instruction(slots, rng, held_out=wording == "held_out")
    if dressed:
        text = around(text, tables.NAMES, rng)
    answer = family.answer(slots)
    assert answer is not None
    return Prompt(family.name, family.domain, text, answer, wording)


def held_out_prompts(
    n: int, seed: int, wording: Wording | Literal["both"] = "both"
) -> list[Prompt]:
    """Draw prompts for measuring, spread evenly over the families.

    The seen wordings are new draws of the corpora's templates (an instruction of a small
    family, such as capitals, can still equal a corpus row); the held-out wordings use templates
    that no corpus ever contains.

    Args:
        n: Number of prompts.
        seed: Seed of the draw; equal seeds give equal prompts.
        wording: "seen", "held_out", or "both" (alternating).
    """
    rng = Random(f"held-out-{seed}")
    families = list(all_families())
    prompts: list[Prompt] = []
    while len(prompts) < n:
        rng.shuffle(families)
        for family in families[: n - len(prompts)]:
            either: Wording = "held_out" if rng.random() < 0.5 else "seen"
            prompts.append(
                draw_prompt(family, rng, wording=either if wording == "both" else wording)
            )
    return prompts
