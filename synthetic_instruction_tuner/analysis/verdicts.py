"""What the comparison says of an arm: read from the results store, whichever way it was stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.config.base_prompts import TEMPLATE
from synthetic_instruction_tuner.study.subject import BASE

Store = Mapping[str, Any]
"""The content of comparison.json."""


def contrast(store: Store, left: str, right: str, benchmark: str) -> dict[str, Any] | None:
    """Return delta, interval and verdict of `left` against `right`, whichever way it is stored."""
    pairs = store["comparisons"]
    cell = pairs.get(f"{left}-vs-{right}", {}).get(benchmark)
    if cell and cell["status"] == "measured":
        return {key: cell[key] for key in ("delta", "low", "high", "verdict")}
    cell = pairs.get(f"{right}-vs-{left}", {}).get(benchmark)
    if not cell or cell["status"] != "measured":
        return None
    turned = {"better": "worse", "worse": "better"}.get(cell["verdict"], cell["verdict"])
    return {
        "delta": -cell["delta"],
        "low": -cell["high"],
        "high": -cell["low"],
        "verdict": turned,
    }


def measuring(store: Store, primary_only: bool = False) -> list[str]:
    """List the benchmarks that measure: neither at the floor nor at the ceiling."""
    return [
        key
        for key, one in store["benchmarks"].items()
        if store["yardsticks"][key]["state"] == "measures" and (one["primary"] or not primary_only)
    ]


def against_base(store: Store, arm: str, primary_only: bool) -> dict[str, Mapping[str, Any]]:
    """Return an arm's comparisons with the base on the benchmarks that measure."""
    cells = store["comparisons"].get(f"{arm}-vs-{BASE}", {})
    return {
        key: cells[key]
        for key in measuring(store, primary_only)
        if key in cells and cells[key]["status"] == "measured"
    }


def is_complete(store: Store, arm: str, primary_only: bool) -> bool:
    """Whether an arm was compared with the base everywhere: what is missing may be a loss."""
    wanted = [one for one in store["benchmarks"].values() if one["primary"] or not primary_only]
    cells = store["comparisons"].get(f"{arm}-vs-{BASE}", {})
    known = [
        key
        for key, cell in cells.items()
        if cell["status"] == "measured"
        and (store["benchmarks"][key]["primary"] or not primary_only)
    ]
    return bool(measuring(store, primary_only)) and len(known) == len(wanted)


def loses_nowhere(store: Store, arm: str, primary_only: bool, alpha: float) -> bool:
    """Whether an arm is shown not to be behind the base by the accepted loss on any benchmark.

    Every benchmark has to show it, so no correction for their number is needed (intersection-union
    test; Berger 1982).
    """
    cells = against_base(store, arm, primary_only)
    return is_complete(store, arm, primary_only) and all(
        cell["verdict"] == "better" or cell["p_no_loss"] < alpha for cell in cells.values()
    )


def is_useful(store: Store, arm: str) -> bool:
    """Whether an arm is better than the base somewhere in the primary family and loses nowhere."""
    found = [cell["verdict"] for cell in against_base(store, arm, True).values()]
    return "better" in found and loses_nowhere(store, arm, True, store["terms"]["alpha"])


def named_base(store: Store, benchmark: str | None = None) -> str:
    """Name the base with the prompt in which it counts, where that is not the template.

    Args:
        store: The results store.
        benchmark: Where it counts; None: all benchmarks together.
    """
    prompts = store["base_prompts"]
    if benchmark is None:
        plain = any(one["chosen"] not in (None, TEMPLATE) for one in prompts.values())
        return "the base in its best prompt" if plain else "the base"
    chosen = prompts[benchmark]["chosen"] if benchmark in prompts else None
    if chosen in (None, TEMPLATE):
        return "the base"
    return f"the base, asked as {prompts[benchmark]['forms'][chosen]['label']}"
