"""Prompts with one to three constraints each, drawn from a seed."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation import prompts
from synthetic_instruction_tuner.evaluation.instructions.constraints import CONSTRAINTS

TASKS = (
    "Describe {topic}.", "Tell me about {topic}.", "What do you think of {topic}?",
    "Explain {topic} to a child.", "Write a note about {topic}.", "Why do people like {topic}?",
    "Give some advice on {topic}.", "Write a short story about {topic}.",
)  # fmt: skip
TOPICS = (
    "rain", "bread", "the sea", "a market", "old books", "bicycles", "winter", "a long journey",
    "cooking soup", "a garden", "music", "cats", "early mornings", "a train station", "tea",
    "learning to swim", "the moon", "a small shop", "writing letters", "apples",
)  # fmt: skip
SHARES = (0.5, 0.35, 0.15)
"""Shares of one, two and three constraints among prompts that can have several."""
WHOLE = "whole"


def draw(total: int, seed: int) -> list[prompts.Prompt]:
    """Draw different prompts; every kind of constraint comes first equally often."""
    rng = Random(f"instructions-{seed}")
    names = sorted(CONSTRAINTS)
    found: dict[str, prompts.Prompt] = {}
    while len(found) < total:
        rng.shuffle(names)
        for name in names[: total - len(found)]:
            one = _draw_one(name, rng)
            found.setdefault(one.text, one)
    return list(found.values())


def _draw_one(first: str, rng: Random) -> prompts.Prompt:
    wanted = rng.choices((1, 2, 3), weights=SHARES)[0]
    chosen, groups = [first], {WHOLE, CONSTRAINTS[first].group}
    for name in rng.sample(sorted(CONSTRAINTS), len(CONSTRAINTS)):
        if len(chosen) == wanted or CONSTRAINTS[first].group == WHOLE:
            break
        if CONSTRAINTS[name].group not in groups:
            chosen.append(name)
            groups.add(CONSTRAINTS[name].group)
    task = rng.choice(CONSTRAINTS[first].tasks or TASKS).format(topic=rng.choice(TOPICS))
    settings = [CONSTRAINTS[name].draw(rng) for name in chosen]
    said = [CONSTRAINTS[n].say(s) for n, s in zip(chosen, settings, strict=True)]
    text = " ".join([task, *said])
    for name, values in zip(chosen, settings, strict=True):
        if name == "repeats_request":
            values["request"] = task
    data = {
        "constraints": [
            {"name": name, "settings": values}
            for name, values in zip(chosen, settings, strict=True)
        ]
    }
    return prompts.make("instructions", first, text, data)
