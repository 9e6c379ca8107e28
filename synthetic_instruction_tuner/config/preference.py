"""The settings of preference pairs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from synthetic_instruction_tuner.config.models import NAME, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.settings import Settings


class ResponderConfig(Settings):
    """Who answers the kept instructions, and how: a model, or an arm of the study itself."""

    name: str = Field(pattern=NAME)
    """Name in tables."""
    model: ModelConfig | None = None
    """The responder, if it is a model of its own. One model may answer under several names, for
    example at several temperatures."""
    arm: str | None = None
    """The responder, if it is an arm that learns from the kept instructions: pairs then have a side
    that the student itself wrote (on-policy, as in Tulu 3, arXiv 2411.15124)."""
    sampling: SamplingConfig = SamplingConfig(temperature=0.7, max_new_tokens=512)
    """How its responses are drawn."""

    @model_validator(mode="after")
    def _one_of_both(self) -> ResponderConfig:
        if (self.model is None) == (self.arm is None):
            raise ValueError(f"responder {self.name!r} needs either a model or an arm")
        return self


class PairChoiceConfig(Settings):
    """Which of several answers the best one stands against."""

    rejected: Literal["lowest", "rank", "deviation"] = "lowest"
    """The rejected answer: the one with the lowest reward; that of a rank; or the one nearest to so
    many standard deviations below the mean reward (arXiv 2502.16825)."""
    rejected_rank: int = Field(default=2, ge=2)
    """For "rank": its place, the best being 1; the last where there are fewer answers."""
    deviations: float = Field(default=2.0, ge=0)
    """For "deviation": standard deviations below the mean reward of the instruction's answers."""
    max_length_ratio: float | None = Field(default=None, ge=1)
    """Most words of the longer answer for each of the shorter, so that length is not what is
    learned; None: any."""
    pairs_per_instruction: int = Field(default=1, ge=1)
    """Most pairs of one instruction: the best answer against so many others."""


class PreferenceConfig(Settings):
    """Several models answer, a reward model ranks, best and worst become a pair."""

    responders: tuple[ResponderConfig, ...] = (
        ResponderConfig(
            name="llama-1b", model=ModelConfig(name="meta-llama/Llama-3.2-1B-Instruct")
        ),
        ResponderConfig(
            name="mistral-7b",
            model=ModelConfig(name="mistralai/Mistral-7B-Instruct-v0.3", quantization="nf4"),
        ),
        ResponderConfig(name="qwen-3b", model=ModelConfig(name="Qwen/Qwen2.5-3B-Instruct")),
    )
    """Who answers; one model in memory at a time."""
    reward: ModelConfig = ModelConfig(
        name="OpenAssistant/reward-model-deberta-v3-large-v2", dtype="float32"
    )
    """Sequence-classification reward model. Not in half precision: bfloat16 rounds a reward near 5
    to steps of 0.03, a fifth of the least margin."""
    reward_format: Literal["auto", "pair", "chat", "likelihood"] = "auto"
    """What the reward model reads: "pair" (question and answer as two texts, DeBERTa-like), "chat"
    (its own chat template); auto: by its architecture, see `models.rewards.formats`.
    "likelihood": `reward` is an instruct model; its mean log-probability a token counts."""
    one_side: str | None = None
    """Responder whose answer must be one side of every pair; None: any two."""
    choice: PairChoiceConfig = PairChoiceConfig()
    """Which answers make a pair; by default best against worst."""
    pairs: int = Field(default=600, ge=1)
    """Pairs wanted; the best-separated ones are not preferred, rows are taken in order."""
    min_margin: float = Field(default=0.15, ge=0)
    """Least reward difference between chosen and rejected: raw output of the reward model, or
    nats a token for "likelihood"."""
    max_similarity: float = Field(default=0.95, gt=0, le=1)
    """Pairs whose texts are more alike than this are rejected (Jaccard of the sets of adjacent word
    pairs: near 1 for a changed word in a long text, low for the same words in another order)."""
    lengthen: int = Field(default=0, ge=0, le=4)
    """How often at most the limits on new tokens are doubled for answers that were cut, while fewer
    than `pairs` instructions have two whole answers; 0: they stay cut and give no pair."""
    chunk_size: int = Field(default=100, ge=1)
    """Instructions a task."""
    batch_size: int = Field(default=32, ge=1)
    """Responses drawn side by side; halved when memory runs out."""
    reward_batch_tokens: int = Field(default=8192, ge=64)
    """Tokens a reward-model batch, padding included."""

    @field_validator("responders")
    @classmethod
    def _two_at_least(cls, value: tuple[ResponderConfig, ...]) -> tuple[ResponderConfig, ...]:
        names = [one.name for one in value]
        if len(value) < 2 or len(set(names)) < len(names):
            raise ValueError(f"needs two or more responders with distinct names, got {names}")
        return value

    @model_validator(mode="after")
    def _one_side_answers(self) -> PreferenceConfig:
        names = [one.name for one in self.responders]
        if self.one_side not in (None, *names):
            raise ValueError(f"one_side={self.one_side!r} is no responder; allowed: {names}")
        if self.one_side is not None and self.choice != PairChoiceConfig():
            raise ValueError(
                "one_side sets its responder against the best or the worst answer; "
                "it does not go with preference.choice"
            )
        return self
