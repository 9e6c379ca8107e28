"""The executable checks: each tells how far an episode fulfils one condition, from 0 to 1."""

from __future__ import annotations

import re
from collections.abc import Callable

from synthetic_instruction_tuner.evaluation.agents.item import (
    Arguments,
    Call,
    Check,
    Condition,
    Episode,
    holds,
    state_hash,
)
from synthetic_instruction_tuner.evaluation.agents.matching import same
from synthetic_instruction_tuner.evaluation.agents.parsing import read_steps
from synthetic_instruction_tuner.evaluation.agents.tool import fit

PLAN_SLACK = 2
"""A plan may be this many times as long as the shortest one."""


def fulfilled(check: Check, episode: Episode) -> float:
    """Return how far a check is fulfilled; exactly 1.0 is a pass."""
    return KINDS[check.kind](check, episode)


def _answer(check: Check, episode: Episode) -> float:
    """{"gold": text}: the answer is right."""
    replies = episode.of_turn(check.turn)
    return float(bool(replies) and same(replies[0].value, check.value["gold"]))


def _chain(check: Check, episode: Episode) -> float:
    """{"gold": text, "hops": [text]}: the answer is right; else the share of right steps."""
    if _answer(check, episode):
        return 1.0
    replies, hops = episode.of_turn(check.turn), check.value["hops"]
    given = read_steps(replies[0].text) if replies else {}
    right = sum(_says(given.get(number, ""), hop) for number, hop in enumerate(hops, start=1))
    return right / (len(hops) + 1)


def _says(step: str, hop: str) -> bool:
    """Tell whether a step ends in a value: "23", "14 + 9 = 23", "the lead is Ana"."""
    end = " ".join(step.split()[-len(hop.split()) :])
    return same(step, hop) or same(end, hop) or same(step.rpartition("=")[2], hop)


def _plan(check: Check, episode: Episode) -> float:
    """{"goal": [condition], "optimum": n}: every action possible, goal reached, not too long."""
    replies, goal = episode.of_turn(check.turn), check.value["goal"]
    if not replies:
        return 0.0
    reply = replies[0]
    possible = bool(reply.calls) and not any(result.error for result in reply.results)
    short = len(reply.calls) <= PLAN_SLACK * check.value["optimum"]
    if possible and short and all(holds(episode.state, one) for one in goal):
        return 1.0
    return _reached(goal, episode)


def _reached(goal: list[Condition], episode: Episode) -> float:
    """Return the share of the conditions that came true, always below 1."""
    new = [one for one in goal if not holds(episode.item.init_state, one)]
    return sum(holds(episode.state, one) for one in new) / (len(new) + 1)


def _state(check: Check, episode: Episode) -> float:
    """{"sha256": of the right end state, "goal": [condition]}: nothing missing, nothing else."""
    if state_hash(episode.state) == check.value["sha256"]:
        return 1.0
    return _reached(check.value["goal"], episode)


def _recorded(check: Check, episode: Episode) -> float:
    """{"key": of the state, "gold": value}: what the agent handed in there is right."""
    return float(same(episode.state[check.value["key"]], check.value["gold"]))


def _calls(check: Check, episode: Episode) -> float:
    """{"gold": [{tool, arguments}]}: exactly these calls in the turn's first reply, any order."""
    replies, gold = episode.of_turn(check.turn), list(check.value["gold"])
    given = replies[0].calls if replies else ()
    wanted = len(gold)
    for call in given:
        match = next((one for one in gold if same_call(call, one, episode)), None)
        if match is not None:
            gold.remove(match)
    return (wanted - len(gold)) / max(wanted, len(given))


def same_call(call: Call, gold: Arguments, episode: Episode) -> bool:
    """Tell whether a call is the right one: same tool, same arguments after schema and writing."""
    schema = next((tool for tool in episode.item.tools if tool["name"] == gold["tool"]), None)
    if schema is None or call.tool != gold["tool"]:
        return False
    arguments, problem = fit(call.arguments, schema)
    return not problem and same(arguments, gold["arguments"])


def _no_call(check: Check, episode: Episode) -> float:
    """{}: the turn's first reply says something and holds nothing like a call."""
    replies = episode.of_turn(check.turn)
    return float(bool(replies) and bool(replies[0].text.strip()) and not replies[0].attempted)


def _asks(check: Check, episode: Episode) -> float:
    """{"words": [text]}: no call, and one of these words for what is missing is said."""
    if not _no_call(check, episode):
        return 0.0
    words = "|".join(re.escape(word) for word in check.value["words"])
    return float(bool(re.search(rf"\b(?:{words})\b", episode.of_turn(check.turn)[0].text.lower())))


def _object(check: Check, episode: Episode) -> float:
    """{"gold": {key: value}}: the object has these values and no other keys."""
    replies, gold = episode.of_turn(check.turn), check.value["gold"]
    given = replies[0].value if replies else None
    if not isinstance(given, dict):
        return 0.0
    right = sum(key in given and same(given[key], value) for key, value in gold.items())
    return right / len(gold.keys() | given.keys())


KINDS: dict[str, Callable[[Check, Episode], float]] = {
    "answer": _answer,
    "asks": _asks,
    "calls": _calls,
    "chain": _chain,
    "no_call": _no_call,
    "object": _object,
    "plan": _plan,
    "recorded": _recorded,
    "state": _state,
}
