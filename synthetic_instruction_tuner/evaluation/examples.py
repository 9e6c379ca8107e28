"""Solved examples for the base's prompt: kept training rows.

So the base sees in its prompt what the arms were trained on; none of them is an item that is
measured or that chooses.
"""

from __future__ import annotations

from collections.abc import Iterable

from synthetic_instruction_tuner.config.base_prompts import BasePrompt
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import items
from synthetic_instruction_tuner.evaluation.subsets import rank
from synthetic_instruction_tuner.records import Example, Message, read_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest

KEPT = "examples.jsonl"
EXAMPLE_WORDS = 120
"""Most words of an example, question and answer together: some must fit into the context."""


def examples_for(prompt: BasePrompt, filtered: Manifest, asked: Manifest) -> tuple[Message, ...]:
    """Choose the solved examples of a prompt among the kept training rows.

    Single short questions, of different domains as far as there are, in an order that depends on
    their ids alone.

    Args:
        prompt: The form; without examples none are chosen.
        filtered: The kept rows.
        asked: The items artifact, whose texts no example may have.

    Raises:
        StageError: If there are not so many rows.
    """
    if not prompt.examples:
        return ()
    taken = {_plain(text) for text in items.all_texts(asked)}
    kept = read_lines(filtered.path(KEPT), Example)
    fitting = [one for one in kept if _fits(one) and _plain(one.instruction) not in taken]
    if len(fitting) < prompt.examples:
        raise StageError(
            f"evaluation.base_prompts: {prompt.name!r} needs {prompt.examples} kept training rows "
            f"of one short question and answer, {filtered.folder} has {len(fitting)}; name a "
            "prompt with fewer examples"
        )
    return tuple(
        {"role": role, "content": text}
        for one in _spread(fitting)[: prompt.examples]
        for role, text in (("user", one.instruction), ("assistant", one.response))
    )


def _spread(kept: Iterable[Example]) -> list[Example]:
    """Order rows by their ids, one a domain before a second."""
    seen: dict[str, int] = {}
    turns = []
    for one in sorted(kept, key=lambda one: rank(0, "example", one.id)):
        turn = seen.get(one.domain, 0)
        seen[one.domain] = turn + 1
        turns.append((turn, one))
    return [one for _, one in sorted(turns, key=lambda pair: pair[0])]


def _fits(one: Example) -> bool:
    """Whether a row is a single short question whose answer no stop string would cut."""
    return (
        one.split == "train"
        and not one.messages
        and len(f"{one.instruction} {one.response}".split()) <= EXAMPLE_WORDS
        and "\n\n" not in one.response.strip()
        and "\nQ:" not in one.response
    )


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
