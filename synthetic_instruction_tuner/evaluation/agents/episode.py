"""Running items: all episodes advance in lockstep, so that a model can answer in batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.agents import parsing, prompts
from synthetic_instruction_tuner.evaluation.agents.item import (
    Episode,
    Item,
    Reply,
    Result,
    Status,
)
from synthetic_instruction_tuner.evaluation.agents.tiers import family_named
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, execute
from synthetic_instruction_tuner.records import Message

Agent = Callable[[list[Message]], str]
ReplyBatch = Callable[[list[list[Message]]], Sequence[str | None]]

_UNREADABLE_IN_A_ROW = 3
"""Unreadable calls in a row after which an episode ends as "invalid action"."""


def run_episode(item: Item, agent: Agent) -> Episode:
    """Run one item.

    Args:
        item: The item.
        agent: Messages in (roles system, user, assistant), reply text out.
    """
    return run_episodes([item], lambda batch: [agent(messages) for messages in batch])[0]


def run_episodes(items: Sequence[Item], reply_batch: ReplyBatch) -> list[Episode]:
    """Run items side by side.

    Args:
        items: The items.
        reply_batch: Conversations in, one reply each out, in the same order; None where a
            conversation no longer fits the model's context.

    Returns:
        One episode an item, in the order of the items.
    """
    runs = [_Run(item) for item in items]
    while waiting := [run for run in runs if run.status is None]:
        replies = reply_batch([[dict(one) for one in run.messages] for run in waiting])
        if len(replies) != len(waiting):
            raise StageError(f"{len(replies)} replies came back for {len(waiting)} conversations")
        for run, text in zip(waiting, replies, strict=True):
            run.take(text)
    return [run.episode() for run in runs]


class _Run:
    """An episode under way."""

    def __init__(self, item: Item) -> None:
        offered = {tool["name"] for tool in item.tools}
        every: tuple[Tool, ...] = family_named(item.family).tools if offered else ()
        self.item = item
        self.tools = tuple(tool for tool in every if tool.name in offered)
        self.state = copy.deepcopy(item.init_state)
        self.messages: list[Message] = [{"role": "system", "content": item.system}]
        self.replies: list[Reply] = []
        self.status: Status | None = None
        self.turn = -1
        self._next_turn("")

    def _next_turn(self, before: str) -> None:
        """Let the user speak; scripted replies are taken as said."""
        while self.turn + 1 < len(self.item.turns):
            self.turn += 1
            turn = self.item.turns[self.turn]
            self._say("user", before + turn.user)
            if turn.scripted is None:
                return
            self._say("assistant", turn.scripted)
            before = ""
        self.status = "completed"

    def _say(self, role: str, content: str) -> None:
        self.messages.append({"role": role, "content": content})

    def take(self, text: str | None) -> None:
        """Take the agent's reply and bring the episode to where the next one is needed."""
        if text is None:
            self.status = "context limit"
            return
        self._say("assistant", text)
        reply = self._read(text)
        self.replies.append(reply)
        answer = self._feedback(reply)
        if self.item.turns[self.turn].until == "reply" or not reply.attempted:
            self._next_turn(answer + "\n" if answer else "")
        else:
            self._say("user", answer)
        last = self.replies[-_UNREADABLE_IN_A_ROW:]
        if self.status is None and len(self.replies) >= self.item.max_steps:
            self.status = "step limit"
        elif len(last) == _UNREADABLE_IN_A_ROW and all(_unreadable(one) for one in last):
            self.status = "invalid action"

    def _read(self, text: str) -> Reply:
        if self.item.form == "answer":
            answer = parsing.read_answer(text)
            return Reply(self.turn, text, answer.strict, value=answer.value)
        if self.item.form == "object":
            found = parsing.read_object(text)
            return Reply(self.turn, text, found.strict, value=found.value)
        read = parsing.read_plan if self.item.form == "plan" else parsing.read_calls
        calls = read(text, self.item.tools)
        results = self._execute(calls)
        return Reply(self.turn, text, calls.strict, calls.attempted, calls.calls, results)

    def _execute(self, read: parsing.Calls) -> tuple[Result, ...]:
        """Execute the calls in order; a plan stops at the first action that cannot be done."""
        results: list[Result] = []
        for call in read.calls:
            self.state, result = execute(call, self.tools, self.state)
            results.append(result)
            if self.item.form == "plan" and result.error:
                break
        return tuple(results)

    def _feedback(self, reply: Reply) -> str:
        """Write what the tools said; "" if no call was attempted or the form knows no results."""
        if self.item.form != "calls" or not reply.attempted:
            return ""
        if not reply.calls:
            return prompts.ERROR + prompts.UNREADABLE
        return "\n".join(
            (prompts.ERROR if result.error else prompts.RESULT) + result.text
            for result in reply.results
        )

    def episode(self) -> Episode:
        """Return what is left when the episode has ended."""
        if self.status is None:
            raise AssertionError(f"the episode on {self.item.id} has not ended")
        return Episode(
            self.item, self.status, tuple(self.messages), tuple(self.replies), self.state
        )


def _unreadable(reply: Reply) -> bool:
    return reply.attempted and not reply.calls
