"""What an agent item is and what an episode on it leaves behind: plain data, one JSON row each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from synthetic_instruction_tuner.benchmarks import Row
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.records import Message

Category = Literal["planning", "reasoning", "context", "feedback", "tool_use"]
CATEGORIES: tuple[Category, ...] = ("planning", "reasoning", "context", "feedback", "tool_use")
Form = Literal["calls", "plan", "answer", "object"]
Status = Literal["completed", "step limit", "invalid action", "context limit"]
State = dict[str, Any]
"""What tools read and change: JSON values."""
Arguments = dict[str, Any]
"""JSON values by parameter."""
Schema = dict[str, Any]
"""A tool or a parameter as JSON schema."""
Condition = list[Any]
"""[key, ..., value]: keys that lead into a state, and what is there."""


@dataclass(frozen=True)
class Turn:
    """One scripted user turn.

    Attributes:
        user: What the user says; the same for every model, never made by a model.
        until: "reply": one reply ends the turn; "done": calls are executed and answered until a
            reply has no call.
        scripted: The assistant's reply when it is given instead of asked for (earlier turns of a
            conversation), so that all models see the same history.
    """

    user: str
    until: Literal["reply", "done"] = "reply"
    scripted: str | None = None


@dataclass(frozen=True)
class Check:
    """One executable condition.

    Attributes:
        kind: Name of a function in `checks.KINDS`.
        turn: The turn whose replies are looked at; -1 is the last.
        value: What is expected, as the kind needs it.
    """

    kind: str
    value: dict[str, Any] = field(default_factory=dict)
    turn: int = -1


@dataclass(frozen=True)
class Item:
    """A task with everything needed to run and check it.

    Attributes:
        id: "family-level-number"; equal for every model and every call.
        form: What a reply has to look like: tool calls, a plan, an answer line, a JSON object.
        tools: JSON schemas of the tools that are offered, as {name, description, parameters}.
        init_state: What the tools work on at the start.
        max_steps: Most replies asked for.
        gold: The replies of an agent that does everything right, exactly as instructed.
        checks: All must hold.
    """

    id: str
    category: Category
    family: str
    level: int
    seed: int
    form: Form
    system: str
    tools: tuple[Schema, ...]
    init_state: State
    turns: tuple[Turn, ...]
    max_steps: int
    gold: tuple[str, ...]
    checks: tuple[Check, ...]

    def as_row(self) -> Row:
        """Return the item as one JSON row."""
        return asdict(self)


@dataclass(frozen=True)
class Call:
    """A tool call as it was read from a reply."""

    tool: str
    arguments: Arguments


@dataclass(frozen=True)
class Result:
    """What a call did: `error` is None, or "unknown tool", "wrong arguments", "refused"."""

    text: str
    error: str | None = None


@dataclass(frozen=True)
class Reply:
    """One reply of the agent and what was read from it.

    Attributes:
        turn: Index of the user turn that it belongs to.
        strict: The reply has exactly the instructed form.
        attempted: It holds a call, or something that looks like one.
        value: The answer (text) or the object that was found, None if there is none.
    """

    turn: int
    text: str
    strict: bool
    attempted: bool = False
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    value: object = None


@dataclass(frozen=True)
class Episode:
    """An item as one agent went through it.

    Attributes:
        messages: The whole conversation as the agent saw it.
        state: What the tools left behind.
    """

    item: Item
    status: Status
    messages: tuple[Message, ...]
    replies: tuple[Reply, ...]
    state: State

    def as_row(self) -> Row:
        """Return the episode as one JSON row that names its item by id."""
        fields = {key: value for key, value in vars(self).items() if key not in ("item", "replies")}
        replies = [asdict(reply) for reply in self.replies]
        return {"item": self.item.id, **fields, "messages": list(self.messages), "replies": replies}

    @classmethod
    def from_row(cls, row: Row, item: Item) -> Episode:
        """Read a row back; `item` must be the one it was made with."""
        if row["item"] != item.id:
            raise StageError(f"the episode is on item {row['item']!r}, not on {item.id!r}")
        replies = tuple(_reply(one) for one in row["replies"])
        return cls(item, row["status"], tuple(row["messages"]), replies, row["state"])

    def of_turn(self, turn: int) -> tuple[Reply, ...]:
        """Return the replies to one user turn; -1 is the item's last."""
        index = turn % len(self.item.turns)
        return tuple(reply for reply in self.replies if reply.turn == index)


def _reply(row: Row) -> Reply:
    calls = tuple(Call(**one) for one in row["calls"])
    results = tuple(Result(**one) for one in row["results"])
    return Reply(**{**row, "calls": calls, "results": results})


def state_hash(state: State) -> str:
    """Return the sha256 of a state in canonical JSON."""
    text = json.dumps(state, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def holds(state: State, condition: Condition) -> bool:
    """Tell whether a condition [key, ..., value] is true of a state (keys lead into dicts)."""
    *path, value = condition
    here: Any = state
    for key in path:
        if not isinstance(here, dict) or key not in here:
            return False
        here = here[key]
    return bool(here == value)
