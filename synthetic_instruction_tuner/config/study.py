"""All settings of a study in one model."""

from __future__ import annotations

from pydantic import Field, model_validator

from synthetic_instruction_tuner.config.evaluation import EvaluationConfig, GateConfig
from synthetic_instruction_tuner.config.filtering import FilteringConfig
from synthetic_instruction_tuner.config.generation import GenerationConfig
from synthetic_instruction_tuner.config.models import NAME
from synthetic_instruction_tuner.config.operation import CostConfig, RunnerConfig, SessionConfig
from synthetic_instruction_tuner.config.preference import PreferenceConfig
from synthetic_instruction_tuner.config.training import TrainingConfig
from synthetic_instruction_tuner.settings import Settings


class StudyConfig(Settings):
    """A whole study: generation, filtering, preference, training, evaluation, report."""

    name: str = Field(default="study", pattern=NAME, max_length=60)
    """Name of the study; a workspace holds one study."""
    title: str = "Which adaptation method, when, and at what cost?"
    """Title of report and slides."""
    seed: int = Field(default=42, ge=0, lt=2**31)
    """The run seed: every random choice of the study follows from it."""
    seeds: tuple[int, ...] = (42,)
    """Training seeds; the first is the headline run, more give a spread between runs."""
    generation: GenerationConfig = GenerationConfig()
    filtering: FilteringConfig = Field(default_factory=FilteringConfig)
    preference: PreferenceConfig = PreferenceConfig()
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = EvaluationConfig()
    gates: tuple[GateConfig, ...] = ()
    """Acceptance criteria."""
    costs: CostConfig = CostConfig()
    session: SessionConfig = SessionConfig()
    runner: RunnerConfig = RunnerConfig()
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why settings depart from their defaults, for readers of the report: sentence by setting
    ("training.arms.sft.learning_rate"; "training.arms.*.batch_size": of every arm; "training.arms":
    of all below)."""

    @model_validator(mode="after")
    def _cross_checks(self) -> StudyConfig:
        limit = self.generation.max_draws
        if self.generation.source is None and self.filtering.target > limit:
            raise ValueError(
                f"filtering.target={self.filtering.target} is more than "
                f"generation.max_draws={limit}"
            )
        self._check_answering_arms()
        return self

    def _check_answering_arms(self) -> None:
        """Refuse responders that are no arm, or an arm that needs the very pairs it answers for."""
        arms = {arm.name: arm for arm in self.training.arms}
        for one in self.preference.responders:
            name = one.arm
            while name is not None:
                arm = arms.get(name)
                if arm is None or arm.data != "sft":
                    allowed = [arm.name for arm in arms.values() if arm.data == "sft"]
                    raise ValueError(
                        f"responder {one.name!r} is arm {name!r}; it must be one that learns from "
                        f"the kept instructions, not from pairs: {allowed}"
                    )
                name = arm.start_from
