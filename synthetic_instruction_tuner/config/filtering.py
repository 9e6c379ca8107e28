"""The settings of filtering: each file in `filtering/rules/` adds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model, model_validator

from synthetic_instruction_tuner.config.models import ModelConfig
from synthetic_instruction_tuner.rules import all_rules
from synthetic_instruction_tuner.settings import Settings


def _rule_settings() -> type[Settings]:
    """Compose the settings of all rules found in `filtering/rules/`."""
    fields: dict[str, Any] = {
        name: (module.Config, Field(default_factory=module.Config, description=module.__doc__))
        for name, module in sorted(all_rules().items())
    }
    return create_model("RuleSettings", __base__=Settings, **fields)


if TYPE_CHECKING:
    RuleSettings = Settings
else:
    RuleSettings = _rule_settings()


class DuplicatesConfig(Settings):
    """When two instructions count as the same, and when as related."""

    similarity: float = Field(default=0.8, gt=0, le=1)
    """Word-set Jaccard similarity from which the worse of two rows is rejected."""
    link_similarity: float = Field(default=0.6, gt=0, le=1)
    """Similarity from which kept rows are linked: a chain of links never spans both splits."""
    embedding: ModelConfig | None = None
    """Sentence encoder for near-duplicates in other words among the rows that pass everything else
    ("sentence-transformers/all-MiniLM-L6-v2"); None: words alone."""
    embedding_similarity: float = Field(default=0.95, gt=0, le=1)
    """Cosine similarity of embeddings from which the worse of two rows is rejected."""

    @model_validator(mode="after")
    def _links_are_looser(self) -> DuplicatesConfig:
        if self.link_similarity > self.similarity:
            raise ValueError(
                f"link_similarity={self.link_similarity} must be at most "
                f"similarity={self.similarity}"
            )
        return self


class ContaminationConfig(Settings):
    """When a row contains a benchmark item (see `filtering.contamination`)."""

    window: int = Field(default=40, ge=8)
    """Letters and digits a matching stretch must have (GPT-4's report, arXiv 2303.08774,
    appendix C, matches 50; 40 are about eight words)."""
    coverage: float = Field(default=0.8, gt=0, le=1)
    """Share of an item that must lie in matching stretches."""
    embedding: ModelConfig | None = None
    """Sentence encoder that looks for items in other words, besides the characters
    ("sentence-transformers/all-MiniLM-L6-v2"); None: characters alone."""
    embedding_similarity: float = Field(default=0.88, gt=0, le=1)
    """Cosine similarity from which a question with the same numbers counts as the item: of 30
    paraphrases MiniLM flags 22 there, and of 30 other questions one (benchmarks/paraphrases.py)."""


class QualityConfig(Settings):
    """What models measure on every row, and what a row must reach (see `filtering.signals`).

    Nothing is measured by default. `tuner filter STUDY --what-if quality.min_likelihood=-0.2` shows
    what a threshold would do.
    """

    reader: ModelConfig | None = None
    """Instruct model that reads every response with and without its instruction, for example the
    teacher: gives `likelihood` and `difficulty`."""
    reward: ModelConfig | None = None
    """Reward model that scores the teacher's own response: gives `reward`."""
    reward_format: Literal["auto", "pair", "chat", "likelihood"] = "auto"
    """What the reward model reads, as in `preference.reward_format`."""
    tagger: ModelConfig | None = None
    """Instruct model that tags instructions as Magpie's data are tagged, for example the teacher:
    gives `category`, and `asked_difficulty` and `input_quality` from 1 to 5."""
    min_likelihood: float | None = None
    """Least mean log-probability of the response after its instruction, nats a token."""
    min_reward: float | None = None
    """Least reward, raw output of the reward model."""
    min_difficulty: float | None = Field(default=None, ge=0)
    """Least ratio of the response's perplexity with and without its instruction (IFD, arXiv
    2402.00530): rows below are too easy to teach much."""
    max_difficulty: float | None = Field(default=None, gt=0)
    """Greatest such ratio: above 1 the instruction makes its own response less likely."""
    min_input_quality: int | None = Field(default=None, ge=1, le=5)
    """Least quality of the instruction by its tag: 1 very poor, 2 poor, 3 average, 4 good, 5
    excellent."""
    batch_tokens: int = Field(default=8192, ge=64)
    """Tokens read side by side, padding included."""

    @model_validator(mode="after")
    def _thresholds_are_measured(self) -> QualityConfig:
        read = (self.min_likelihood, self.min_difficulty, self.max_difficulty)
        if self.reader is None and any(one is not None for one in read):
            raise ValueError("min_likelihood, min_difficulty and max_difficulty need a reader")
        if self.reward is None and self.min_reward is not None:
            raise ValueError("min_reward needs a reward model (reward)")
        if self.tagger is None and self.min_input_quality is not None:
            raise ValueError("min_input_quality needs a tagger")
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """The kinds of measurement: "reader", "reward", "tagger", or none."""
        models = {"reader": self.reader, "reward": self.reward, "tagger": self.tagger}
        return tuple(name for name, model in models.items() if model is not None)


class FilteringConfig(Settings):
    """Which rows are kept, and how they are split."""

    target: int = Field(default=1000, ge=1)
    """Rows required after filtering; generation goes on until they are there."""
    quotas: bool = True
    """Keep of each steering domain its share of the target (`generation.domains.weight`), whatever
    its yield; when no more can be drawn, rows of other domains fill up."""
    rules: RuleSettings = Field(default_factory=RuleSettings)
    """The filter rules with their thresholds."""
    quality: QualityConfig = QualityConfig()
    """What models measure on the rows, with thresholds."""
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the kept rows held out for validation (the study's 160 of 800)."""
    duplicates: DuplicatesConfig = DuplicatesConfig()
    """Near-duplicates and the clusters that splits respect."""
    decontaminate: bool = True
    """Reject rows that contain items of the benchmarks of this study."""
    contamination: ContaminationConfig = ContaminationConfig()
    """What counts as containing an item."""
