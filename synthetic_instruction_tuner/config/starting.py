"""A study file to start from: what was chosen, each field with its words."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.config.reference import Setting, settings_of
from synthetic_instruction_tuner.config.study import StudyConfig

EDITOR = "# yaml-language-server: $schema="
EMBEDDED, REAL = "sandbox-smoke", "colab-t4"
"""Presets that lend their values: for the embedded models, for models of the Hub."""
METHODS = "sandbox-methods"
ALIGNED = ("cpo", "dpo", "kto", "simpo")
GOES_ON = ("lora", "rslora", "dora")
"""Methods that learn from pairs start best from an arm that learnt to answer, with its adapter."""
WIDTH = 100
MOST_CHOICES = 40
"""Characters of a range that a comment still holds."""
Words: TypeAlias = Mapping[tuple[str, str], Setting]
HEAD = """\
# A study. Check it: tuner plan {file} · tuner run {file} --dry-run · run it: tuner run {file}
# Every setting with its range: tuner settings (or tuner settings training.arms.lora).
"""


class Chosen(NamedTuple):
    """What a new study is about.

    Attributes:
        name: Name of the study.
        methods: Adaptation methods, an arm each.
        benchmarks: What is measured.
        data: Rows of one's own; None: the teacher draws.
        columns: Which field of them is what, as far as it is not recognised.
        student: Base model; None: the embedded one.
        teacher: Instruct model that draws; None: the embedded one.
    """

    name: str
    methods: Sequence[str]
    benchmarks: Sequence[str]
    data: str | None = None
    columns: Mapping[str, str] = {}
    student: str | None = None
    teacher: str | None = None


def study_text(chosen: Chosen, file: str, schema: str) -> str:
    """Write a study file.

    Args:
        chosen: What it is about.
        file: Its name, for the commands in its head.
        schema: Where the schema lies, for editors.

    Raises:
        ValueError: If the choice makes no valid study.
    """
    values = _values(chosen)
    StudyConfig.model_validate(values)
    words = {(one.path, one.kind): one for one in settings_of(StudyConfig)}
    body = "\n".join(_lines(values, words))
    return f"{EDITOR}{schema}\n{HEAD.format(file=file)}\n{body}\n"


def _values(chosen: Chosen) -> dict[str, object]:
    preset = presets.read(REAL if chosen.student else EMBEDDED)
    arms = _arms(chosen)
    training = _section(preset, "training") | {"arms": arms}
    training.pop("checkpoint_steps", None)
    if chosen.student:
        training["student"] = {"name": chosen.student}
    values = {"name": chosen.name, "seed": 42, "generation": _generation(chosen, preset)}
    values["filtering"] = _filtering(chosen, preset)
    if any(_default(one["method"], "data") == "preference" for one in arms):
        values["preference"] = preset["preference"]
    return values | {"training": training, "evaluation": _evaluation(chosen, preset)}


def _section(values: Mapping[str, object], name: str) -> dict[str, object]:
    found = values.get(name)
    return dict(found) if isinstance(found, Mapping) else {}


def _generation(chosen: Chosen, preset: Mapping[str, object]) -> dict[str, object]:
    if chosen.data is not None:
        named = {"columns": dict(chosen.columns)} if chosen.columns else {}
        return {"source": chosen.data, **named}
    section = _section(preset, "generation")
    section.pop("domains", None)
    return section | ({"teacher": {"name": chosen.teacher}} if chosen.teacher else {})


def _filtering(chosen: Chosen, preset: Mapping[str, object]) -> dict[str, object]:
    """Of rows that somebody chose, short ones are meant to be short."""
    if chosen.data is None:
        return _section(preset, "filtering")
    return {"target": 1000, "validation_share": 0.2, "rules": {"length": {"min_words": 3}}}


def _evaluation(chosen: Chosen, preset: Mapping[str, object]) -> dict[str, object]:
    section = _section(preset, "evaluation")
    known = section.get("benchmarks")
    entries = {one["name"]: one for one in known} if isinstance(known, list) else {}
    section["benchmarks"] = [
        entries.get(name, {"name": name, "items": 100}) for name in chosen.benchmarks
    ]
    return section


def _arms(chosen: Chosen) -> list[dict[str, object]]:
    """Make an arm of each method, with what a preset gives it for models of this size."""
    section = _section(presets.read(REAL if chosen.student else METHODS), "training")
    known = section["arms"] if isinstance(section["arms"], list) else []
    arms: list[dict[str, object]] = []
    for method in dict.fromkeys(chosen.methods):
        lent = next((dict(one) for one in known if one["method"] == method), {})
        lent.pop("start_from", None)
        arm: dict[str, object] = {"name": method, "method": method} | lent | {"name": method}
        start = next((one["name"] for one in arms if one["method"] in GOES_ON), None)
        if start is not None and method in ALIGNED:
            arm["start_from"] = start
        arms.append(arm)
    return arms


def _default(method: object, field: str) -> object:
    found = (one for one in settings_of(StudyConfig) if one.kind == method and one.name == field)
    return next((one.default.strip('"') for one in found), None)


# --- as YAML with words --------------------------------------------------------------------


def _lines(values: Mapping[str, object], words: Words) -> Iterator[str]:
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield from _field(words.get((name, "")), name, value, "")
            continue
        yield f"\n{name}:"
        for field, one in value.items():
            setting = words.get((f"{name}.{field}", ""))
            if isinstance(one, list) and all(isinstance(entry, Mapping) for entry in one):
                yield from _entries(setting, field, one, words)
            else:
                yield from _field(setting, field, one, "  ")


def _entries(
    setting: Setting | None, name: str, entries: Sequence[object], words: Words
) -> Iterator[str]:
    yield from _commented(f"  {name}:", _comment(setting))
    told: set[str] = set()
    for entry in entries:
        if not isinstance(entry, Mapping) or "method" not in entry:
            yield f"    - {_flow(entry)}"
            continue
        mark = "    - "
        for field, value in entry.items():
            one = words.get((f"training.arms.NAME.{field}", str(entry["method"])))
            comment = "" if field in told else _comment(one)
            told.add(field)
            yield from _commented(f"{mark}{field}: {_flow(value)}", comment)
            mark = "      "


def _field(setting: Setting | None, name: str, value: object, indent: str) -> Iterator[str]:
    yield from _commented(f"{indent}{name}: {_flow(value)}", _comment(setting))


def _commented(line: str, comment: str) -> Iterator[str]:
    """Put a comment behind its line, or above it where it is too long for that."""
    if not comment:
        yield line
    elif len(line) + len(comment) < WIDTH:
        yield f"{line}  # {comment}"
    else:
        indent = " " * (len(line) - len(line.lstrip()))
        yield from textwrap.wrap(
            comment, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
        yield line


def _comment(setting: Setting | None) -> str:
    """Return the first sentence of a setting's words, and its range."""
    if setting is None or not setting.text:
        return ""
    first = setting.text.partition(". ")[0].partition("; ")[0].rstrip(".")
    choices = setting.type if " or " in setting.type and not setting.range else setting.range
    return first + (f" ({choices})" if choices and len(choices) < MOST_CHOICES else "")


def _flow(value: object) -> str:
    """Write a value in one line, without quotes where YAML needs none."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value):
        return (
            value
            if value.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
            else json.dumps(value)
        )
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < value < 1e-3 else repr(value)
    return json.dumps(value)
