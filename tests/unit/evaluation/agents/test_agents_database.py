import json

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.agents import run_episode, score_episode
from synthetic_instruction_tuner.evaluation.agents.baselines import TRIVIAL, oracle
from synthetic_instruction_tuner.evaluation.agents.database import query, read_dbbench
from synthetic_instruction_tuner.evaluation.agents.tool import ToolError

TABLES = {
    "my people": {
        "columns": ["name", "age"],
        "types": ["TEXT", "INT"],
        "rows": [["Ana", "31"], ["Ben", "27"]],
    }
}


def test_rows_are_read_and_changed_without_touching_what_was_given():
    after, rows = query(TABLES, 'SELECT name FROM "my people" WHERE age > 30')
    assert (rows, after["my people"]["rows"]) == ([["Ana"]], [["Ana", 31], ["Ben", 27]])
    after, rows = query(TABLES, "UPDATE \"my people\" SET age = age + 1 WHERE name = 'Ben'")
    assert (rows, after["my people"]["rows"]) == ([], [["Ana", 31], ["Ben", 28]])
    assert TABLES["my people"]["rows"] == [["Ana", "31"], ["Ben", "27"]]


@pytest.mark.parametrize(
    "text",
    [
        "ATTACH DATABASE '/tmp/stolen.db' AS x",
        "PRAGMA journal_mode = DELETE",
        'DROP TABLE "my people"',
        "CREATE TABLE x (y)",
        "SELECT random()",
        "SELECT datetime('now')",
        "SELECT load_extension('x')",
        "SELECT * FROM sqlite_temp_master, nothing",
        "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t",
        "SELECT 1; SELECT 2",
        "nonsense",
        "SELECT '" + "x" * 2000 + "'",
        "VACUUM INTO '/tmp/x'",
        "SELECT \x00",
    ],
)
def test_nothing_but_reading_and_changing_rows_is_possible(text):
    with pytest.raises(ToolError):
        query(TABLES, text)


def test_endless_queries_are_stopped():
    tables = {"t": {"columns": ["x"], "types": ["INT"], "rows": [[one] for one in range(40)]}}
    with pytest.raises(ToolError, match="interrupted"):
        query(tables, "SELECT count(*) FROM t a, t b, t c, t d, t e, t f")


def row(**changes):
    columns = [{"name": "name", "type": "TEXT"}, {"name": "age", "type": "INT"}]
    table = {"columns": columns, "rows": [["Ana", "31"], ["Ben"]]}
    task = {
        "description": "How old is Ana?",
        "add_description": "The name of this table is people.",
        "label": ["31"],
        "type": ["other"],
        "table": {"table_name": "people", "table_info": table},
    }
    return {**task, **changes}


def write(path, *rows):
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def test_tasks_in_the_format_of_agentbench_run_without_docker(tmp_path):
    change = row(
        description="Ana is 32 now.",
        type=["UPDATE"],
        label=["UPDATE people SET age = 32 WHERE age = 31"],
    )
    items, left_out = read_dbbench(write(tmp_path / "dev.jsonl", row(), change))
    assert left_out == []
    assert [(item.id, item.level) for item in items] == [("dbbench-1", 1), ("dbbench-2", 2)]
    assert items[0].turns[0].user == "How old is Ana? The name of this table is people."
    assert items[0].init_state["tables"]["people"]["rows"] == [["Ana", "31"], ["Ben", None]]
    for item in items:
        assert score_episode(item, run_episode(item, oracle(item)))["success_strict"] == 1.0
        for agent in TRIVIAL.values():
            assert score_episode(item, run_episode(item, agent(item)))["success"] == 0.0


def test_rows_that_sqlite_cannot_check_are_left_out_with_their_reason(tmp_path):
    vain = row(type=["UPDATE"], label=["UPDATE people SET age = 32 WHERE age = 99"])
    broken = row(type=["DELETE"], label=["DELETE FROM people LIMIT 1 2"])
    items, left_out = read_dbbench(write(tmp_path / "dev.jsonl", vain, row(), broken))
    assert len(items) == 1
    assert [number for number, _ in left_out] == [1, 3]
    assert "changes nothing" in left_out[0][1]
    assert "SQL error" in left_out[1][1]


def test_another_format_is_an_error_that_names_the_line(tmp_path):
    with pytest.raises(StageError, match=r"dev.jsonl:2 is no database task"):
        read_dbbench(write(tmp_path / "dev.jsonl", row(), {"question": "?"}))
