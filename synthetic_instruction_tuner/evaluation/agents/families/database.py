"""Tool use: questions and changes on a table, in SQL."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.database import ANSWER, SQL
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.words import CITIES, PEOPLE

_COLUMNS = ("name", "city", "age", "points")
_TYPES = ("TEXT", "TEXT", "INTEGER", "INTEGER")


def _rows(rng: Random) -> list[list[str | int]]:
    cities = rng.sample(CITIES, 4)
    points = rng.sample(range(10, 100), 8)
    return [
        [name, rng.choice(cities), rng.randint(18, 70), one]
        for name, one in zip(rng.sample(PEOPLE, 8), points, strict=True)
    ]


def _question(rng: Random, rows: list[list[str | int]], level: int) -> tuple[str, str, str] | None:
    """Draw a question: its words, its SQL, its answer."""
    name, city, _, points = rng.choice(rows)
    there = [row for row in rows if row[1] == city]
    if level == 1:
        query = f"SELECT points FROM people WHERE name = '{name}'"
        return f"How many points does {name} have?", query, str(points)
    if len(there) < 2:
        return None
    if rng.random() < 0.5:
        total = sum(int(row[3]) for row in there)
        query = f"SELECT SUM(points) FROM people WHERE city = '{city}'"
        return f"How many points do the people in {city} have in all?", query, str(total)
    best = max(there, key=lambda row: int(row[3]))
    query = f"SELECT name FROM people WHERE city = '{city}' ORDER BY points DESC LIMIT 1"
    return f"Who has most points in {city}?", query, str(best[0])


def _draw(rng: Random, level: int) -> Draft | None:
    rows = _rows(rng)
    table = {"columns": list(_COLUMNS), "types": list(_TYPES), "rows": rows}
    state: State = {"tables": {"people": table}, "answer": None}
    about = f"The table people has the columns {', '.join(_COLUMNS)}."
    if level == 3:
        return _change(rng, rows, state, about)
    question = _question(rng, rows, level)
    if question is None:
        return None
    text, query, answer = question
    gold = (call("sql", query=query), call("answer", value=answer), "DONE")
    check = Check("recorded", {"key": "answer", "gold": answer})
    return Draft((Turn(f"{about} {text}", until="done"),), gold, (check,), state)


def _change(rng: Random, rows: list[list[str | int]], state: State, about: str) -> Draft:
    """Draw a change of several rows."""
    city, more, age = rng.choice(rows)[1], rng.randint(3, 40), rng.randint(30, 60)
    touched = [index for index, row in enumerate(rows) if row[1] == city or int(row[2]) > age]
    text = f"Everyone in {city} and everyone older than {age} gets {more} more points, once."
    query = f"UPDATE people SET points = points + {more} WHERE city = '{city}' OR age > {age}"
    ends = [
        [*row[:3], int(row[3]) + more] if index in touched else row
        for index, row in enumerate(rows)
    ]
    check = Check("state", {"goal": [["tables", "people", "rows", ends]]})
    gold = (call("sql", query=query), "DONE")
    return Draft((Turn(f"{about} {text}", until="done"),), gold, (check,), state)


FAMILY = Family("tool_use", "calls", _draw, (SQL, ANSWER))
