"""Settings by path: `--set training.arms.sft.rank=16`, and the same from forms and programs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from synthetic_instruction_tuner.config import yaml_text
from synthetic_instruction_tuner.errors import ConfigurationError

Section: TypeAlias = "dict[str, object] | list[object]"


def parse(assignment: str) -> tuple[str, object, str]:
    """Read one "section.field=value" as path, value, and how an error names it.

    Raises:
        ConfigurationError: If it is written otherwise.
    """
    key, separator, text = assignment.partition("=")
    if not separator or not key.strip():
        raise ConfigurationError(f"--set {assignment!r}: write it as section.field=value")
    try:
        return key.strip(), yaml_text.parse(text), f"--set {assignment!r}"
    except ValueError as error:
        raise ConfigurationError(f"--set {assignment!r}: {text!r} is not YAML: {error}") from error


def assign(values: dict[str, object], path: str, value: object, assignment: str) -> None:
    """Put a value at a path; `assignment` is how an error names the attempt.

    Raises:
        ConfigurationError: If the path leads through a value, or to no one entry of a list.
    """
    target: Section = values
    *parents, last = path.split(".")
    for part in parents:
        target = _step(target, part, assignment)
    if isinstance(target, list):
        target[_position(target, last, assignment)] = value
    else:
        target[last] = value


def _step(target: Section, part: str, assignment: str) -> Section:
    """Go into a section, as a copy: others that share it through a YAML alias stay as they are."""
    if isinstance(target, list):
        place = _position(target, part, assignment)
        child = target[place] = _section(target[place], part, assignment)
    else:
        child = target[part] = _section(target.get(part, {}), part, assignment)
    return child


def _section(found: object, part: str, assignment: str) -> Section:
    if not isinstance(found, (dict, list)):
        raise ConfigurationError(f"{assignment}: {part!r} is a value, not a section")
    return copy.copy(found)


def names_of(entry: object) -> list[str]:
    """Return what an entry of a list is called: its name; a benchmark's key, too."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        return []
    shots = entry.get("num_fewshot")
    return [entry["name"], *([] if shots is None else [f"{entry['name']}-{shots}shot"])]


def _position(target: Sequence[object], part: str, assignment: str) -> int:
    """Find a list entry by its name or its number."""
    found = [place for place, entry in enumerate(target) if part in names_of(entry)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{assignment}: {part!r} fits {len(found)} entries; which one? "
            + " or ".join(_apart(target[place], place) for place in found)
        )
    if part.isdigit() and int(part) < len(target):
        return int(part)
    known = [names_of(one)[0] for one in target if names_of(one)]
    raise ConfigurationError(f"{assignment}: no entry {part!r}; allowed: {known} or a number")


def _apart(entry: object, place: int) -> str:
    """Name one of several entries of the same name."""
    longer = names_of(entry)[1:]
    return f"{longer[0]} (number {place})" if longer else f"number {place}"
