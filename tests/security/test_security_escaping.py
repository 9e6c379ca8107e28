"""What models write stays text wherever people look at it."""

import json
import re

import pytest

from synthetic_instruction_tuner.reporting.markdown import cell, fenced
from synthetic_instruction_tuner.reporting.page import as_json
from synthetic_instruction_tuner.storage.formats import markdown_table

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "| a | b |\n|---|---|",
    "`code` **bold** _it_",
    "```\n</pre>\n~~~",
    "<!-- ",
    "\\[x](y)",
    "a\u2028b\u2029c\x00",
    "{{ 7 * 7 }} {% raw %} ${x} [[study/name]]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_markdown_cell_is_one_line_without_markup(text):
    shown = cell(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<>`*_\[\]]", shown)


@pytest.mark.parametrize("text", [*HOSTILE, "`" * 50, "``` \n````", "\n```text\n"])
def test_a_fence_is_longer_than_any_in_the_text(text):
    lines = fenced(text).rstrip("\n").split("\n")
    fence = re.match(r"`+", lines[0])[0]
    assert lines[-1] == fence
    assert "\n".join(lines[1:-1]) == text
    assert all(fence not in line for line in lines[1:-1])


@pytest.mark.parametrize("text", HOSTILE)
def test_data_in_the_page_cannot_end_its_element(text):
    written = as_json({"labels": [text]})
    assert not set("<>&") & set(written)
    assert "\u2028" not in written
    shown = json.loads(written)["labels"][0]
    assert "<" not in shown
    assert ">" not in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_a_card_keeps_its_columns(text):
    rows = markdown_table([{"rule": text, "count": 1}])
    body = rows[2]
    assert "\n" not in body
    assert len(re.findall(r"(?<!\\)\|", body)) == 3
    assert not re.search(r"(?<!\\)(?:\\\\)*<", body)
