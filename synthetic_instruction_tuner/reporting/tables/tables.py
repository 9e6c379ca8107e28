"""Tables of the report as data; HTML, Markdown and slides write the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.subject import BASE

SIGNS = {"better": "▲", "worse": "▼", "equivalent": "≈", "identical": "=", "inconclusive": "?"}
"""A sign beside the word, so that no verdict is told by colour alone."""
RELATIONS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}
GATE_SIGNS = {"pass": "✓", "fail": "✗", "not measured": "–"}


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        text: Template.
        small: Template of a second, smaller line.
        state: Verdict or gate state, which colours the cell.
    """

    text: str
    small: str = ""
    state: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a header row; the first column names the rows.

    Attributes:
        name: Anchor.
        header: Column titles.
        rows: Cells, one list a row.
        note: How to read it; a template.
        words: Columns of text, set left; all others hold figures, set right.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    words: frozenset[int] = field(default=frozenset({0}))


def gates(results: Results) -> Table:
    """Acceptance criteria: value, threshold, pass, fail or not measured."""
    rows = []
    for position, gate in enumerate(results.data["gates"]):
        path, form = f"gates/{position}", gate["format"]
        limit = f"{RELATIONS[gate['comparison']]} [[{path}/threshold|{form}]]"
        state = gate["state"]
        bounded = gate["low"] is not None
        open_end = "chance may decide" if gate["settled"] is False else ""
        rows.append(
            (
                Cell(gate["label"]),
                Cell(f"{GATE_SIGNS[state]} {state}", open_end, state=state),
                Cell(f"[[{path}/value|{form}]]", _range(path, form) if bounded else ""),
                Cell(limit, gate["against"] or ""),
            )
        )
    return Table(
        "gates",
        ("Criterion", "Result", "Measured", "Required"),
        tuple(rows),
        "Criteria fixed before the study ran. A criterion that fails stops nothing. Shares, scores "
        "and gains stand with their [[terms/confidence|percent0]] interval; where it reaches over "
        "what is required, other rows or items could have given the other result.",
        frozenset({0, 1}),
    )


def scores(results: Results, models: Sequence[str] | None = None) -> Table:
    """All benchmarks, all models, each arm with its verdict against the base."""
    models = models or results.models
    rows = []
    for key in results.benchmarks:
        cells = [_score(results, model, key) for model in models]
        count = f"[[benchmarks/{key}/items|count]] items"
        rows.append((Cell(results.benchmark(key), count), _floor(results, key), *cells))
    rows.append(_mean(results, models, "aggregate", "Mean over skills, scaled", "guessing is zero"))
    if results.data["elsewhere"]["skills"] != results.data["aggregate"]["skills"]:
        rows.append(
            _mean(
                results, models, "elsewhere", "Mean, scaled", "without tasks like those trained on"
            )
        )
    return Table(
        "scores",
        ("Benchmark", "Without skill", *(results.label(model) for model in models)),
        tuple(rows),
        "Score with its [[terms/confidence|percent0]] interval, and the verdict against the base "
        "on the same items, corrected for the number of comparisons. ▲ better, ▼ worse, "
        "≈ equivalent (the difference lies within [[terms/margin|points]]), = identical on every "
        "item, ? inconclusive. Without skill: the higher of guessing and the best constant answer. "
        f"{SUBJECT_OF_CLAIMS[results.data['terms']['seeds'] > 1]} A benchmark on which no model is "
        "shown to be above what needs no skill, or all are at the top, is marked and in no mean.",
    )


SUBJECT_OF_CLAIMS = {
    True: "Scores are means over the training seeds; intervals and verdicts count seeds and items.",
    False: "One training seed: scores and verdicts are about these trained models.",
}


