"""The base in its prompts: its two columns among the scores, and every form it was asked in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table
from synthetic_instruction_tuner.study.subject import BASE

HEADER = ("Base, best prompt", "Base, template")
MISSING = Cell("not measured", state="missing")
NOTE = (
    " Arms are compared with the base in its best prompt, chosen on items of their own; what is "
    "ranked has one form."
)


def scores(results: Results, models: Sequence[str] | None = None) -> Table:
    """All benchmarks, all models; the base in its best prompt and in the template."""
    table = tables.scores(results, models)
    if not has_prompts(results) or (models is not None and BASE not in models):
        return table
    place = table.header.index(results.label(BASE))
    header = (*table.header[:place], *HEADER, *table.header[place + 1 :])
    means = ("base_in_template/mean", "base_in_template/elsewhere")
    others = [*results.benchmarks, *means[: len(table.rows) - len(results.benchmarks)]]
    rows = [
        (*row[:place], *_both(results, key, row[place]), *row[place + 1 :])
        for key, row in zip(others, table.rows, strict=True)
    ]
    return replace(table, header=header, rows=tuple(rows), note=table.note + NOTE)


def has_prompts(results: Results) -> bool:
    """Whether the base was asked in more than one form."""
    return any(
        one["chosen_on"] != "the only prompt" for one in results.data["base_prompts"].values()
    )


def _both(results: Results, key: str, best: Cell) -> tuple[Cell, Cell]:
    """Show the base's two scores on a benchmark, or its two means at a path of the store."""
    is_mean = key not in results.data["benchmarks"]
    path = key if is_mean else f"base_in_template/scores/{key}"
    if not is_mean and key not in results.data["base_prompts"]:
        return best, Cell("–")
    if results.get(f"{path}/score") is None:
        return best, MISSING
    return _with_form(results, key, best), _range(path)


def _with_form(results: Results, key: str, best: Cell) -> Cell:
    chosen = results.get(f"base_prompts/{key}/chosen")
    if chosen is None:
        return best
    form = results.get(f"base_prompts/{key}/forms/{chosen}/label")
    return replace(best, small=f"{best.small}; {form}")


def _range(path: str) -> Cell:
    return Cell(f"[[{path}/score|percent]]", f"[[{path}/low|percent]] to [[{path}/high|percent]]")


def prompts(results: Results) -> Table | None:
    """Score of the base in every form, on the measured items and on those that chose."""
    described = results.data["base_prompts"]
    forms = list(dict.fromkeys(form for one in described.values() for form in one["forms"]))
    if not has_prompts(results):
        return None
    labels = {
        name: cell["label"] for one in described.values() for name, cell in one["forms"].items()
    }
    rows = [
        (
            Cell(results.benchmark(key), f"chosen on {one['chosen_on']}"),
            *(_form(results, key, name) for name in forms),
        )
        for key, one in described.items()
    ]
    return Table(
        "base_prompts",
        ("Benchmark", *(labels[name][:1].upper() + labels[name][1:] for name in forms)),
        tuple(rows),
        "Score of the untrained base on the measured items with its interval, then its score on "
        "the separate items on which the prompt was chosen. The prompt that counts is marked ●. "
        "Solved examples are kept training rows, none of them an item.",
    )


def _form(results: Results, key: str, name: str) -> Cell:
    path = f"base_prompts/{key}/forms/{name}"
    state = results.get(f"{path}/status")
    if state != "measured":
        return Cell("–") if state in (None, "left out") else MISSING
    mark = " ●" if results.get(f"{path}/counts") else ""
    small = _range(path).small
    if results.get(f"{path}/selection_score") is not None:
        small += f"; [[{path}/selection_score|percent]] of [[{path}/selection_items|count]]"
    return Cell(f"[[{path}/score|percent]]{mark}", small)
