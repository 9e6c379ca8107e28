"""The system turns: short, because small models are to read them; one a reply form."""

from __future__ import annotations

from synthetic_instruction_tuner.evaluation.agents.item import Form, Schema
from synthetic_instruction_tuner.evaluation.agents.tool import describe

RESULT = "TOOL RESULT: "
"""What a result starts with; results come back as user turns, so any chat template will do."""
ERROR = "TOOL ERROR: "
UNREADABLE = 'the call could not be read; write {"tool": ...} with its arguments as JSON'

_CALLS = """You can use these tools:
{tools}
To use a tool, reply with only a JSON object of its name and its arguments, such as
{{"tool": "paint", "wall": "left", "coats": 2}}
To use several at once, reply with only a JSON list of such objects.
If a required value is not known, reply only: ASK: parameter
If no tool can do it, reply only: NO TOOL
When all is finished, reply only: DONE"""
_PLAN = """You plan with these actions:
{tools}
Reply with only the whole plan as a JSON list. Each entry is an action's name and its arguments \
with spaces between, such as ["paint left", "wait"]."""
_ANSWER = """Work step by step. Write each intermediate result on its own line as
STEP 1: value
STEP 2: value
and so on. End with one line
ANSWER: value"""
_OBJECT = """Remember what the user tells you. When asked for it, reply with only a JSON object \
with exactly the keys that the user names."""

_TEXTS: dict[Form, str] = {"calls": _CALLS, "plan": _PLAN, "answer": _ANSWER, "object": _OBJECT}


def system(form: Form, tools: tuple[Schema, ...]) -> str:
    """Write the system turn of an item."""
    if form in ("calls", "plan"):
        return _TEXTS[form].format(tools="\n".join(signature(tool) for tool in tools))
    return _TEXTS[form]


def signature(tool: Schema) -> str:
    """Write a tool's schema as one line: a third of the tokens of its JSON."""
    required = tool["parameters"]["required"]
    parameters = ", ".join(
        f"{name}{'' if name in required else '?'}: {describe(wanted)}"
        for name, wanted in tool["parameters"]["properties"].items()
    )
    return f"- {tool['name']}({parameters}): {tool['description']}"
