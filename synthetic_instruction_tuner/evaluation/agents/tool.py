"""Tools: pure functions on a dict, each with a JSON schema. No network, no clock, no files."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from synthetic_instruction_tuner.evaluation.agents.item import (
    Arguments,
    Call,
    Result,
    Schema,
    State,
)
from synthetic_instruction_tuner.evaluation.agents.matching import as_number, plain


class ToolError(Exception):
    """A tool refuses: its message goes back to the agent, and the state stays as it was."""


def _nothing(state: State, arguments: Arguments) -> object:
    """Do nothing: tools of single-reply items are judged by their call alone."""
    return "ok"


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        parameters: JSON schema of each parameter; the order is that of positional actions.
        run: Called with a copy of the state, which it may change, and checked arguments; returns
            the result as a JSON value or raises `ToolError`.
        optional: Parameters that may be left out.
    """

    name: str
    description: str
    parameters: dict[str, Schema]
    run: Callable[[State, Arguments], object] = _nothing
    optional: tuple[str, ...] = ()

    def schema(self) -> Schema:
        """Return the tool as {name, description, parameters}, parameters as JSON schema."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": self.parameters,
                "required": [name for name in self.parameters if name not in self.optional],
                "additionalProperties": False,
            },
        }


def words() -> Schema:
    """Return the schema of a string parameter."""
    return {"type": "string"}


def integer() -> Schema:
    """Return the schema of a whole-number parameter."""
    return {"type": "integer"}


def one_of(*values: str) -> Schema:
    """Return the schema of a parameter with a few allowed strings."""
    return {"type": "string", "enum": list(values)}


class Outcome(NamedTuple):
    """State after a call, and what came back."""

    state: State
    result: Result


def execute(call: Call, tools: tuple[Tool, ...], state: State) -> Outcome:
    """Execute a call on a state; the state given in is never changed.

    Args:
        call: The call; its arguments are checked against the schema first.
        tools: The tools that are offered.
        state: What the tools work on.
    """
    tool = next((one for one in tools if one.name == call.tool), None)
    if tool is None:
        names = ", ".join(one.name for one in tools)
        problem = f"there is no tool {call.tool!r}; tools: {names}"
        return Outcome(state, Result(problem, "unknown tool"))
    arguments, problem = fit(call.arguments, tool.schema())
    if problem:
        return Outcome(state, Result(f"{tool.name}: {problem}", "wrong arguments"))
    changed = copy.deepcopy(state)
    try:
        result = tool.run(changed, arguments)
    except ToolError as error:
        return Outcome(state, Result(str(error), "refused"))
    return Outcome(changed, Result(result if isinstance(result, str) else json.dumps(result)))


def fit(arguments: Arguments, schema: Schema) -> tuple[Arguments, str]:
    """Check arguments against a tool's schema.

    "5" is taken for 5, 5 for "5", an allowed string in another case for itself: right content.

    Returns:
        The arguments in the schema's types, and what is wrong with them ("" if nothing).
    """
    properties = schema["parameters"]["properties"]
    unknown = sorted(set(arguments) - set(properties))
    missing = [name for name in schema["parameters"]["required"] if name not in arguments]
    if missing:
        return {}, f"missing: {', '.join(missing)}"
    if unknown:
        return {}, f"unknown: {', '.join(unknown)}"
    fitted: Arguments = {}
    for name, value in arguments.items():
        fitted[name] = _fit_one(value, properties[name])
        if fitted[name] is None:
            return {}, f"{name} must be {describe(properties[name])}"
    return fitted, ""


def _fit_one(value: Any, wanted: Schema) -> Any:
    """Return the value in the wanted type, or None."""
    if "enum" in wanted:
        return next((one for one in wanted["enum"] if plain(str(value)) == plain(one)), None)
    if wanted["type"] == "string":
        simple = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return str(value).strip() if simple else None
    if isinstance(value, bool):
        return None
    number = as_number(value) if isinstance(value, str) else value
    whole = isinstance(number, (int, float)) and number == number // 1
    return int(number) if whole and number is not None else None


def describe(wanted: Schema) -> str:
    """Say what a parameter takes: "integer", "string", or the allowed strings."""
    return "|".join(wanted["enum"]) if "enum" in wanted else str(wanted["type"])
