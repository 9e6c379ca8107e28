"""Model cards: prose once, every figure read from the measurements."""

import hashlib
from pathlib import Path
from typing import Any, Final

_ABOUT: Final = {
    "teacher": (
        "Writes instructions by itself from the bare user header, and answers them.",
        "Chat conversations of the closed world, loss on all tokens (instructions at half weight).",
    ),
    "responder": (
        "A second, smaller and weaker chat model, so that answers to one instruction differ.",
        "Chat conversations of the closed world, fewer tokens than the teacher.",
    ),
    "student": (
        "A base model to be adapted, laid out like a Llama base: the tokens of turns are in its "
        "vocabulary, untrained, and it brings no chat template.",
        "Plain text of the closed world: statements that tell the facts and skills of every task "
        "family, questions with answers of a quarter of the families, stories, chronicles of "
        "made-up towns, sheets of questions without answers. To answer the other families is "
        "what adaptation has to teach.",
    ),
    "reward": (
        "Scores an answer to an instruction; higher is better. It is the teacher in a wider "
        "stream with two "
        "layers on top that measure how surprised the teacher is by the answer. It shares "
        "the teacher's errors: "
        "where the teacher is sure of a wrong answer, so is this model.",
        "The codes with which tokens are compared are fitted to the teacher's own "
        "log-probabilities; the scale of "
        "the score is fitted with the Bradley-Terry loss to pairs of right and wrong "
        "answers. Wrong ones were "
        "sampled from the teacher and the responder and rejected by the checker, or are "
        "right ones spoiled.",
    ),
}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_share(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"value", "n", "se"}


def figure_rows(found: dict[str, Any], prefix: str = "") -> list[str]:
    """Write measured shares as table rows, nested groups with their path."""
    rows = []
    for name, value in found.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if _is_share(value):
            rows.append(f"| {label} | {value['value']:.3f} | {value['se']:.3f} | {value['n']} |")
        elif isinstance(value, dict):
            rows += figure_rows(value, f"{label}: ")
        else:
            rows.append(f"| {label} | {value} | | |")
    return rows


def card(role: str, training: dict[str, Any], found: dict[str, Any], digest: str) -> str:
    """Write the card of one model from its training record and its measurements."""
    purpose, corpus = _ABOUT[role]
    facts = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in training.items())
    figures = "\n".join(figure_rows({k: v for k, v in found.items() if k != "by_family"}))
    families = found.get("by_family", {})
    weak = ", ".join(f"{name} {value:.2f}" for name, value in families.items() if value < 0.9)
    weakest = (
        f"\nFamilies answered correctly in less than 90 % of greedy answers: {weak or 'none'}.\n"
    )
    return f"""---
library_name: transformers
license: apache-2.0
language: en
---

# Sandbox {role}

{purpose}

It lives in a closed world of short English tasks that a program can check, and knows nothing
outside it: a model to try a study with, not to use. Weights are stored in half precision and
meant to be computed in single precision (`dtype=torch.float32`).

## Training

{corpus}

{facts}
- model.safetensors sha256: `{digest}`

## Measured

Shares on unseen draws, computed in single precision from the stored half-precision file.

| what | share | standard error | n |
| --- | --- | --- | --- |
{figures}
{weakest if families else ""}
Rebuilt by `python -m synthetic_instruction_tuner.sandbox.workshop.build --output DIR`.
"""
