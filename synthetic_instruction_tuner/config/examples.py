"""Examples of settings: what the presets say, which is known to work."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache

from synthetic_instruction_tuner.config import presets, yaml_text
from synthetic_instruction_tuner.config.assignments import names_of
from synthetic_instruction_tuner.config.reference import Setting


def assignment(setting: Setting) -> str:
    """Write "path=value" with a value that the setting may have.

    A value of the model's own examples comes first, then one that a preset gives, best another
    than the default; then the default itself.
    """
    told = _told().get((setting.path, setting.kind), [])
    values = [json.dumps(one) for one in setting.examples] + [value for _, value in told]
    others = [one for one in values if one != setting.default] or values
    value = others[0] if others else _made(setting)
    name = next((path for path, one in told if one == value), setting.path)
    return f"{name}={_unquoted(value)}"


def _made(setting: Setting) -> str:
    choices = setting.type.split(" or ")
    if setting.default not in ("", "none", "required"):
        return setting.default
    plain = {"int": "1", "float": "1.0", "bool": "true", "text": "TEXT"}
    return plain.get(choices[0], choices[0] if " " not in choices[0] else "[]")


def _unquoted(value: str) -> str:
    """Drop the quotes of a text that YAML reads as the same text without them."""
    text = json.loads(value) if value.startswith('"') else value
    return text if text == value or _reads_as_itself(text) else value


def _reads_as_itself(text: str) -> bool:
    try:
        return yaml_text.parse(text) == text
    except ValueError:
        return False


@cache
def _told() -> Mapping[tuple[str, str], list[tuple[str, str]]]:
    """Return, by path and method, where presets give a setting and as what."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for preset in presets.names():
        for path, kind, typed, value in _leaves(presets.read(preset), "", "", ""):
            found.setdefault((path, kind), []).append((typed, json.dumps(value)))
    return found


def _leaves(
    value: object, path: str, kind: str, typed: str
) -> Iterator[tuple[str, str, str, object]]:
    if isinstance(value, list) and any(names_of(one) for one in value):
        for one in value:
            name = names_of(one)[-1]
            yield from _leaves(one, f"{path}.NAME", kind, f"{typed}.{name}")
    elif isinstance(value, Mapping):
        kind = str(value.get("method", kind))
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}".strip("."), kind, f"{typed}.{key}".strip("."))
    else:
        yield path, kind, typed, value
