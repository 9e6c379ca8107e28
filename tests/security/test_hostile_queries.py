"""What a model writes as SQL costs bounded memory and ends in rows of JSON or in a tool error."""

import json
import sys

import pytest

from synthetic_instruction_tuner.evaluation.agents.database import SQL, query
from synthetic_instruction_tuner.evaluation.agents.item import Call
from synthetic_instruction_tuner.evaluation.agents.tool import ToolError, execute

TABLES = {"t": {"columns": ["a"], "types": ["INT"], "rows": [["x"], ["y"]]}}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 9e999",
        "SELECT -9e999",
        "UPDATE t SET a = 9e999",
        "INSERT INTO t VALUES (9e999)",
        "SELECT x'00ff'",
        "UPDATE t SET a = x'00'",
    ],
)
def test_only_texts_and_finite_numbers_come_back(text):
    with pytest.raises(ToolError, match="neither text nor a finite number"):
        query(TABLES, text)
    outcome = execute(Call("sql", {"query": text}), (SQL,), {"tables": TABLES})
    assert (outcome.result.error, outcome.state) == ("refused", {"tables": TABLES})


def doubled(times):
    query = "SELECT 'ab' AS s"
    for _ in range(times):
        query = f"SELECT s||s AS s FROM ({query})"
    return query


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot set SQLite's limits")
def test_strings_that_double_are_a_tool_error():
    assert query(TABLES, doubled(4))[1] == [["ab" * 16]]
    with pytest.raises(ToolError, match="too big"):
        query(TABLES, doubled(14))


def test_tables_that_double_are_a_tool_error():
    tables = {"t": {**TABLES["t"], "rows": [["x" * 5000]] * 20}}
    for _ in range(3):
        tables, _ = query(tables, "INSERT INTO t SELECT a FROM t")
    with pytest.raises(ToolError, match="more than 1000000 characters"):
        query(tables, "INSERT INTO t SELECT a FROM t")


def test_what_comes_back_is_json():
    _, rows = query(TABLES, "SELECT a, 1.5, NULL, 7, count(*) FROM t GROUP BY a")
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        ["x", 1.5, None, 7, 1],
        ["y", 1.5, None, 7, 1],
    ]
