"""Wrong settings in plain words: the path as it was typed, the value, and what is allowed."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from synthetic_instruction_tuner.config.assignments import names_of
from synthetic_instruction_tuner.config.reference import classes_in, settings_of
from synthetic_instruction_tuner.config.study import StudyConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

HIDDEN = ("completions.url", "completions.api_key_variable")
"""Fields into which a secret is put by mistake: an error does not repeat what they hold."""
SHOWN = reprlib.Repr()
"""Shows values in errors: a few lines of YAML can stand for more text than fits the memory."""
SHOWN.maxlevel, SHOWN.maxstring, SHOWN.maxother = 2, 400, 400
NEAREST = 3
"""Names that are offered for an unknown one."""
_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "dict_type": "must be a group of names with values",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length} entries",
    "union_tag_invalid": "method must be one of {expected_tags}",
    "union_tag_not_found": "method is required",
    "value_error": "{error}",
}
"""What pydantic's errors say to people who do not know it."""


def explain(
    error: ValidationError, values: object = None, root: type[BaseModel] = StudyConfig
) -> str:
    """Say in one line what is wrong: the field, the value, and what is allowed.

    Args:
        error: What pydantic found.
        values: What was validated, so that entries of lists are called by their names.
        root: Model that it was validated with.
    """
    return "; ".join(_problem(one, values, root) for one in error.errors())


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return the names that somebody may have meant, the best first."""
    return difflib.get_close_matches(name, known, NEAREST)


def _problem(one: ErrorDetails, values: object, root: type[BaseModel]) -> str:
    path = typed_path(one["loc"], values)
    field = ".".join(path) or "study"
    if one["type"] == "extra_forbidden":
        return f"{field}: no such field{_offered(one['loc'], path, values, root)}"
    hidden = isinstance(one["input"], Mapping) or field.endswith(HIDDEN)
    value = "" if hidden else f" (got {SHOWN.repr(one['input'])})"
    return f"{field}: {_message(one)}{value}"


def _message(one: ErrorDetails) -> str:
    words = one.get("ctx", {})
    if one["type"] in ("model_type", "model_attributes_type"):
        return "must be a group of fields"
    known = _WORDS.get(one["type"])
    told = known.format_map(words) if known else one["msg"]
    tags = str(words.get("expected_tags", "")).replace("'", "").split(", ")
    near = nearest(str(words["tag"]), tags) if "tag" in words else []
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return " ".join(told.split()) + meant


def typed_path(location: Sequence[int | str], values: object) -> list[str]:
    """Write a place as people type it: arms by name, without the tags that pydantic puts in."""
    path: list[str] = []
    for part in location:
        if isinstance(part, int):
            values = values[part] if isinstance(values, list) and part < len(values) else None
            path.append((names_of(values) or [str(part)])[0])
        elif isinstance(values, Mapping):
            if part not in values and part == values.get("method"):
                continue
            values = values.get(part)
            path.append(part)
        else:
            path.append(part)
    return path


def _offered(
    location: Sequence[int | str], path: list[str], values: object, root: type[BaseModel]
) -> str:
    """Name what somebody may have meant, and the fields that exist where an unknown one stands."""
    fields = _fields_at(location, root)
    wrong = path[-1]
    near = [".".join([*path[:-1], one]) for one in nearest(wrong, fields)]
    if not near:
        near = list(_elsewhere(wrong, root))[:NEAREST]
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{meant}; allowed here: {', '.join(fields)}" if fields else meant


def _fields_at(location: Sequence[int | str], root: type[BaseModel]) -> list[str]:
    models: list[type[BaseModel]] = [root]
    for part in location[:-1]:
        models = list(_below(models, part))
    return list(models[0].model_fields) if len(models) == 1 else []


def _below(models: list[type[BaseModel]], part: int | str) -> Iterator[type[BaseModel]]:
    """Go one part of a place down: into a field, to an entry of a list, to one of several kinds."""
    if isinstance(part, int):
        yield from models
        return
    for model in models:
        if part in model.model_fields:
            yield from classes_in(model.model_fields[part].annotation)
        elif "method" in model.model_fields and model.model_fields["method"].default == part:
            yield model


def _elsewhere(name: str, root: type[BaseModel]) -> Iterator[str]:
    """List the places where a field of this name exists."""
    is_it: Callable[[str], bool] = lambda path: path.rpartition(".")[2] == name  # noqa: E731
    yield from filter(is_it, (one.path for one in settings_of(root)))