def _floor(results: Results, key: str) -> Cell:
    """What needs no skill, and whether the benchmark measures."""
    one = results.data["yardsticks"][key]
    if one["state"] == "not measured":
        return Cell("not measured", state="missing")
    said = (
        one["constant"] if one["constant_score"] == one["floor"] and one["constant"] else "guessing"
    )
    mark = {"floor": "; no model is above", "ceiling": "; all models are at the top"}
    return Cell(f"[[yardsticks/{key}/floor|percent]]", f"{said}{mark.get(one['state'], '')}")


def _mean(
    results: Results, models: Sequence[str], path: str, label: str, small: str
) -> tuple[Cell, ...]:
    cells = [
        Cell(f"[[{path}/models/{model}/score|percent]]", _range(f"{path}/models/{model}"))
        if results.get(f"{path}/models/{model}")
        else Cell("not measured", state="missing")
        for model in models
    ]
    return (Cell(label, small), Cell("–"), *cells)


def _score(results: Results, model: str, key: str) -> Cell:
    if not results.measured(model, key):
        return Cell("not measured", state="missing")
    path = f"scores/{model}/{key}"
    cell = results.difference(model, BASE, key)
    sign = f" {SIGNS[cell['verdict']]}" if cell else ""
    state = cell["verdict"] if cell else ""
    return Cell(f"[[{path}/score|percent]]{sign}", _range(path), state)


def _range(path: str, form: str = "percent") -> str:
    return f"[[{path}/low|{form}]] to [[{path}/high|{form}]]"


def comparisons(results: Results, family: str) -> Table:
    """Comparisons of a family, with all that a referee would ask for.

    Everything that was declared is shown; of the exploratory ones, the least likely by chance.
    """
    found = [
        (pair, key, cell)
        for pair, row in results.data["comparisons"].items()
        for key, cell in row.items()
        if cell["status"] == "measured" and cell["family"] == family
    ]
    note = NOTES[family]
    if family == "exploratory" and len(found) > MOST_EXPLORATORY:
        found = sorted(found, key=lambda one: (one[2]["p_corrected"], one[2]["p"], *one[:2]))
        found, note = found[:MOST_EXPLORATORY], f"{note} {CUT}"
    rows = [_comparison(results, pair, key, cell) for pair, key, cell in found]
    return Table(
        family,
        (
            "Comparison",
            "Items",
            "Difference, points",
            "p",
            "p, corrected",
            "Detectable",
            "Verdict",
        ),
        tuple(rows),
        note,
        frozenset({0, 6}),
    )


def _comparison(results: Results, pair: str, key: str, cell: Mapping[str, Any]) -> tuple[Cell, ...]:
    path, verdict = f"comparisons/{pair}/{key}", cell["verdict"]
    delta = Cell(f"[[{path}/delta|delta]]", _range(path, "delta"))
    if verdict == "identical":
        delta = Cell("identical", "on every item")
    names = results.label(cell["challenger"]), results.label(cell["reference"])
    return (
        Cell(f"{names[0]} against {names[1]}", results.benchmark(key)),
        Cell(f"[[{path}/n|count]]"),
        delta,
        Cell(f"[[{path}/p|p]]", cell["test"]),
        Cell(f"[[{path}/p_corrected|p]]"),
        Cell(f"[[{path}/mde|points]]" if cell["mde"] is not None else "none"),
        Cell(f"{SIGNS[verdict]} {verdict}", state=verdict),
    )


MOST_EXPLORATORY = 150
"""Rows of the exploratory table: a study of fourteen arms has a thousand."""
CUT = "Shown are those with the smallest p values; all of them are in tables/comparisons.csv."

NOTES = {
    "primary": "Declared before anything was measured. p values corrected by Holm's method for "
    "claims of a difference and of equivalence together, so that the chance of any false claim in "
    "this table stays below [[terms/alpha|percent0]]. Detectable: the smallest true difference "
    "that this many items find four times in five, corrected for all comparisons of the table.",
    "exploratory": "Not declared beforehand. p values corrected by Benjamini and Hochberg's "
    "method, so that the expected share of false claims, equivalence included, among the claims "
    "stays below [[terms/alpha|percent0]].",
}


