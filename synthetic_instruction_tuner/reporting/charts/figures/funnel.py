"""What became of the drawn rows."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 10


def describe(results: Results) -> list[Chart]:
    """Rows kept, and rows rejected by each rule."""
    if results.get("dataset/status") != "measured":
        return []
    rules = results.get("dataset/rules")
    kept = Series("Kept", "sft", (results.get("dataset/kept"),), ("kept",))
    away = Series(
        "Rejected",
        None,
        tuple(one["count"] for one in rules),
        tuple(rule_label(one["rule"]) for one in rules),
        emphasis=False,
    )
    return [
        Chart(
            name="funnel",
            title="From drawn to kept rows",
            note="[[dataset/drawn|count]] rows drawn, [[dataset/kept|count]] kept, "
            "[[dataset/rejected|count]] rejected, each by the first rule it broke.",
            kind="bars",
            series=(kept, away) if rules else (kept,),
            x_label="Rows",
            form="count",
        )
    ]


def rule_label(rule: str) -> str:
    """Write a rule's name for readers: near_duplicate -> near duplicate."""
    return rule.replace("_", " ")
