"""The stages of a study, in order."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal[
    "items", "generation", "filtering", "preference", "training", "evaluation", "report"
]
STAGES: tuple[Stage, ...] = get_args(Stage)
