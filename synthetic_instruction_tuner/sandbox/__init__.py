"""The embedded model family: a closed world of checkable tasks and four small models."""

from pathlib import Path
from typing import Final

from synthetic_instruction_tuner.sandbox.benchmarks import write_benchmarks
from synthetic_instruction_tuner.sandbox.checking import check, family_of
from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.prompts import Prompt, held_out_prompts

MODEL_ROLES: Final = ("teacher", "responder", "student", "reward")


def model_path(role: str) -> Path:
    """Return the folder of an embedded model.

    Args:
        role: One of `MODEL_ROLES`.

    Raises:
        ValueError: If no model has this role.
    """
    if role not in MODEL_ROLES:
        raise ValueError(
            f"no embedded model is called {role!r}; there are {', '.join(MODEL_ROLES)}"
        )
    return Path(__file__).parent / "weights" / role


__all__ = [
    "DOMAINS",
    "MODEL_ROLES",
    "Prompt",
    "check",
    "family_of",
    "held_out_prompts",
    "model_path",
    "write_benchmarks",
]
