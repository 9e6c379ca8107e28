"""Everything a study can be told: one frozen model a stage, composed in `StudyConfig`.

Each field carries its unit and where its default comes from. `StudyConfig` is the only parameter
of the study flow, so these texts are also the help of the form in the Prefect UI.
"""

from synthetic_instruction_tuner.config.evaluation import (
    BenchmarkConfig,
    EvaluationConfig,
    GateConfig,
)
from synthetic_instruction_tuner.config.filtering import (
    ContaminationConfig,
    DuplicatesConfig,
    FilteringConfig,
    QualityConfig,
)
from synthetic_instruction_tuner.config.generation import (
    CompletionsConfig,
    DomainConfig,
    GenerationConfig,
)
from synthetic_instruction_tuner.config.models import ModelConfig, SamplingConfig
from synthetic_instruction_tuner.config.operation import CostConfig, RunnerConfig, SessionConfig
from synthetic_instruction_tuner.config.preference import (
    PairChoiceConfig,
    PreferenceConfig,
    ResponderConfig,
)
from synthetic_instruction_tuner.config.sources import ColumnsConfig
from synthetic_instruction_tuner.config.study import StudyConfig
from synthetic_instruction_tuner.config.training import ArmConfig, TrainingConfig

__all__ = [
    "ArmConfig",
    "BenchmarkConfig",
    "ColumnsConfig",
    "CompletionsConfig",
    "ContaminationConfig",
    "CostConfig",
    "DomainConfig",
    "DuplicatesConfig",
    "EvaluationConfig",
    "FilteringConfig",
    "GateConfig",
    "GenerationConfig",
    "ModelConfig",
    "PairChoiceConfig",
    "PreferenceConfig",
    "QualityConfig",
    "ResponderConfig",
    "RunnerConfig",
    "SamplingConfig",
    "SessionConfig",
    "StudyConfig",
    "TrainingConfig",
]
