"""The graph of a study: what depends on what."""

from pathlib import Path

import pytest

from synthetic_instruction_tuner.config import BenchmarkConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key


def study(*overrides, preset="sandbox-smoke"):
    return Study(presets.load(preset, list(overrides)), Path("unused"))


def changed(*overrides):
    """Names of the artifacts whose identity an override changes."""
    before = {one.name: one.identity for one in study().artifacts()}
    after = {one.name: one.identity for one in study(*overrides).artifacts()}
    return {name for name in before if before[name] != after.get(name)}


REPORT = {"comparison", "figures", "report"}


def test_identities_are_the_same_in_every_process():
    assert changed() == set()


@pytest.mark.parametrize(
    "override",
    [
        "generation.chunk_size=7",
        "generation.batch_size=3",
        "preference.batch_size=3",
        "preference.chunk_size=3",
        "preference.reward_batch_tokens=999",
        "training.checkpoint_steps=1",
        "training.threads=1",
        "training.micro_batch_size=1",
        "session.minutes=5",
    ],
)
def test_settings_that_do_not_change_content_change_no_identity(override):
    assert changed(override) == set()


def test_a_training_setting_changes_its_arm_and_what_starts_from_it():
    names = changed("training.arms.sft.learning_rate=0.001")
    trained = {name for name in names if "/" not in name}
    assert trained == {"sft", "dpo"} | REPORT
    assert {name.split("/")[0] for name in names if "/" in name} == {"sft", "dpo"}


def test_a_filter_threshold_draws_nothing_again_but_changes_all_data_after_it():
    names = changed("filtering.rules.length.max_words=50")
    assert {"filtered", "rewards", "pairs", "sft"} <= names
    assert "items" not in names
    assert study().draws.identity == study("filtering.rules.length.max_words=50").draws.identity


def test_more_draws_keep_the_sequence_of_draws():
    assert study().draws.identity == study("generation.draws=100").draws.identity


def test_a_margin_changes_pairs_and_dpo_only():
    names = changed("preference.min_margin=0.5")
    assert {name for name in names if "/" not in name} == {"pairs", "dpo"} | REPORT


def test_a_renamed_arm_is_the_same_training():
    one, other = study(), study("training.arms.prompt_tuning.name=soft_prompt")
    first = one.trained(one.subject("prompt_tuning"))
    second = other.trained(other.subject("soft_prompt"))
    assert first.config == second.config


def test_further_seeds_add_subjects_that_start_from_their_own_seed():
    seeds = study("seeds=[42, 43]")
    assert [one.name for one in seeds.subjects] == [
        "base", "sft", "prompt_tuning", "dpo",
        "sft-seed43", "prompt_tuning-seed43", "dpo-seed43",
    ]  # fmt: skip
    start = seeds.starts_from(seeds.subject("dpo-seed43"))
    assert start is not None
    assert start.name == "sft-seed43"


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(ConfigurationError, match="this study has: base, sft, prompt_tuning, dpo"):
        study().subject("lora")


def test_stages_without_a_preference_arm_leave_preference_out():
    config = presets.load("sandbox-smoke")
    arms = tuple(arm for arm in config.training.arms if arm.data == "sft")
    training = config.training.model_copy(update={"arms": arms})
    plain = Study(config.model_copy(update={"training": training}), Path("unused"))
    assert "preference" not in plain.stages_until("report")
    assert "pairs" not in {one.name for one in plain.artifacts()}
    assert study().stages_until("generation") == ("generation",)
    assert study().stages_until("filtering") == ("generation", "filtering")
    assert study().stages_until("training")[0] == "items"  # nothing is trained on unchecked rows
    unchecked = study("filtering.decontaminate=false")
    assert unchecked.stages_until("training")[0] == "generation"
    assert unchecked.stages_until("report")[0] == "items"


def test_benchmark_keys_tell_shots_apart():
    assert benchmark_key(BenchmarkConfig(name="mmlu", num_fewshot=5)) == "mmlu-5shot"
    assert benchmark_key(BenchmarkConfig(name="hellaswag")) == "hellaswag"


def test_a_missing_source_file_is_named():
    with pytest.raises(ConfigurationError, match=r"generation.source='nowhere.json' does not"):
        list(study("generation.source=nowhere.json").artifacts())


ON_POLICY = (
    "preference.responders=[{name: own, arm: sft}, {name: other, model: {name: sandbox:responder}}]"
)


def test_an_arm_that_answers_is_trained_before_the_pairs_that_others_learn_from():
    made = study(ON_POLICY)
    sft, dpo = (made.trained(made.subject(name)) for name in ("sft", "dpo"))
    own, other = (made.responses(one) for one in made.config.preference.responders)
    assert [one.name for one in made.answering_arms] == ["sft"]
    assert own.inputs == (made.filtered, sft)
    assert other.inputs == (made.filtered,)
    assert made.pairs in dpo.inputs
    names = {one.name: one.identity for one in made.artifacts()}
    other_rate = study(ON_POLICY, "training.arms.sft.learning_rate=0.001")
    changed_names = {o.name for o in other_rate.artifacts() if names[o.name] != o.identity}
    assert {"sft", "responses/own", "rewards", "pairs", "dpo"} <= changed_names
    assert not {"filtered", "responses/other", "prompt_tuning"} & changed_names


@pytest.mark.parametrize(
    ("responder", "message"),
    [
        ("{name: own, arm: dpo}", "not from pairs"),
        ("{name: own, arm: lora_9}", "is arm 'lora_9'"),
        ("{name: own}", "either a model or an arm"),
        ("{name: own, arm: sft, model: {name: a/b}}", "either a model or an arm"),
    ],
)
def test_a_responder_is_a_model_or_an_arm_that_needs_no_pairs(responder, message):
    with pytest.raises(ConfigurationError, match=message):
        study(f"preference.responders=[{responder}, {{name: b, model: {{name: a/b}}}}]")


def test_the_one_side_is_a_responder():
    with pytest.raises(ConfigurationError, match="one_side='nobody' is no responder"):
        study("preference.one_side=nobody")
