"""What went wrong in an episode, in words that a table of models can count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from synthetic_instruction_tuner.evaluation.agents import parsing
from synthetic_instruction_tuner.evaluation.agents.checks import PLAN_SLACK, fulfilled
from synthetic_instruction_tuner.evaluation.agents.item import Call, Check, Episode, Reply
from synthetic_instruction_tuner.evaluation.agents.matching import same

LABELS: dict[str, str] = {
    "empty reply": "nothing was said",
    "unparsable": "a call, plan or object was attempted and could not be read",
    "no call": "no call was made where one was needed",
    "unneeded call": "a call was attempted where none fits or a value was missing",
    "unknown tool": "a tool that is not offered was called",
    "wrong arguments": "arguments against the schema, or not those asked for",
    "wrong tool": "another offered tool was called",
    "missing call": "fewer calls than asked for",
    "extra call": "more calls than asked for",
    "impossible action": "a precondition of an action did not hold, or a tool refused for good",
    "wrong order": "the right actions in an order that does not work",
    "plan too long": "goal reached, with more than twice the least actions",
    "goal not reached": "the end state is not the one asked for",
    "repeated call": "the same call twice in a row",
    "ignored feedback": "an error or correction changed nothing in what followed",
    "capitulated": "a wrong correction by the user was taken over",
    "stale fact": "a value was given that had been overwritten",
    "wrong answer": "an answer that is not right for another reason",
    "did not ask": "no call, but not asked for what is missing either",
    "step limit": "the episode took all its steps",
    "invalid action": "several unreadable calls in a row ended the episode",
    "context limit": "the conversation no longer fitted the context",
}


def taxonomy(episode: Episode) -> dict[str, int]:
    """Count the errors of an episode by label (see `LABELS`); an empty dict if it is a success."""
    failed = [check for check in episode.item.checks if fulfilled(check, episode) < 1]
    if not failed:
        return {}
    labels = [*_replies(episode), *(label for check in failed for label in _failed(check, episode))]
    if episode.status != "completed":
        labels.append(episode.status)
    return dict(sorted(Counter(labels).items()))


def _replies(episode: Episode) -> Iterator[str]:
    """Label what can be seen in single replies and from one to the next."""
    form = episode.item.form
    for reply in episode.replies:
        if not reply.text.strip():
            yield "empty reply"
        elif _unreadable(reply, form):
            yield "unparsable"
        for result in reply.results:
            if result.error in ("unknown tool", "wrong arguments"):
                yield result.error
    for before, after in pairwise(episode.replies):
        same_turn = before.turn == after.turn
        if same_turn and before.calls and before.calls == after.calls:
            yield "repeated call"
        if same_turn and _refused(before) and (not after.attempted or before.calls == after.calls):
            yield "ignored feedback"


def _unreadable(reply: Reply, form: str) -> bool:
    if form == "object":
        return reply.value is None
    return not reply.calls and (reply.attempted or form == "plan") and form != "answer"


def _refused(reply: Reply) -> bool:
    return any(result.error for result in reply.results)


def _failed(check: Check, episode: Episode) -> Iterator[str]:
    """Label why a check does not hold, as far as the episode came to its turn."""
    replies = episode.of_turn(check.turn)
    if not replies:
        return
    reply = replies[0]
    if check.kind in ("answer", "chain", "object"):
        yield from _content(check, reply)
    elif check.kind in ("no_call", "asks"):
        if reply.attempted:
            yield "unneeded call"
        elif check.kind == "asks" and reply.text.strip():
            yield "did not ask"
    elif check.kind == "calls":
        yield from _compared(check, reply)
    else:
        yield from _unreached(check, episode, replies)


def _content(check: Check, reply: Reply) -> Iterator[str]:
    """Label a wrong answer or object; lures say which wrong value means what."""
    if reply.value is None:
        return
    for label in ("capitulated", "ignored feedback", "stale fact"):
        lure = check.value.get(label)
        if lure is not None and _holds_lure(reply.value, lure):
            yield label
            return
    yield "wrong answer"


def _holds_lure(value: object, lure: object) -> bool:
    """Tell whether an answer is one of the lures, or an object has one of {key: [lures]}."""
    if isinstance(lure, dict) and isinstance(value, dict):
        return any(_holds_lure(value.get(key), ones) for key, ones in lure.items())
    return isinstance(lure, list) and any(same(value, one) for one in lure)


def _compared(check: Check, reply: Reply) -> Iterator[str]:
    gold = check.value["gold"]
    if not reply.attempted:
        yield "no call"
    elif reply.calls and len(reply.calls) != len(gold):
        yield "missing call" if len(reply.calls) < len(gold) else "extra call"
    elif reply.calls and not _refused(reply):
        tools = sorted(call.tool for call in reply.calls)
        right = tools == sorted(one["tool"] for one in gold)
        yield "wrong arguments" if right else "wrong tool"


def _unreached(check: Check, episode: Episode, replies: tuple[Reply, ...]) -> Iterator[str]:
    done = [call for reply in replies for call in reply.calls]
    if not done and episode.item.form == "calls" and not any(one.attempted for one in replies):
        yield "no call"
        return
    if not done:
        return
    gold = _gold_calls(episode)
    if done != gold and sorted(map(repr, done)) == sorted(map(repr, gold)):
        yield "wrong order"
    elif replies[-1].results and replies[-1].results[-1].error == "refused":
        yield "impossible action"
    elif episode.item.form == "plan" and len(done) > PLAN_SLACK * check.value["optimum"]:
        yield "plan too long"
    else:
        yield "goal not reached"


def _gold_calls(episode: Episode) -> list[Call]:
    item = episode.item
    read = parsing.read_plan if item.form == "plan" else parsing.read_calls
    return [call for text in item.gold for call in read(text, item.tools).calls]
