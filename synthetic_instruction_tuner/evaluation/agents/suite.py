"""The suite: the same items for the same seed, on every machine and every call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from synthetic_instruction_tuner.evaluation.agents import prompts
from synthetic_instruction_tuner.evaluation.agents.episode import run_episode
from synthetic_instruction_tuner.evaluation.agents.family import LEVELS, Draft, Family
from synthetic_instruction_tuner.evaluation.agents.item import Item, state_hash
from synthetic_instruction_tuner.evaluation.agents.tiers import TIERS, Tier

ITEMS_A_LEVEL = 5
"""Items of each family on each level."""
_DRAWS = 400
"""Draws of one item at most: a family whose draws are all unsuitable is a defect."""


def generate_items(seed: int, tier: Tier = "general") -> list[Item]:
    """Draw a tier of the suite: every family, every level, `ITEMS_A_LEVEL` items.

    Args:
        seed: The random stream of an item depends on the seed, its family, level and number only,
            so a new family leaves all other items as they are.
        tier: Which families.

    Returns:
        Items in the order of family, level, number; no two with the same turns.
    """
    items: list[Item] = []
    for name, family in TIERS[tier]().items():
        seen: set[str] = set()
        for level in LEVELS:
            for number in range(1, ITEMS_A_LEVEL + 1):
                item = _draw(name, family, level, number, seed, seen)
                seen.add(texts([item])[0])
                items.append(item)
    return items


def texts(items: Iterable[Item]) -> list[str]:
    """Return what the users of the items say, one text an item: for decontamination.

    System turns are left out: they are instructions on the form and alike for all items.
    """
    return ["\n".join(turn.user for turn in item.turns) for item in items]


def _draw(name: str, family: Family, level: int, number: int, seed: int, seen: set[str]) -> Item:
    rng = Random(f"agents/{seed}/{name}/{level}/{number}")
    for _ in range(_DRAWS):
        draft = family.draw(rng, level)
        if draft is None:
            continue
        item = _item(f"{name}-{level}-{number}", name, family, level, seed, draft)
        if texts([item])[0] not in seen:
            return _sealed(item)
    raise AssertionError(f"family {name!r} drew nothing suitable for level {level}")


def _item(id: str, name: str, family: Family, level: int, seed: int, draft: Draft) -> Item:
    offered = [tool.name for tool in family.tools] if draft.offered is None else draft.offered
    by_name = {tool.name: tool.schema() for tool in family.tools}
    tools = tuple(by_name[one] for one in offered)
    free = sum(turn.scripted is None for turn in draft.turns)
    several = any(turn.until == "done" for turn in draft.turns)
    return Item(
        id=id,
        category=family.category,
        family=name,
        level=level,
        seed=seed,
        form=family.form,
        system=family.system or prompts.system(family.form, tools),
        tools=tools,
        init_state=draft.state,
        turns=draft.turns,
        max_steps=2 * len(draft.gold) + 1 if several else free,
        gold=draft.gold,
        checks=draft.checks,
    )


def _sealed(item: Item) -> Item:
    """Write the hash of the end state that the gold replies lead to into the state checks."""
    if all(check.kind != "state" for check in item.checks):
        return item
    replies = iter(item.gold)
    end = state_hash(run_episode(item, lambda _: next(replies)).state)
    checks = (
        replace(check, value={**check.value, "sha256": end}) if check.kind == "state" else check
        for check in item.checks
    )
    return replace(item, checks=tuple(checks))
