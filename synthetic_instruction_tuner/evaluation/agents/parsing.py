"""Reading replies: calls, plans, answers and objects, strictly and leniently.

Strict means: the reply is exactly what was asked for. Lenient means: the thing asked for can be
found in the reply, with text or a code fence around it or in another usual spelling. What looks
like a call but cannot be read is still an *attempted* call: counting it as "no call" would credit
broken output as abstention (BFCL did so, github.com/ShishirPatil/gorilla/issues/1362).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Call, Schema

_LONGEST = 20_000
"""Characters of a reply that are looked at; no instructed reply comes near."""
_TRIES = 100
"""Places at which a JSON value is looked for; bounds the time on hostile text."""
_NAMES = ("tool", "name", "function", "tool_name", "action")
_ARGUMENTS = ("arguments", "args", "parameters", "params", "input")
_LISTS = ("tool_calls", "calls")
_CALL_LIKE = re.compile(
    r"""\{\s*["'“]?\w+["'”]?\s*:"""
    r"""|["'“](?:tool|tool_name|function|arguments|parameters)["'”]\s*:"""
    r"""|<\|?/?(?:tool_?call|function|python_tag)|```\s*(?:json|tool)""",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\banswer\b[\s*_]*(?:is\b|:|=)[\s*_:]*(?P<value>[^\n]*)", re.IGNORECASE)
_STEP = re.compile(
    r"^\W*step\s*(?P<number>\d{1,3})\b[\s*_]*[:.)=-][\s*_]*(?P<value>[^\n]*)", re.IGNORECASE
)
_ACTION = re.compile(r"^\s*(?:\d{1,3}\s*[.):]|[-*•])?\s*[\"'`*]*(?P<action>[^\n]*)$")
_FILLER = frozenset({"to", "the", "onto", "on", "from", "into", "in", "a", "an", "jug", "block"})
_OPENING = re.compile(r"[{\[]")
_PLAIN = re.compile(r"DONE|NO TOOL|ASK: \w+")


class Calls(NamedTuple):
    """Calls of a reply; `attempted` also where nothing could be read."""

    calls: tuple[Call, ...]
    strict: bool
    attempted: bool


class Value(NamedTuple):
    """An answer or object of a reply, None if there is none."""

    value: object
    strict: bool


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _load(text: str) -> Any:
    """Read text that is one JSON value and nothing else; None if it is not."""
    if len(text) > _LONGEST:
        return None
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None


def json_values(text: str) -> Iterator[Any]:
    """Find the JSON objects and lists in a text, outermost ones, left to right."""
    text, start = text[:_LONGEST], 0
    for _ in range(_TRIES):
        found = _OPENING.search(text, start)
        if found is None:
            return
        try:
            value, start = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            start = found.start() + 1
            continue
        yield value


def read_calls(text: str, tools: Sequence[Schema]) -> Calls:
    """Read the tool calls of a reply.

    Args:
        text: The reply.
        tools: JSON schemas of the offered tools; their names help to spot what looks like a call.
    """
    whole = _load(text)
    listed = whole if isinstance(whole, list) else [whole]
    exact = [_exact(one, tools) for one in listed]
    if exact and all(exact):
        return Calls(tuple(one for one in exact if one), True, True)
    found = tuple(call for value in json_values(text) for call in _usual(value))
    if found:
        return Calls(found, False, True)
    return Calls((), bool(_PLAIN.fullmatch(text.strip())), _looks_like_call(text, tools))


def _exact(value: object, tools: Sequence[Schema]) -> Call | None:
    """Read {"tool": name, argument: value, ...}, the instructed spelling.

    Arguments in an object of their own, {"tool": name, "arguments": {...}}, are another spelling.
    """
    if not isinstance(value, dict) or not isinstance(value.get("tool"), str):
        return None
    given = {key: one for key, one in value.items() if key != "tool"}
    known = {name for tool in tools for name in tool["parameters"]["properties"]}
    if len(given) == 1 and not known & given.keys() and _arguments(given) is not given:
        return None
    return Call(value["tool"], given)


def _usual(value: object, depth: int = 3) -> Iterator[Call]:
    """Read the spellings that models are trained on elsewhere, lists of them included."""
    if isinstance(value, list) and depth:
        for one in value:
            yield from _usual(one, depth - 1)
    if not isinstance(value, dict):
        return
    for key in _LISTS:
        if isinstance(value.get(key), list) and depth:
            yield from _usual(value[key], depth - 1)
            return
    if isinstance(value.get("function"), dict) and depth:
        yield from _usual(value["function"], depth - 1)
        return
    name = next((key for key in _NAMES if isinstance(value.get(key), str)), None)
    if name is not None:
        yield Call(value[name], _arguments({k: v for k, v in value.items() if k != name}))


def _arguments(rest: Arguments) -> Arguments:
    """Take the arguments of a call out of their own object, or as they lie beside the name."""
    for key in _ARGUMENTS:
        inner = rest.get(key)
        inner = _load(inner) if isinstance(inner, str) else inner
        if isinstance(inner, dict):
            return inner
    return rest


def _looks_like_call(text: str, tools: Sequence[Schema]) -> bool:
    text = text[:_LONGEST]
    names = "|".join(re.escape(tool["name"]) for tool in tools)
    return bool(
        _CALL_LIKE.search(text) or (names and re.search(rf"\b(?:{names})\b[\"'`]?\s*[({{\[]", text))
    )


def read_plan(text: str, tools: Sequence[Schema]) -> Calls:
    """Read a plan: a JSON list of actions ("go hall"), leniently also numbered lines."""
    whole = _load(text)
    if isinstance(whole, list) and whole and all(isinstance(one, str) for one in whole):
        return Calls(tuple(_action(one, tools) for one in whole), True, True)
    for value in json_values(text):
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return Calls(tuple(_action(one, tools) for one in value), False, True)
    called = tuple(call for value in json_values(text) for call in _usual(value))
    if called:
        return Calls(called, False, True)
    names = {tool["name"] for tool in tools}
    actions = tuple(
        one for one in _lines(text) if re.split(r"\W", one, maxsplit=1)[0].lower() in names
    )
    return Calls(tuple(_action(one, tools) for one in actions), False, bool(actions))


def _lines(text: str) -> Iterator[str]:
    for line in text[:_LONGEST].splitlines():
        found = _ACTION.match(line)
        if found:
            yield found["action"]


def _action(text: str, tools: Sequence[Schema]) -> Call:
    """Read "pour a b" as pour(source=a, target=b): arguments in the order of the schema.

    With too many words, filler words ("move a onto b") are left out.
    """
    words = re.findall(r"[\w-]+", text[:_LONGEST])
    name = words[0].lower() if words else ""
    given = words[1:]
    schema = next((tool for tool in tools if tool["name"] == name), None)
    if schema is None:
        return Call(name, _numbered(given))
    order = list(schema["parameters"]["properties"])
    if len(given) > len(order):
        given = [word for word in given if word.lower() not in _FILLER]
    if len(given) != len(order):
        return Call(name, _numbered(given))
    return Call(name, dict(zip(order, given, strict=True)))


def _numbered(words: Sequence[str]) -> Arguments:
    """Name arguments that fit no parameters by their position, so that they are refused later."""
    return {str(index): word for index, word in enumerate(words, start=1)}


def read_answer(text: str) -> Value:
    """Read the answer of a reply: its "ANSWER: value" line, leniently "the answer is", last line.

    Strict: exactly one line starts with "ANSWER: ", and it is the last.
    """
    lines = [line for line in text[:_LONGEST].strip().splitlines() if line.strip()]
    if not lines:
        return Value(None, False)
    marked = [line for line in lines if line.startswith("ANSWER: ")]
    if len(marked) == 1 and marked[0] is lines[-1]:
        return Value(marked[0].removeprefix("ANSWER: ").strip(), True)
    said = [found["value"].strip() for line in lines for found in _ANSWER.finditer(line)]
    said = [one for one in said if one]
    return Value((said[-1] if said else lines[-1].strip()).rstrip("*_ "), False)


def read_steps(text: str) -> dict[int, str]:
    """Read the intermediate results of a reply: its "STEP n: value" lines; the last of a number."""
    found = (_STEP.match(line) for line in text[:_LONGEST].splitlines())
    return {int(one["number"]): one["value"].strip() for one in found if one}


def read_object(text: str) -> Value:
    """Read the JSON object of a reply; leniently the last one in the text."""
    whole = _load(text)
    if isinstance(whole, dict):
        return Value(whole, True)
    found = [value for value in json_values(text) if isinstance(value, dict)]
    return Value(found[-1] if found else None, False)
