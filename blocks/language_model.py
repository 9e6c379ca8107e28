"""A language model under a name: teacher, responder or student."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field

from blocks.logos import HUGGING_FACE
from synthetic_instruction_tuner.config import ModelConfig


class LanguageModel(Block):
    """A causal language model and how it is loaded."""

    _block_type_name = "Language model"
    _block_type_slug = "language-model"
    _logo_url = HUGGING_FACE
    _description = "A causal language model (teacher, responder or student) and how it is loaded."

    model: ModelConfig = Field(title="Model", description="Which model, and how it is loaded.")

    def check(self) -> None:
        """Find out whether the model can be had, by loading its tokenizer.

        Raises:
            MissingModelError: Says why not: unknown, gated without a token, no connection.
        """
        from synthetic_instruction_tuner.models.loading import load_tokenizer

        load_tokenizer(self.model)
