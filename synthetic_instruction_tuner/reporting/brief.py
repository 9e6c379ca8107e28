"""What a study found on one screen: for the terminal, at the end of a run."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting import findings
from synthetic_instruction_tuner.reporting.format import SPACE
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables

LEGEND = "▲ better than the base, ▼ worse, ≈ equivalent, = identical, ? inconclusive"
NAMES = {
    "guessing is zero": "Mean over skills",
    "without tasks like those trained on": "Mean, other tasks",
}
"""Short names of the rows of means, by what stands below them in the report."""
COSTS = (
    ("Training time", "chain_seconds", "seconds"),
    ("Training memory", "memory/train", "bytes"),
    ("Money", "money", "money"),
)
"""Title, path in the efficiency table, form."""


def headline(results: Results) -> str:
    """Say the result of the study in one line."""
    return _text(results, findings.headline(results))


def scores(results: Results) -> list[list[str]]:
    """Return a header and one row a benchmark, then means and costs that were measured.

    Returns:
        Texts; the first column names the rows, the others are the models. Scores carry the sign
        of their verdict against the base (see `LEGEND`).
    """
    found = tables.scores(results)
    lines = [["", *map(results.label, results.models)]]
    for title, _, *cells in found.rows:
        lines.append([NAMES.get(title.small, title.text), *(_text(results, c.text) for c in cells)])
    for label, path, form in COSTS:
        paths = [f"efficiency/{model}/{path}" for model in results.models]
        if any(results.get(one) is not None for one in paths):
            known = [
                "–" if results.get(one) is None else results.number(one, form) for one in paths
            ]
            lines.append([label, *(_text(results, one) for one in known)])
    return lines


def recommendations(results: Results) -> list[str]:
    """Return one line a use case: what to take; for the best overall also why."""
    lines = []
    for place, one in enumerate(results.data["recommendations"]):
        if one["state"] != "not measured":
            why = f" ({one['reason'].rstrip('.')})" if place == 0 and one["reason"] else ""
            lines.append(_text(results, f"{one['label']}: {tables.choice(results, one)}{why}"))
    return lines


def _text(results: Results, template: str) -> str:
    """Fill a template; terminals break lines at plain spaces alone."""
    return results.text(template).replace(SPACE, " ")
