"""The settings reference: made from the models, found by any way to type a path, true examples."""

import json
from pathlib import Path

import pytest

from synthetic_instruction_tuner.config import StudyConfig, examples, presets
from synthetic_instruction_tuner.config.finding import find
from synthetic_instruction_tuner.config.reference import settings_of
from synthetic_instruction_tuner.errors import ConfigurationError
from tuner.commands.settings import schema_text

SCHEMA = presets.FOLDER / "study.schema.json"


def the_one(path):
    ((_, (setting,)),) = find(path)
    return setting


def test_a_setting_is_described_whole():
    rank = the_one("training.arms.lora.rank")
    assert (rank.type, rank.range, rank.default) == ("int", ">= 1 and <= 1024", "8")
    assert rank.text == "Rank r of the update."
    length = the_one("training.max_length")
    assert (length.unit, length.range) == ("tokens", ">= 8")
    window = the_one("filtering.contamination.window")
    assert window.source == "GPT-4's report, arXiv 2303.08774"
    assert the_one("session.minutes").default == "none"
    assert the_one("training.arms.dpo.learning_rate").default == "5e-05"


@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("training.arms.lora", ["training.arms.NAME[lora]"]),
        ("filtering.rules.length", ["filtering.rules.length"]),
        ("evaluation.benchmarks.mmlu.items", ["evaluation.benchmarks.NAME"]),
        ("evaluation.benchmarks", ["evaluation.benchmarks.NAME"]),
        ("seed", [""]),
    ],
)
def test_a_path_finds_its_section(path, titles):
    assert [group.title for group, _ in find(path)] == titles


def test_an_arm_of_any_name_has_what_any_method_has():
    assert len(find("training.arms.mine.epochs")) == len(find("training.arms"))


def test_an_unknown_path_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"did you mean training.arms.rank\?"):
        find("rank")
    with pytest.raises(ConfigurationError, match=r"did you mean generation\.drawz?s"):
        find("generation.drawz")


@pytest.mark.parametrize(
    "setting",
    [one for one in settings_of(StudyConfig) if not one.type.endswith("group")],
    ids=lambda one: f"{one.path}[{one.kind}]",
)
def test_an_example_is_a_value_that_the_setting_may_have(setting):
    path, _, text = examples.assignment(setting).partition("=")
    assert path.rpartition(".")[2] == setting.name
    assert text
    if setting.default not in ("none", "", "required") and setting.type in ("int", "float"):
        float(text)


def test_presets_open_in_an_editor_that_knows_every_setting():
    """Made anew by: tuner settings --schema > synthetic_instruction_tuner/config/presets/..."""
    assert SCHEMA.read_text("utf-8") == schema_text(), f"tuner settings --schema > {SCHEMA}"
    for preset in presets.FOLDER.glob("*.yaml"):
        first = preset.read_text("utf-8").splitlines()[0]
        name = first.removeprefix("# yaml-language-server: $schema=")
        assert (Path(preset).parent / name) == SCHEMA
    assert json.loads(schema_text())["additionalProperties"] is False
