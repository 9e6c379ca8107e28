"""Tables that take one benchmark apart: agent categories, errors, single constraints, votes."""

from __future__ import annotations

from functools import partial
from typing import Any

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table

CATEGORIES = {
    "planning": "Planning",
    "reasoning": "Reasoning in steps",
    "context": "Keeping context",
    "feedback": "Adapting to feedback",
    "tool_use": "Using tools",
}
"""Categories of the agent suite, in the order of the table."""

MISSING = Cell("not measured", state="missing")


def agents(results: Results) -> list[Table]:
    """Each agent benchmark: successes of every model by category."""
    return [_agents(results, key) for key in results.data["agents"]]


def _agents(results: Results, key: str) -> Table:
    models = results.data["agents"][key]
    first = next((one for one in models.values() if one), None) or {"category": {}}
    paths = [
        (CATEGORIES[name], f"category/{name}") for name in CATEGORIES if name in first["category"]
    ]
    some = next((model for model, one in models.items() if one), "")
    rows = []
    for label, path in [*paths, ("All", "overall")]:
        where = [f"agents/{key}/{model}/{path}" for model in results.models]
        count = f"[[agents/{key}/{some}/{path}/items|count]] tasks"
        rows.append((Cell(label, count), *map(partial(_success, results), where)))
        strict = [_part(results, one, "success_strict") for one in where]
        rows.append((Cell(f"{label}, strict form"), *strict))
    progress = [_part(results, f"agents/{key}/{one}/overall", "progress") for one in results.models]
    rows.append((Cell("Progress, all"), *progress))
    return Table(
        f"agents-{key}",
        ("Category", *map(results.label, results.models)),
        tuple(rows),
        "Tasks done, checked by executing what the model said, with the "
        "[[terms/confidence|percent0]] interval. Strict form: every reply exactly as asked for. "
        "Progress: mean share of each task's checks that hold.",
    )


def _success(results: Results, path: str) -> Cell:
    if results.get(path) is None:
        return MISSING
    limits = f"[[{path}/low|percent]] to [[{path}/high|percent]]"
    return Cell(f"[[{path}/success|percent]]", limits)


def _part(results: Results, path: str, name: str) -> Cell:
    return Cell(f"[[{path}/{name}|percent]]") if results.get(path) else MISSING


def agent_errors(results: Results) -> list[Table]:
    """Each agent benchmark: in how many episodes each model made each error."""
    return [
        _counted(
            results, f"agents/{key}", f"errors-{key}", "Error", "errors",
            "Episodes that failed and showed the error, out of [[benchmarks/"
            f"{key}/items|count]]; an episode may show several.",
        )
        for key in results.data["agents"]
    ]  # fmt: skip


def _counted(results: Results, path: str, name: str, title: str, field: str, note: str) -> Table:
    """Count labels by model, the most frequent label first."""
    totals: dict[str, int] = {}
    for model in results.models:
        for label, count in (results.get(f"{path}/{model}/{field}") or {}).items():
            totals[label] = totals.get(label, 0) + count
    rows = tuple(
        (
            Cell(label),
            *(_count(results, f"{path}/{model}", field, label) for model in results.models),
        )
        for label in sorted(totals, key=lambda one: (-totals[one], one))
    )
    return Table(name, (title, *map(results.label, results.models)), rows, note)


def _count(results: Results, path: str, field: str, label: str) -> Cell:
    if results.get(path) is None:
        return MISSING
    known = results.get(f"{path}/{field}/{label}") is not None
    return Cell(f"[[{path}/{field}/{label}|count]]" if known else "–")


def constraints(results: Results) -> list[Table]:
    """Each instruction-following benchmark: how often each constraint is obeyed."""
    return [_constraints(results, key) for key in results.data["constraints"]]


def _constraints(results: Results, key: str) -> Table:
    models: dict[str, Any] = results.data["constraints"][key]
    known = [one for one in models.values() if one]
    names = sorted(
        known[0],
        key=lambda name: (
            not name.startswith("all on "), -sum(one[name]["obeyed"] for one in known), name,
        ),
    )  # fmt: skip
    some = next(name for name, one in models.items() if one)
    rows = tuple(
        (
            Cell(
                name.replace("_", " ").capitalize(),
                f"[[constraints/{key}/{some}/{name}/items|count]] items",
            ),
            *(_obeyed(results, f"constraints/{key}/{model}/{name}") for model in results.models),
        )
        for name in names
    )
    return Table(
        f"constraints-{key}",
        ("Constraint", *map(results.label, results.models)),
        rows,
        "Share of constraints that answers obey, with its [[terms/confidence|percent0]] interval, "
        "by what constraints are about; then each constraint that enough items have, the most "
        "obeyed first. Exploratory: no verdicts.",
    )


def _obeyed(results: Results, path: str) -> Cell:
    if results.get(path) is None:
        return MISSING
    return Cell(f"[[{path}/obeyed|percent]]", f"[[{path}/low|percent]] to [[{path}/high|percent]]")


def votes(results: Results) -> Table | None:
    """How often people preferred one model's answer to another's; None without votes."""
    if results.data["votes"]["status"] != "measured":
        return None
    rows = []
    for position, one in enumerate(results.data["votes"]["win_rates"]):
        path = f"votes/win_rates/{position}"
        names = results.label(one["model"]), results.label(one["opponent"])
        limits = f"[[{path}/low|percent]] to [[{path}/high|percent]]"
        rows.append(
            (
                Cell(f"{names[0]} over {names[1]}"),
                Cell(f"[[{path}/rate|percent]]", limits if one["rate"] is not None else ""),
                *(Cell(f"[[{path}/{name}|count]]") for name in ("wins", "losses", "ties")),
                Cell(f"[[{path}/votes|count]]", f"[[{path}/raters|count]] raters"),
                Cell(f"[[{path}/agreement|percent]]" if one["agreement"] is not None else "–"),
            )
        )
    return Table(
        "votes",
        ("Models", "Preferred", "Won", "Lost", "Undecided", "Votes", "Raters agree"),
        tuple(rows),
        "Prompts on which most raters preferred the first model, among those decided, with the "
        "[[terms/confidence|percent0]] interval. Raters saw two answers to the same prompt side "
        "by side and not which model wrote which.",
    )


def scorers(results: Results) -> Table | None:
    """How far the fast scorer is from lm-evaluation-harness; None where no choices are ranked."""
    found = results.data["scorers"]
    rows = tuple(
        (
            Cell(results.benchmark(key)),
            Cell(f"[[scorers/{key}/fast|count]] of [[scorers/{key}/models|count]]"),
            Cell(f"[[scorers/{key}/items|count]]"),
            Cell(f"[[scorers/{key}/largest|scientific]]"),
            Cell(f"[[scorers/{key}/tolerance|scientific]]"),
            Cell(f"[[scorers/{key}/changed|count]]"),
        )
        for key in found
    )
    if not rows:
        return None
    return Table(
        "scorers",
        ("Benchmark", "Models scored fast", "Items compared", "Difference", "Allowed", "Changed"),
        rows,
        "Both scorers answered a sample of every model's items. The fast one is used where no "
        "choice changes and log-probabilities differ by no more than a small multiple of what "
        "those of lm-evaluation-harness differ with its own batch size, else that one. Difference "
        "and what is allowed: nats a token, of the model nearest to its limit.",
    )
