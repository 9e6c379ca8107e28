"""Words that no native reader would write, or that a reader outside the project cannot know."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("synthetic_instruction_tuner", "tuner", "tasks", "flows", "blocks", "docs")
SUFFIXES = (".py", ".j2", ".md", ".yaml", ".html", ".js")
INSTEAD = {
    r"\brightly\b": "correctly",
    r"\bnought\b": "zero",
    r"\bturn(s|ed|ing)? (\w+ )?away\b": "reject",
    r"\b(a )?look around\b": "exploratory",
    r"\balone it would count\b": "on its own the difference would be significant",
    r"\bright against wrong\b": "say which of the two is chosen",
    r"\bon 1 benchmarks\b": "one benchmark, several benchmarks",
    r"\brows wanted\b": "rows required",
    r"\btold apart\b": "distinguished, or: within the scatter of measurements",
}


def texts():
    yield from (path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and "weights" not in path.parts:  # made by a build
                yield path


@pytest.mark.parametrize("pattern", INSTEAD)
def test_no_text_holds_words_that_no_native_reader_would_write(pattern):
    words = re.compile(pattern, re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts()
        if (match := words.search(" ".join(path.read_text("utf-8").split())))
    ]
    assert not found, f"write {INSTEAD[pattern]!r}: {found}"
