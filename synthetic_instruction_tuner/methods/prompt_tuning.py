"""Prompt tuning: trained virtual tokens before the input, the model frozen (arXiv 2104.08691)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Config(MethodConfig):
    """Prompt tuning; defaults of the study's specification.

    `init: random` with `learning_rate: 3e-4` is what the specification asks for and is known to
    learn next to nothing: PEFT draws from N(0, 1), far from the scale of trained embeddings. The
    paper starts from words of the vocabulary and finds that this matters most for small models
    (figure 3).
    """

    label = "Prompt tuning"
    what = "trained virtual tokens before the input"
    method: Literal["prompt_tuning"] = "prompt_tuning"
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    weight_decay: float = Field(default=0.0, ge=0, le=0)
    """Always 0: decay would pull the prompt to the origin of the embedding space."""
    virtual_tokens: int = Field(default=20, ge=1, le=1024)
    """Length of the soft prompt in tokens."""
    init: Literal["random", "vocabulary", "text"] = "random"
    """Start values: N(0, 1), embeddings of random words, or of `init_text`."""
    init_text: str = "Answer the question correctly and briefly."
    """Text whose embeddings start the prompt, for init "text"."""

    kind = "PROMPT_TUNING"

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of a `peft.PromptTuningConfig`."""
        from peft import PromptTuningInit

        starts = {
            "random": PromptTuningInit.RANDOM,
            "vocabulary": PromptTuningInit.SAMPLE_VOCAB,
            "text": PromptTuningInit.TEXT,
        }
        text = {
            "prompt_tuning_init_text": self.init_text,
            "tokenizer_name_or_path": model.config._name_or_path,
        }
        return {
            "num_virtual_tokens": self.virtual_tokens,
            "prompt_tuning_init": starts[self.init],
            **(text if self.init == "text" else {}),
        }
