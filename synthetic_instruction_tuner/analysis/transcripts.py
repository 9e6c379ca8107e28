"""The same prompts answered by every model, side by side, chosen without looking at the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.results import Measured, Results
from synthetic_instruction_tuner.storage.files import digest


def choose_transcripts(
    results: Results, subjects: Sequence[str], count: int, seed: int
) -> list[dict[str, Any]]:
    """Choose prompts with free answers by the hash of their id, one a cluster before a second.

    Returns:
        Prompt, target and, by model, response and score; in the order in which they were chosen.
    """
    for benchmark in sorted(results, key=lambda key: "verifiable" not in key):
        measured = results[benchmark]
        reference = next(iter(measured.values()), None)
        if reference is None or not _is_free_text(reference):
            continue
        chosen = _choose(reference, count, seed)
        return [_transcript(benchmark, item, measured, subjects) for item in chosen]
    return []


def describe_character(results: Results, subjects: Sequence[str]) -> dict[str, Any]:
    """Return length, variety and refusals of each model's free answers, as evaluation counted them.

    Returns:
        "benchmark": where the answers come from; "models": figures by model, None without any.
    """
    for benchmark, measured in results.items():
        found = {
            name: one.result.measurements.get("response_character")
            for name, one in measured.items()
            if name in subjects
        }
        if any(found.values()):
            return {"benchmark": benchmark, "models": dict.fromkeys(subjects) | found}
    return {"benchmark": None, "models": dict.fromkeys(subjects)}


def _is_free_text(measured: Measured) -> bool:
    """Whether the models wrote these answers themselves, instead of ranking given ones."""
    first = next(iter(measured.items), None)
    if first is None or "likelihood" in " ".join(first.detail):
        return False
    return all(isinstance(first.detail.get(name), str) for name in ("prompt", "response"))


def _choose(measured: Measured, count: int, seed: int) -> list[str]:
    seen: dict[str, int] = {}
    ranked = []
    for item in sorted(measured.items, key=lambda one: digest([seed, one.id])):
        turn = seen.get(item.cluster, 0)
        seen[item.cluster] = turn + 1
        ranked.append((turn, item.id))
    return [name for _, name in sorted(ranked, key=lambda entry: entry[0])][:count]


def _transcript(
    benchmark: str, identity: str, measured: Mapping[str, Measured], subjects: Sequence[str]
) -> dict[str, Any]:
    items = {
        name: next(item for item in one.items if item.id == identity)
        for name, one in measured.items()
        if name in subjects
    }
    first = next(iter(items.values()))
    return {
        "benchmark": benchmark,
        "item": identity,
        "cluster": first.cluster,
        "prompt": first.detail["prompt"],
        "target": first.detail.get("target"),
        "answers": {
            name: {
                "response": str(item.detail.get("response", "")),
                "score": item.scores[measured[name].result.metric],
            }
            for name, item in items.items()
        },
    }
