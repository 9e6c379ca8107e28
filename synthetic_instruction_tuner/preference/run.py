"""The steps of the preference stage, in order: draw, put together, draw on, score, pair."""

from synthetic_instruction_tuner.preference.lengthening import lengthen_responses
from synthetic_instruction_tuner.preference.pairs import build_pairs
from synthetic_instruction_tuner.preference.responses import (
    draw_responses,
    finish_responses,
    missing_spans,
)
from synthetic_instruction_tuner.preference.scoring import score_rewards

__all__ = [
    "build_pairs",
    "draw_responses",
    "finish_responses",
    "lengthen_responses",
    "missing_spans",
    "score_rewards",
]
