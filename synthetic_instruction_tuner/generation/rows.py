"""Raw rows of any usual shape, turned into messages or refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.records import Message

PAIRS = (("instruction", "output"), ("instruction", "response"), ("prompt", "completion"))
SHAPES = (
    "instruction/output, instruction/response, prompt/completion, messages, or conversations "
    "(ShareGPT)"
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


def read_row(row: Any) -> tuple[str, list[Message]]:
    """Read one raw row.

    Returns:
        The system prompt ("" for none), and user and assistant messages in alternation, at least
        one of each.

    Raises:
        BadRow: If it has no known shape, or a text is missing, empty or not text.
    """
    if not isinstance(row, Mapping):
        raise BadRow("shape", type(row).__name__, "an object with named fields")
    for name in ("messages", "conversations"):
        if row.get(name) is not None:
            system, turns = _checked(_chat(row[name]))
            return system or _system(row), turns
    for question, answer in PAIRS:
        if question in row and answer in row:
            return _pair(row, question, answer)
    raise BadRow("shape", ", ".join(map(str, row)) or "no fields", SHAPES)


def _pair(row: Mapping[str, Any], question: str, answer: str) -> tuple[str, list[Message]]:
    if isinstance(row[question], list):  # TRL's conversational prompt/completion
        return _checked(_chat([*row[question], *_as_list(row[answer])]))
    instruction = _text(row[question], question)
    context = row.get("input")  # Alpaca rows carry what the instruction speaks of separately
    if isinstance(context, str) and context.strip():
        instruction = f"{instruction}\n\n{context}"
    turns = [
        {"role": "user", "content": instruction},
        {"role": "assistant", "content": _text(row[answer], answer)},
    ]
    return _system(row), _checked(turns)[1]


def _system(row: Mapping[str, Any]) -> str:
    """Return the system prompt that stands beside the turns."""
    return _text(row.get("system_prompt") or row.get("system") or "", "system").strip()


def _as_list(value: Any) -> list[Any]:
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


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadRow("type", f"{name} is {type(value).__name__}", "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRow("encoding", f"{name}: {error.reason}", "valid Unicode") from error
    return value
