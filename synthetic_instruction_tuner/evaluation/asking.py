"""Asking the base in a plain prompt: a conversation as text, and where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic_instruction_tuner.config.base_prompts import Layout
from synthetic_instruction_tuner.records import Message


def render(layout: Layout, examples: Sequence[Message], turns: Sequence[Message]) -> str:
    r"""Write a conversation as text whose continuation is the next answer.

    >>> from synthetic_instruction_tuner.config.base_prompts import LAYOUTS
    >>> render(LAYOUTS["qa"], [], [{"role": "user", "content": "What is 1 plus 1?"}])
    'Q: What is 1 plus 1?\nA:'
    """
    text = ""
    for turn in [*examples, *turns]:
        said = turn["content"].strip()
        if turn["role"] == "assistant":
            text += f"{layout.answer} {said}\n\n"
        elif turn["role"] == "user":
            text += f"{layout.question} {said}\n"
        else:
            text += f"{said}\n\n"
    begun = turns[-1]["role"] == "assistant"  # an answer that the benchmark begins
    return text.rstrip() if begun else text + layout.answer


def cut(text: str, stops: Sequence[str]) -> str:
    r"""Cut an answer before the first text that ends it; white space before the answer is none.

    >>> cut("\n\nParis\n\nQ: And Rome?", ["\n\n", "\nQ:"])
    'Paris'
    """
    if not stops:
        return text
    text = text.lstrip()
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]
