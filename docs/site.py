"""What the documentation site adds to the files in `docs/`: start page, settings, links to code.

`make docs` builds it with mkdocs. README, CONTRIBUTING and CHANGELOG stay where people look for
them; the settings reference is made from the settings models, so that it cannot be out of date.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from synthetic_instruction_tuner.config import StudyConfig

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that do not lie in `docs/` (called by mkdocs)."""
    from mkdocs.structure.files import File

    made = {"settings.md": settings_reference()}
    made |= {page: (ROOT / name).read_text(encoding="utf-8") for name, page in PAGES.items()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    decisions = sorted(one.src_uri for one in files if one.src_uri.startswith("decisions/"))
    _replace(config["nav"], decisions)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links to files outside `docs/` into plain words (called by mkdocs)."""
    source = page.file.src_uri
    start = ROOT if source in PAGES.values() else (ROOT / "docs" / source).parent
    return re.sub(
        r"\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)",
        lambda found: _link(found, start, (ROOT / "docs" / source).parent),
        markdown,
    )


def _link(found: re.Match[str], start: Path, here: Path) -> str:
    target = (start / found[2]).resolve()
    name = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else ""
    if name in PAGES:
        target = ROOT / "docs" / PAGES[name]
    elif not name.startswith("docs/") or target.suffix != ".md":
        return f"{found[1]} (`{name}`)" if name and name not in found[1] else found[1]
    up = "../" * len(here.relative_to(ROOT / "docs").parts)
    return f"[{found[1]}]({up}{target.relative_to(ROOT / 'docs').as_posix()}{found[3] or ''})"


def _replace(nav: list[Any], decisions: list[str]) -> None:
    for entry in nav:
        for name, below in entry.items() if isinstance(entry, dict) else ():
            if below == "decisions":
                entry[name] = decisions
            elif isinstance(below, list):
                _replace(below, decisions)


def settings_reference() -> str:
    """Return the page of all settings, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Every setting of a study, as `section.field`; `tuner run STUDY --set section.field=value`",
        "changes one. Fields of arms differ by method, fields of rules by rule.",
    ]
    for place, model in groups(StudyConfig, ""):
        lines += ["", f"## {place or 'study'}", "", (model.__doc__ or "").strip(), ""]
        lines += ["| field | type | default | what it is |", "|---|---|---|---|"]
        lines += [_row(name, field, model) for name, field in model.model_fields.items()]
    return "\n".join(lines) + "\n"


def groups(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """List a settings model and all within it, each with its place in the YAML file."""
    yield place, model
    for name, field in model.model_fields.items():
        inner = [one for one in _arguments(field.annotation) if _is_model(one)]
        for one in inner:
            mark = f"[{one.model_fields['method'].default}]" if "method" in one.model_fields else ""
            yield from groups(one, f"{place}.{name}{mark}".removeprefix("."))


def _is_model(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, BaseModel)


def _arguments(annotation: Any) -> Iterator[Any]:
    """List the classes within an annotation: of unions, tuples, annotated types."""
    yield annotation
    for one in typing.get_args(annotation):
        yield from _arguments(one)


def _row(name: str, field: FieldInfo, model: type[BaseModel]) -> str:
    told = [base.model_fields.get(name) for base in model.__mro__ if _is_model(base)]
    text = next((one.description for one in told if one and one.description), None)
    if text is None:  # a group says itself what it is
        inner = [one.__doc__ for one in _arguments(field.annotation) if _is_model(one)]
        text = (inner[0] if inner else None) or ""
    cells = (f"`{name}`", f"`{_type(field.annotation)}`", _default(field), " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any) -> str:
    if annotation is type(None):
        return "none"
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(map(str, inside))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_type, inside)))
    if origin is typing.Annotated:
        return _type(inside[0])
    if origin in (tuple, list):
        return f"list of {_type(inside[0])}"
    if _is_model(annotation):
        return "group"
    return getattr(annotation, "__name__", str(annotation)).replace("str", "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or isinstance(value, (BaseModel, tuple)):
        return "" if value != () else "none"
    return "none" if value is None else f"`{value}`"
