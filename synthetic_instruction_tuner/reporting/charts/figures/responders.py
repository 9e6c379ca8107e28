"""Which responder wrote the chosen and the rejected answers."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 20


def describe(results: Results) -> list[Chart]:
    """Share of the pairs in which each responder won, and in which it lost."""
    table = results.get("preference/responders") or {}
    names = [one for one in table if table[one].get("chosen_share") is not None]
    if not names:
        return []
    chosen = Series(
        "Chosen", "sft", tuple(table[one]["chosen_share"] for one in names), tuple(names)
    )
    rejected = Series(
        "Rejected",
        None,
        tuple(table[one]["rejected_share"] for one in names),
        tuple(names),
        emphasis=False,
    )
    return [
        Chart(
            name="responders",
            title="Who wins the preference pairs",
            note="Share of the [[preference/pairs|count]] pairs whose chosen (or rejected) answer "
            "came from this responder.",
            kind="bars",
            series=(chosen, rejected),
            x_label="Pairs (%)",
        )
    ]
