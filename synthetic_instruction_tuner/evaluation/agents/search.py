"""The shortest plan: breadth-first search with the very tools that execute the agent's plan."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Condition, State
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError

Action = tuple[Tool, Arguments]


def shortest_plan(
    state: State, actions: Sequence[Action], goal: list[Condition], limit: int
) -> list[str] | None:
    """Find a shortest plan.

    Args:
        state: Flat dict; keys that start with an underscore never change (maps, recipes).
        actions: Every action with its arguments; tools may only set top-level keys.
        goal: Conditions [key, value] that must all hold.
        limit: Longest plan wanted.

    Returns:
        Actions as text ("go hall"), or None if there is no plan within the limit.
    """
    names = [name for name in state if not name.startswith("_")]
    wanted = dict(goal)
    seen = {tuple(state[name] for name in names)}
    queue: deque[tuple[State, tuple[str, ...]]] = deque([(state, ())])
    while queue:
        here, plan = queue.popleft()
        if all(here[name] == value for name, value in wanted.items()):
            return list(plan)
        if len(plan) == limit:
            continue
        for tool, arguments in actions:
            after = dict(here)
            try:
                tool.run(after, arguments)
            except ToolError:
                continue
            key = tuple(after[name] for name in names)
            if key not in seen:
                seen.add(key)
                queue.append((after, (*plan, " ".join([tool.name, *arguments.values()]))))
    return None