def efficiency(results: Results) -> Table:
    """What each model costs."""
    rows = []
    for model in results.models:
        path = f"efficiency/{model}"
        rows.append((Cell(results.label(model)), *(_cost(results, path, model, c) for c in COSTS)))
    return Table(
        "efficiency",
        ("Model", *(title for title, *_ in COSTS)),
        tuple(rows),
        "Trained: parameters that training changes, and their share of all. Time: the arm's own "
        "training steps, then with the arm it starts from. Memory: peak while training, then what "
        "the memory plan expected (it plans GPUs alone).",
    )


COSTS = (
    ("Trained parameters", "trained_parameters", "count", "trainable_share", "small_percent"),
    ("File to ship", "adapter_bytes", "bytes", "shipped_parameters", "count"),
    ("Training time", "train_seconds", "seconds", "chain_seconds", "seconds"),
    ("Training speed, tokens/s", "tokens_per_second", "count", None, None),
    ("Peak memory", "memory/train", "bytes", "planned_memory", "bytes"),
    ("Writing speed, tokens/s", "generation_tokens_per_second", "count", None, None),
    ("Evaluation time", "evaluation_seconds", "seconds", None, None),
    ("Compute units", "compute_units", "ratio", "money", "money"),
)
"""Title, figure and form; second figure and form on the small line."""


def _cost(
    results: Results, path: str, model: str, column: tuple[str, str, str, str | None, str | None]
) -> Cell:
    _, name, form, more, more_form = column
    own = name in ("generation_tokens_per_second", "evaluation_seconds")
    if model == BASE and not own:
        return Cell("–")
    if results.get(f"{path}/{name}") is None:
        return Cell("not measured", state="missing")
    small = ""
    if more and results.get(f"{path}/{more}") is not None:
        repeated = results.get(f"{path}/{more}") == results.get(f"{path}/{name}")
        small = "" if repeated else f"[[{path}/{more}|{more_form}]]"
    return Cell(f"[[{path}/{name}|{form}]]", small)


def recommendations(results: Results) -> Table:
    """What to use when, with the rule behind it."""
    rows = []
    for one in results.data["recommendations"]:
        rows.append((Cell(one["label"]), Cell(choice(results, one)), Cell(one["reason"])))
    return Table(
        "recommendations",
        ("If you want", "Use", "Why"),
        tuple(rows),
        words=frozenset({0, 1, 2}),
    )


def choice(results: Results, one: Mapping[str, Any]) -> str:
    """Name what a recommendation says: an arm, several, none, or that nothing was measured."""
    if one["state"] != "chosen":
        return {"none": "no arm"}.get(str(one["state"]), "not measured")
    winner, others = one["winner"], one["others"]
    if winner is not None:
        return results.label(str(winner))
    if set(others) == set(results.arms):
        return "every arm"
    return ", ".join(results.label(str(name)) for name in others)


def pareto(results: Results) -> Table:
    """Which arms are on the Pareto front of each cost, and how surely."""
    fronts = results.data["pareto"]
    titles = {"train_memory": "memory", "chain_seconds": "time", "trained_parameters": "parameters",
              "adapter_bytes": "file size"}  # fmt: skip
    rows = []
    for arm in results.arms:
        cells = []
        for cost in titles:
            point = fronts.get(cost, {}).get(arm)
            if point is None:
                cells.append(Cell("not measured", state="missing"))
                continue
            word = "yes" if point["on_front"] else "no"
            cells.append(Cell(word, f"[[pareto/{cost}/{arm}/front_share|percent0]] of resamples"))
        rows.append((Cell(results.label(arm)), *cells))
    return Table(
        "pareto",
        ("Arm", *(f"Front by {title}" for title in titles.values())),
        tuple(rows),
        "On the front: no other arm is at least as good and cheaper. Costs that differ by no more "
        "than their scatter count as equal. The share says in how many resamplings of items and "
        "seeds that holds.",
    )
