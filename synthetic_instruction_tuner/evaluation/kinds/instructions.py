"""Judging a response: every constraint by its checker, strictly and with some lenience."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation.instructions import drawing
from synthetic_instruction_tuner.evaluation.instructions.constraints import CONSTRAINTS
from synthetic_instruction_tuner.evaluation.kinds.verifiable import ask
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial


def draw(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Draw prompts with constraints that a program can check."""
    return drawing.draw(benchmark.items or DEFAULT_ITEMS, seed)


def run(trial: Trial) -> Outcome:
    """Ask one model the prompts with constraints."""
    return ask(trial, judge)


def judge(prompt: Prompt, response: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Judge a response.

    Returns:
        accuracy (all constraints obeyed), constraint_accuracy (their share) and accuracy_loose
        (obeyed at least without an introduction, a closing line or emphasis: what a reader would
        let pass, as in IFEval), and which constraint was obeyed.
    """
    obeyed = {one["name"]: obeys(one, response) for one in prompt.data["constraints"]}
    loose = [
        any(obeys(one, variant) for variant in variants(response))
        for one in prompt.data["constraints"]
    ]
    scores = {
        "accuracy": float(all(obeyed.values())),
        "constraint_accuracy": sum(obeyed.values()) / len(obeyed),
        "accuracy_loose": float(all(loose)),
    }
    return scores, {"obeyed": obeyed, "right": all(obeyed.values())}


def obeys(constraint: dict[str, Any], response: str) -> bool:
    """Check one constraint; an empty response obeys nothing."""
    if not response.strip():
        return False
    return CONSTRAINTS[constraint["name"]].check(response, **constraint["settings"])


def variants(response: str) -> list[str]:
    """Return the response and what is left without first line, last line and emphasis."""
    rows = response.strip().splitlines()
    cut = [rows, rows[1:], rows[:-1], rows[1:-1]]
    texts = ["\n".join(one).strip() for one in cut]
    return [variant for text in texts for variant in (text, text.replace("*", "")) if variant]
