"""One file adds one thing; what it leaves out is named when it is found."""

from types import ModuleType

import pytest

from synthetic_instruction_tuner.benchmarks import BenchmarkFile
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.config.study import StudyConfig
from synthetic_instruction_tuner.discovery import as_offer
from synthetic_instruction_tuner.evaluation.kinds import KindFile
from synthetic_instruction_tuner.methods import Method, all_methods
from synthetic_instruction_tuner.reporting.charts.catalogue import Figure
from synthetic_instruction_tuner.rules import Rule, all_rules
from tuner.main import Command


def test_a_file_without_its_one_thing_is_named() -> None:
    for offer, missing in (
        (BenchmarkFile, "BENCHMARK"),
        (KindFile, "run"),
        (Rule, "Config, ORDER, check"),
        (Method, "Config"),
        (Figure, "ORDER, describe"),
        (Command, "add_to"),
    ):
        with pytest.raises(TypeError, match=rf"^some\.file lacks {missing} \({offer.__name__}\)$"):
            as_offer(ModuleType("some.file"), offer)


@pytest.mark.parametrize("module", [*all_rules().values(), *all_methods().values()])
def test_settings_of_every_file_are_hashable_and_survive_json(module):
    made = module.Config(**({"name": "arm"} if "name" in module.Config.model_fields else {}))
    assert hash(made) == hash(made.model_copy())
    assert module.Config.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize("name", all_methods())
def test_every_method_has_a_label_and_a_few_words(name):
    config = all_methods()[name].Config
    assert config.label
    assert 10 < len(config.what) < 60


@pytest.mark.parametrize("name", presets.names())
def test_a_study_survives_json(name):
    made = presets.load(name)
    assert StudyConfig.model_validate_json(made.model_dump_json()) == made
