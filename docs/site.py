"""What the documentation site adds to the files in `docs/`: start page, settings, links to code.

`make docs` builds it with mkdocs. README, CONTRIBUTING and CHANGELOG stay where people look for
them; the settings reference is made from the settings models, so that it cannot be out of date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig, examples
from synthetic_instruction_tuner.config.reference import Setting, groups

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
    elif not name.startswith("docs/") or target.suffix not in (".md", ".png"):
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
        "changes one, `tuner settings section` shows them in a terminal. NAME is the name of an",
        "entry. Fields of arms differ by method, fields of rules by rule.",
    ]
    for group in groups(StudyConfig):
        lines += ["", f"## {group.title or 'study'}", "", (group.model.__doc__ or "").strip(), ""]
        lines += ["| field | type | range | default | unit | what it is | source | example |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        lines += map(_row, group.settings)
    return "\n".join(lines) + "\n"


def _row(one: Setting) -> str:
    example = "" if one.type.endswith("group") else f"`{examples.assignment(one)}`"
    cells = (
        f"`{one.name}`",
        f"`{one.type}`",
        one.range and f"`{one.range}`",
        one.default and f"`{one.default}`",
        one.unit,
        one.text,
        one.source,
        example,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
