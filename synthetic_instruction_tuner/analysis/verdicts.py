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


def verdicts(store: Store, arm: str, primary_only: bool) -> list[str]:
    """List the verdicts of an arm against the base."""
    cells = store["comparisons"].get(f"{arm}-vs-{BASE}", {})
    return [
        cell["verdict"]
        for key, cell in cells.items()
        if cell["status"] == "measured"
        and (store["benchmarks"][key]["primary"] or not primary_only)
    ]


def is_complete(store: Store, arm: str, primary_only: bool) -> bool:
    """Whether an arm was compared with the base everywhere: what is missing may be a loss."""
    wanted = [one for one in store["benchmarks"].values() if one["primary"] or not primary_only]
    return len(verdicts(store, arm, primary_only)) == len(wanted)


def is_useful(store: Store, arm: str) -> bool:
    """Whether an arm is better than the base somewhere in the primary family, and worse nowhere."""
    found = verdicts(store, arm, primary_only=True)
    return is_complete(store, arm, True) and "better" in found and "worse" not in found


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
