"""A reward model under a name."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field

from blocks.logos import HUGGING_FACE
from synthetic_instruction_tuner.config import ModelConfig


class RewardModel(Block):
    """A model that scores responses, and what it reads."""

    _block_type_name = "Reward model"
    _block_type_slug = "reward-model"
    _logo_url = HUGGING_FACE
    _description = "A model that scores responses, and how it is loaded."

    model: ModelConfig = Field(title="Model", description="Which model, and how it is loaded.")
    format: Literal["auto", "pair", "chat", "likelihood"] = Field(
        default="auto",
        title="Format",
        description='What it reads: "pair" (question and answer as two texts), "chat" (its own '
        "chat template); auto: by its architecture. likelihood: an instruct model, whose mean "
        "log-probability a token counts.",
    )

    def check(self) -> None:
        """Find out whether the model can be had, by loading its tokenizer.

        Raises:
            MissingModelError: Says why not: unknown, gated without a token, no connection.
        """
        from synthetic_instruction_tuner.models.loading import load_tokenizer

        load_tokenizer(self.model)
