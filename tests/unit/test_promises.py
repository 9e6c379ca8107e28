"""Each promise of reliability and threat model stands beside tests, and these exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\|.*\|$", re.M)
NAMED = re.compile(r"`((?:unit|pipeline|prefect|security|chaos)(?:/[\w/]+(?:\.py)?)?)`")
WITHOUT_TEST = ("loopback and no password", "known vulnerabilities")
"""What is left to the person who runs it, with the page that says how."""


def promises(page):
    """Return the rows of the first table, without its head."""
    rows = ROW.findall((ROOT / "docs" / page).read_text(encoding="utf-8").split("\n## `make")[0])
    return [row for row in rows[2:] if not set(row) <= set("|-: ")]


@pytest.mark.parametrize("page", ["reliability.md", "threat-model.md"])
def test_every_promise_names_tests_that_exist(page):
    found = promises(page)
    assert len(found) > 20
    for row in found:
        names = NAMED.findall(row.rstrip("|").rsplit("|", 1)[1])
        assert names or any(one in row for one in WITHOUT_TEST), row
        for name in names:
            assert (ROOT / "tests" / name).exists(), f"{name} of {row[:90]}"


def test_the_threat_model_names_the_boundary():
    text = " ".join((ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").split())
    assert "nothing in it says what code runs or what leaves it" in text
    assert "The boundary runs between the command line" in text
