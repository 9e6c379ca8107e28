"""Every setting of a study, described from the models: for the command line and for the site."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Annotation: TypeAlias = object
"""What stands behind a field's colon: a class, a union, a list of either."""
_UNITS = {
    r".*seconds": "s",
    r".*minutes": "min",
    r"max_length|.*tokens": "tokens",
    r".*words": "words",
    r".*characters": "characters",
    r"window": "letters and digits",
    r".*steps": "optimizer steps",
    r"epochs": "passes",
    r".*share|coverage|.*similarity|dropout|top_p|.*_margin": "share, 0 to 1",
    r".*batch_size": "side by side",
    r"draws|max_draws|samples|chunk_size": "samples",
    r"target": "rows",
    r"pairs": "pairs",
    r".*items": "items",
    r"num_fewshot": "examples",
    r"requests_per_minute": "requests a minute",
    r"compute_units": "Colab compute units",
    r"compute_units_per_hour": "Colab compute units an hour",
    r"money_per_unit": "US dollars a unit",
    r"gpus": "GPUs",
    r"sentences": "sentences",
}
"""What numbers count, by the names of their fields; the first that fits."""
_SOURCES = re.compile(r"arXiv \d{4}\.\d{5}|the study's specification|GPT-4's report")


def classes_in(annotation: Annotation) -> list[type[BaseModel]]:
    """List the settings models within an annotation: of unions, tuples, annotated types."""
    return [
        one for one in _parts(annotation) if isinstance(one, type) and issubclass(one, BaseModel)
    ]


def _parts(annotation: Annotation) -> Iterator[Annotation]:
    yield annotation
    for one in get_args(annotation):
        yield from _parts(one)


@dataclass(frozen=True)
class Setting:
    """One setting, in words.

    Attributes:
        path: How it is typed; entries of lists stand as "NAME": training.arms.NAME.rank.
        kind: Which kind of entry has it (a method's name), where entries differ; else "".
        type: What its value is.
        range: Bounds, choices or pattern; "" where anything goes.
        default: Its default as YAML; "required" if it has none, "" for groups.
        unit: What a number counts; "" where it has no unit.
        text: What it is.
        source: Where the default comes from, as far as the models say.
        examples: Values that it may have.
    """

    path: str
    kind: str
    type: str
    range: str
    default: str
    unit: str
    text: str
    source: str
    examples: tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """The field itself, without its place."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Group:
    """A section of settings: a model and where it stands.

    Attributes:
        path: How it is typed, with "NAME" for an entry of a list; "" for the whole study.
        kind: Method of an arm; else "".
    """

    path: str
    kind: str
    model: type[BaseModel]

    @property
    def title(self) -> str:
        """Heading: "training.arms.NAME[lora]"."""
        return self.path + (f"[{self.kind}]" if self.kind else "")

    @property
    def text(self) -> str:
        """What the group is for."""
        return _plain(self.model.__doc__)

    @property
    def settings(self) -> list[Setting]:
        """The fields of the group itself."""
        return [_setting(self, *one) for one in self.model.model_fields.items()]


def groups(model: type[BaseModel], path: str = "", kind: str = "") -> Iterator[Group]:
    """List a settings model and all within it, each with its place in a study file."""
    yield Group(path, kind, model)
    for name, field in model.model_fields.items():
        below = f"{path}.{name}".removeprefix(".") + (".NAME" if is_list(field.annotation) else "")
        for one in classes_in(field.annotation):
            own = one.model_fields.get("method")
            yield from groups(one, below, str(own.default) if own else kind)


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """List every setting of a model and of all models within it."""
    for group in groups(model):
        yield from group.settings


def is_list(annotation: Annotation) -> bool:
    """Whether a field holds a list, of whatever."""
    return any(get_origin(one) is tuple for one in _parts(annotation))


def _setting(group: Group, name: str, field: FieldInfo) -> Setting:
    text = _text(group.model, name, field)
    return Setting(
        path=f"{group.path}.{name}".removeprefix("."),
        kind=group.kind,
        type=_type(field.annotation),
        range=_range(field),
        default=_default(field),
        unit=_unit(name, field),
        text=text,
        source=_source(text, group.model if _is_number(field) else None),
        examples=tuple(field.examples or ()),
    )


def _text(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Return a field's words: its own, those of the field that it replaces, or of its group."""
    fields = (base.model_fields.get(name) for base in model.__mro__ if issubclass(base, BaseModel))
    told = next((one.description for one in fields if one and one.description), None)
    inner = classes_in(field.annotation)
    return _plain(told or (inner[0].__doc__ if inner else ""))


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


def _type(annotation: Annotation) -> str:
    if annotation is type(None):
        return "none"
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(map(str, inside))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_type, inside)))
    if origin is Annotated:
        return _type(inside[0])
    if origin in (tuple, list):
        return f"list of {_type(inside[0])}"
    if origin is dict:
        return f"{_type(inside[1])} by name"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "group"
    return getattr(annotation, "__name__", str(annotation)).replace("str", "text")


def _range(field: FieldInfo) -> str:
    """Write bounds as a person would: "> 0 and <= 1"; a pattern as it is."""
    bounds = []
    for one in field.metadata:
        for attribute, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
            value = getattr(one, attribute, None)
            if value is not None:
                bounds.append(f"{sign} {value}")
        for attribute, words in (("max_length", "at most {} characters"), ("pattern", "{}")):
            value = getattr(one, attribute, None)
            if value is not None:
                bounds.append(words.format(value))
    return " and ".join(bounds)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return "" if any(isinstance(one, BaseModel) for one in value) else json.dumps(value)
    return "none" if value is None else json.dumps(value)


def _unit(name: str, field: FieldInfo) -> str:
    if not _is_number(field):
        return ""
    return next((u for pattern, u in _UNITS.items() if re.fullmatch(pattern, name)), "")


def _is_number(field: FieldInfo) -> bool:
    return any(one in (int, float) for one in _parts(field.annotation))


def _source(text: str, model: type[BaseModel] | None) -> str:
    """Return what a field's words cite; of a number also what its group or file cites."""
    places = [text]
    if model is not None:
        file = sys.modules[model.__module__].__doc__ if model.__name__ == "Config" else ""
        places += [_plain(model.__doc__), _plain(file)]
    found = next((one for one in map(_SOURCES.findall, places) if one), [])
    return ", ".join(dict.fromkeys(found))
