"""SQL as a pure function of a dict, and tasks in the format of AgentBench's database environment.

Tables lie in the state as JSON; a query builds them in a private in-memory SQLite database and
reads them back. Only reading and changing rows is allowed: no files, schema, clock or chance.

The format is that of `data/dbbench/*.jsonl` in https://github.com/THUDM/AgentBench (arXiv
2308.03688), whose own environment needs Docker and MySQL.
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.benchmarks import Row
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.agents import prompts
from synthetic_instruction_tuner.evaluation.agents.family import call
from synthetic_instruction_tuner.evaluation.agents.item import (
    Arguments,
    Check,
    Item,
    State,
    Turn,
    state_hash,
)
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, words

_OPERATIONS = 1_000_000
"""SQLite instructions a query may take."""
_SHOWN = 10
"""Rows of a result that are shown."""
_MOST_ROWS = 1000
"""Rows of a result that are read."""
_LONGEST = 2000
"""Characters of a query."""
_LONGEST_VALUE = 10_000
"""Bytes of a value or a row, on the way, too: what one query may build of them fits any memory."""
_LARGEST = 1_000_000
"""Characters of a result, and of a table that is handed back."""
_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
    }
)
_FUNCTIONS = frozenset(
    {"abs", "avg", "coalesce", "count", "ifnull", "instr", "length", "like", "lower", "max", "min"}
    | {"nullif", "round", "substr", "sum", "total", "trim", "upper"}
)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def query(tables: State, text: str) -> tuple[State, list[list[Any]]]:
    """Run one SQL statement on tables.

    Args:
        tables: {table: {"columns": [name], "types": [SQL type], "rows": [[value]]}}; not changed.
        text: The statement, in SQLite's dialect.

    Returns:
        The tables afterwards and the rows of the result.
    """
    if len(text) > _LONGEST:
        raise ToolError(f"the query is longer than {_LONGEST} characters")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for name, table in tables.items():
            _create(connection, name, table)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: 1, _OPERATIONS)
        if sys.version_info >= (3, 11):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        rows = _checked(islice(connection.execute(text), _MOST_ROWS))
        return {name: _read(connection, name, table) for name, table in tables.items()}, rows
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        raise ToolError(f"SQL error: {error}") from error
    finally:
        connection.close()


def _create(connection: sqlite3.Connection, name: str, table: State) -> None:
    columns = ", ".join(
        f"{_name(column)} {'INTEGER' if kind.upper().startswith('INT') else 'TEXT'}"
        for column, kind in zip(table["columns"], table["types"], strict=True)
    )
    connection.execute(f"CREATE TABLE {_name(name)} ({columns})")
    marks = ", ".join("?" * len(table["columns"]))
    connection.executemany(f"INSERT INTO {_name(name)} VALUES ({marks})", table["rows"])


def _read(connection: sqlite3.Connection, name: str, table: State) -> State:
    rows = connection.execute(f"SELECT * FROM {_name(name)} ORDER BY rowid")
    return {**table, "rows": _checked(rows)}


def _checked(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Read rows; what no JSON and no answer can hold is an error of the query."""
    found, size = [], 0
    for row in rows:
        for value in row:
            if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
                raise ToolError(f"SQL error: {str(value)[:20]} is neither text nor a finite number")
            size += len(str(value))
        if size > _LARGEST:
            raise ToolError(f"SQL error: more than {_LARGEST} characters")
        found.append(list(row))
    return found


def _sql(state: State, arguments: Arguments) -> object:
    state["tables"], rows = query(state["tables"], arguments["query"])
    shown = json.dumps(rows[:_SHOWN], ensure_ascii=False, default=str)
    return shown + (f" and {len(rows) - _SHOWN} more rows" if len(rows) > _SHOWN else "")


def _answer(state: State, arguments: Arguments) -> str:
    state["answer"] = arguments["value"]
    return "noted"


SQL = Tool("sql", "run one SQL statement (SQLite), get its rows", {"query": words()}, _sql)
ANSWER = Tool("answer", "give the answer to the question", {"value": words()}, _answer)


class Tasks(NamedTuple):
    """Items that were read, and for each row that was left out its number and the reason."""

    items: list[Item]
    left_out: list[tuple[int, str]]


def read_dbbench(path: Path) -> Tasks:
    """Read tasks in AgentBench's database format.

    Args:
        path: JSONL with description, add_description, type, table {table_name, table_info {columns,
            rows}} and label: the answer, or the right SQL of an INSERT, UPDATE or DELETE.

    Returns:
        One item a row, family "database", level by type: 1 for questions ("SELECT" and its kinds),
        2 for INSERT, UPDATE and DELETE, whose right end state is what the label leads to. Rows
        whose label does not run on SQLite or changes nothing are left out.
    """
    items: list[Item] = []
    left_out: list[tuple[int, str]] = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                items.append(_dbbench(json.loads(line), number))
            except ToolError as error:
                left_out.append((number, str(error)))
            except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
                raise StageError(f"{path}:{number} is no database task: {error!r}") from error
    return Tasks(items, left_out)


def _dbbench(row: Row, number: int) -> Item:
    info = row["table"]["table_info"]
    columns = [column["name"] for column in info["columns"]]
    width = len(columns)
    rows = [[*one[:width], *[None] * (width - len(one))] for one in info["rows"]]
    types = [str(column["type"]) for column in info["columns"]]
    table = {"columns": columns, "types": types, "rows": rows}
    state = {"tables": {row["table"]["table_name"]: table}, "answer": None}
    changes = row["type"][0].upper() in ("INSERT", "UPDATE", "DELETE")
    check = _end_state(row, state) if changes else _label(row)
    gold = [call("sql", query=one) for one in row["label"]] if changes else []
    gold += [] if changes else [call("answer", value=check.value["gold"])]
    schemas = (SQL.schema(), ANSWER.schema())
    user = f"{row['description']} {row.get('add_description', '')}".strip()
    return Item(
        id=f"dbbench-{number}", category="tool_use", family="database", level=1 + changes, seed=0,
        form="calls", system=prompts.system("calls", schemas), tools=schemas, init_state=state,
        turns=(Turn(user, until="done"),), max_steps=8,
        gold=(*gold, "DONE"), checks=(check,),
    )  # fmt: skip


def _label(row: Row) -> Check:
    return Check("recorded", {"key": "answer", "gold": ", ".join(str(one) for one in row["label"])})


def _end_state(row: Row, state: State) -> Check:
    tables = state["tables"]
    for text in row["label"]:
        tables, _ = query(tables, text)
    if tables == query(state["tables"], "SELECT 1")[0]:
        raise ToolError("the right SQL changes nothing, so doing nothing would be right")
    goal = [["tables", name, table] for name, table in tables.items()]
    return Check("state", {"sha256": state_hash({**state, "tables": tables}), "goal": goal})
