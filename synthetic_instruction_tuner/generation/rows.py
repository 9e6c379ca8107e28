"""Raw rows of any usual shape, turned into messages or refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from synthetic_instruction_tuner.config.sources import ColumnsConfig
from synthetic_instruction_tuner.records import Message

RECOGNISED = ColumnsConfig()

PAIRS = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("input", "output"),
)
"""Names under which rows hold what is asked and the answer; the first that a row has counts."""
CHATS = ("messages", "conversations")
SHAPES = (
    f"{', '.join('/'.join(one) for one in PAIRS)}, messages, or conversations (ShareGPT); "
    "generation.columns names other fields"
)
_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}


class BadRow(ValueError):
    """A row that cannot be used.

    Attributes:
        rule: Short name of the reason, for counts.
        value: What was found.
        expected: What is allowed.
    """

    def __init__(self, rule: str, value: str, expected: str) -> None:
        super().__init__(f"{rule}: {value}; expected {expected}")
        self.rule, self.value, self.expected = rule, value, expected


class Shape(NamedTuple):
    """Which fields of a row are what, under the names that the row has.

    Attributes:
        conversation: Field with a list of messages; None: the next two hold one exchange.
        instruction: Field with what is asked.
        response: Field with the answer.
        context: Field with what the instruction speaks of; may be missing in the row.
        system: Fields that may hold a system prompt.
    """

    conversation: str | None
    instruction: str
    response: str
    context: str
    system: tuple[str, ...]

    def __str__(self) -> str:
        return self.conversation or f"{self.instruction} -> {self.response}"


def shape_of(row: Mapping[str, Any], columns: ColumnsConfig) -> Shape:
    """Tell what the fields of a row are: as named in the settings, else by their usual names.

    Raises:
        BadRow: If they are neither.
    """
    known = {str(name).strip().lower(): name for name in row}
    system = (columns.system,) if columns.system else ("system_prompt", "system")
    rest = (columns.input or known.get("input", "input"), tuple(known.get(n, n) for n in system))
    named = (columns.messages, columns.instruction, columns.response)
    if any(named):
        missing = [one for one in named if one is not None and one not in row]
        if not missing:
            return _as_named(known, columns, *rest)
        raise BadRow("shape", ", ".join(map(str, row)), f"the columns {', '.join(missing)}")
    for name in CHATS:
        if name in known and row[known[name]] is not None:
            return Shape(known[name], "", "", *rest)
    for question, answer in PAIRS:
        if question in known and answer in known:
            return Shape(None, known[question], known[answer], *rest)
    raise BadRow("shape", ", ".join(map(str, row)) or "no fields", SHAPES)


def _as_named(
    known: Mapping[str, str], columns: ColumnsConfig, context: str, system: tuple[str, ...]
) -> Shape:
    """Take the fields that the settings name; the other half of an exchange may be recognised."""
    if columns.messages:
        return Shape(columns.messages, "", "", context, system)
    asked = columns.instruction or next((known[q] for q, _ in PAIRS if q in known), None)
    answered = columns.response or next((known[a] for _, a in PAIRS if a in known), None)
    if asked is None or answered is None:
        raise BadRow("shape", ", ".join(known), "columns.instruction and columns.response")
    return Shape(None, asked, answered, context, system)


def read_row(row: Any, columns: ColumnsConfig = RECOGNISED) -> tuple[str, list[Message]]:
    """Read one raw row.

    Args:
        row: What a file held.
        columns: Which of its fields is what; by default the usual names are recognised.

    Returns:
        The system prompt ("" for none), and user and assistant messages in alternation, at least
        one of each.

    Raises:
        BadRow: If it has no known shape, or a text is missing, empty or not text.
    """
    if not isinstance(row, Mapping):
        raise BadRow("shape", type(row).__name__, "an object with named fields")
    shape = shape_of(row, columns)
    if shape.conversation is None:
        return _pair(row, shape)
    system, turns = _checked(_chat(_unpacked(row[shape.conversation])))
    return system or _system(row, shape), turns


def _unpacked(turns: Any) -> Any:
    """Read messages that a table's cell holds as JSON."""
    if isinstance(turns, str) and turns.lstrip().startswith("["):
        try:
            return json.loads(turns)
        except (ValueError, RecursionError):
            return turns
    return turns


def _pair(row: Mapping[str, Any], shape: Shape) -> tuple[str, list[Message]]:
    question, answer = shape.instruction, shape.response
    if isinstance(row[question], list):  # TRL's conversational prompt/completion
        return _checked(_chat([*row[question], *_as_list(row[answer])]))
    instruction = _text(row[question], question)
    context = row.get(shape.context)  # Alpaca rows carry what the instruction speaks of separately
    if isinstance(context, str) and context.strip() and shape.context != question:
        instruction = f"{instruction}\n\n{context}"
    turns = [
        {"role": "user", "content": instruction},
        {"role": "assistant", "content": _text(row[answer], answer)},
    ]
    return _system(row, shape), _checked(turns)[1]


def _system(row: Mapping[str, Any], shape: Shape) -> str:
    """Return the system prompt that stands beside the turns."""
    told = next((row[name] for name in shape.system if row.get(name)), "")
    return _text(told, "system").strip()


def _as_list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise BadRow("type", type(value).__name__, "a list of messages, as the prompt is one")
    return value


def _chat(turns: Any) -> list[Message]:
    if not isinstance(turns, (list, tuple)):
        raise BadRow("type", type(turns).__name__, "a list of messages")
    messages = []
    for turn in turns:
        role, content = _keys(turn)
        speaker = _SHAREGPT_ROLES.get(str(turn[role]))
        if speaker is None:
            raise BadRow("roles", str(turn[role]), "system, user and assistant")
        messages.append({"role": speaker, "content": _text(turn[content], content)})
    return messages


def _keys(turn: Any) -> tuple[str, str]:
    """Tell which keys a message has for speaker and text; both kinds occur under either name."""
    for role, content in (("role", "content"), ("from", "value")):
        if isinstance(turn, Mapping) and role in turn and content in turn:
            return role, content
    raise BadRow("type", str(turn)[:80], "messages with role and content, or from and value")


def _checked(messages: list[Message]) -> tuple[str, list[Message]]:
    """Split off the system turn, and demand user and assistant in alternation, none empty."""
    system = ""
    if messages and messages[0]["role"] == "system":
        system, messages = messages[0]["content"].strip(), messages[1:]
    stripped = [one | {"content": one["content"].strip()} for one in messages]
    roles = [one["role"] for one in stripped]
    if len(roles) < 2 or len(roles) % 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        raise BadRow("roles", " ".join(roles) or "none", "user and assistant in alternation")
    for number, one in enumerate(stripped):
        if not one["content"]:
            kind = "instruction" if one["role"] == "user" else "response"
            raise BadRow(f"empty_{kind}", f"message {number + 1}", "some text")
    return system, stripped


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise BadRow("type", f"{name} is {type(value).__name__}", "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRow("encoding", f"{name}: {error.reason}", "valid Unicode") from error
    return value
