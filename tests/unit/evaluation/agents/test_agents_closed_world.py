"""The closed world's tier: as checkable as the general one, and within its models' reach."""

from collections import Counter

import pytest

from synthetic_instruction_tuner.evaluation.agents import generate_items, run_episode, score, texts
from synthetic_instruction_tuner.evaluation.agents.baselines import TRIVIAL, oracle
from synthetic_instruction_tuner.evaluation.agents.item import Item
from synthetic_instruction_tuner.sandbox import check


@pytest.fixture(scope="module")
def world() -> list[Item]:
    return generate_items(42, "closed_world")


def test_every_tool_on_every_level(world: list[Item]) -> None:
    cells = Counter((item.family, item.level) for item in world)
    assert set(cells.values()) == {5}
    assert len(cells) == 6 * 3
    assert len(set(texts(world))) == len(world) == 90
    assert all(len(item.turns) == item.level for item in world)
    assert generate_items(42, "closed_world") == world


def test_gold_calls_are_what_the_worlds_own_checker_wants(world: list[Item]) -> None:
    for item in world:
        for turn, gold in zip(item.turns, item.gold, strict=True):
            assert check(turn.user, gold) is True
            assert check(turn.user, gold.replace("tool", "tools", 1)) is False


def test_the_oracle_is_right_everywhere(world: list[Item]) -> None:
    episodes = [run_episode(item, oracle(item)) for item in world]
    assert score(episodes)["overall"]["success_strict"] == 1.0


@pytest.mark.parametrize("name", TRIVIAL)
def test_agents_that_can_do_nothing_score_nothing(name: str, world: list[Item]) -> None:
    episodes = [run_episode(item, TRIVIAL[name](item)) for item in world]
    assert score(episodes)["overall"]["success"] == 0.0
