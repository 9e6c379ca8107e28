"""Loading studies: presets, files, overrides, and errors that name field, value and choices."""

import pytest

from synthetic_instruction_tuner.config import ModelConfig, StudyConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.reference import is_gated
from synthetic_instruction_tuner.storage.formats import licence_of


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_loads_and_carries_its_name(name):
    assert presets.load(name).name == name


def test_presets_are_the_four_promised_ones():
    assert set(presets.names()) >= {"a100", "colab-t4", "sandbox", "sandbox-smoke"}


@pytest.mark.parametrize("name", ["colab-t4", "a100"])
def test_the_real_study_is_as_specified(name):
    config = presets.load(name)
    arms = {arm.name: arm for arm in config.training.arms}
    sft, prompt, dpo = arms["sft"], arms["prompt_tuning"], arms["dpo"]
    assert (sft.rank, sft.alpha, sft.dropout, sft.epochs, sft.batch_size) == (8, 16, 0.05, 3, 4)
    assert sft.learning_rate == 2e-4
    assert (prompt.virtual_tokens, prompt.init, prompt.learning_rate) == (20, "random", 3e-4)
    assert (dpo.beta, dpo.epochs, dpo.batch_size, dpo.learning_rate) == (0.1, 1, 2, 5e-5)
    assert dpo.start_from == "sft"
    assert (config.generation.draws, config.filtering.target) == (1500, 1000)
    assert (config.preference.pairs, config.seed, config.seeds[0]) == (600, 42, 42)
    assert config.generation.teacher.name == "meta-llama/Llama-3.1-8B-Instruct"
    assert config.training.student.name == "meta-llama/Llama-3.2-3B"


@pytest.mark.parametrize("name", ["colab-t4", "a100"])
def test_the_open_study_differs_in_models_alone(name):
    """Whatever is changed in one is changed in the other; nothing of it is gated."""

    def settings(study):
        values = presets.load(study).model_dump()
        models = [values["generation"].pop("teacher"), values["training"].pop("student")]
        models += [one.pop("model") for one in values["preference"]["responders"]]
        for one in values["preference"]["responders"]:
            del one["name"]
        del values["name"]
        return values, models

    gated, models = settings(name)
    opened, others = settings(f"{name}-open")
    assert opened == gated
    assert [one["quantization"] for one in models[:2]] == [
        one["quantization"] for one in others[:2]
    ]
    assert not any(is_gated(ModelConfig(name=one["name"])) for one in others)
    assert any(is_gated(ModelConfig(name=one["name"])) for one in models)
    licences = {licence_of(one["name"]).id for one in others}
    assert licences == {"apache-2.0"}


def test_the_small_real_study_trains_the_three_arms_and_finds_duplicates_by_meaning():
    config = presets.load("smollm2")
    assert [arm.method for arm in config.training.arms] == ["lora", "prompt_tuning", "dpo"]
    assert config.training.student.name == "HuggingFaceTB/SmolLM2-135M"
    assert config.generation.teacher.name == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert config.filtering.duplicates.embedding.name == "sentence-transformers/all-MiniLM-L6-v2"


def test_the_t4_study_uses_four_bits_where_it_helps():
    config = presets.load("colab-t4")
    assert config.generation.teacher.quantization == "nf4"
    assert config.training.student.quantization == "nf4"


def test_overrides_reach_sections_lists_by_name_and_by_number():
    config = presets.load(
        "sandbox",
        [
            "seed=7",
            "filtering.rules.length.min_words=4",
            "training.arms.sft.rank=16",
            "training.arms.1.virtual_tokens=5",
            "generation.teacher.dtype=float16",
        ],
    )
    assert config.seed == 7
    assert config.training.arms[0].rank == 16
    assert config.training.arms[1].virtual_tokens == 5
    assert config.generation.teacher.dtype == "float16"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "write it as section.field=value"),
        (
            "sede=1",
            r"sede: no such field; did you mean seed or seeds\?; allowed here: name, title, seed",
        ),
        (
            "generation.drawz=1",
            r"drawz: no such field; did you mean generation.draws\?; allowed here: source",
        ),
        ("generation.draws=-3", r"generation.draws: must be at least 1 \(got -3\)"),
        ("generation.draws=many", r"must be a whole number \(got 'many'\)"),
        ("generation.engine=llama", r"'transformers', 'vllm' or 'completions' \(got 'llama'\)"),
        ("seed.x=1", "'seed' is a value, not a section"),
        ("training.arms.nope.rank=1", r"no entry 'nope'; allowed: \['sft'"),
        (
            "training.arms.sft.method=lorra",
            r"training.arms.sft: method must be one of .*; did you mean lora or ",
        ),
        ("training.arms.dpo.start_from=later", r"arm 'dpo' has start_from='later'; allowed:"),
        ("filtering.target=99999", r"filtering.target=99999 is more than .*max_draws"),
        (
            "training.arms.sft.rnk=1",
            r"training.arms.sft.rnk: .*did you mean training.arms.sft.rank\?",
        ),
        ("training.arms.sft.rank=x", r"training.arms.sft.rank: must be a whole number"),
        ("draws=1", r"draws: no such field; did you mean generation.draws\?"),
        ("generation.teacher=sandbox", r"teacher: must be a group of fields \(got 'sandbox'\)"),
        ("title=[", "is not YAML"),
        ("generation.teacher={name: a, name: b}", "'name' is given twice"),
    ],
)
def test_a_wrong_override_names_field_value_and_choices(assignment, message):
    with pytest.raises(ConfigurationError, match=message):
        presets.load("sandbox", [assignment])


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        (
            {"primary": ["mmul"]},
            r"primary names \['mmul'\]; benchmarks of this study: \['mmlu-5shot",
        ),
        ({"benchmarks": [{"name": "mmlu"}, {"name": "mmlu", "items": 9}]}, "listed twice: mmlu"),
    ],
)
def test_benchmarks_are_told_apart_and_the_primary_ones_are_among_them(evaluation, message):
    with pytest.raises(ValueError, match=message):
        StudyConfig.model_validate({"evaluation": evaluation})
    allowed = StudyConfig.model_validate({"evaluation": {"primary": ["mmlu", "mmlu-5shot"]}})
    assert allowed.evaluation.primary == ("mmlu", "mmlu-5shot")


def test_a_name_that_fits_two_entries_is_asked_about():
    two = "evaluation.benchmarks=[{name: mmlu, num_fewshot: 5}, {name: mmlu, num_fewshot: 0}]"
    which = r"'mmlu' fits 2 entries; which one\? mmlu-5shot \(number 0\) or mmlu-0shot \(number 1\)"
    with pytest.raises(ConfigurationError, match=which):
        presets.load(
            "sandbox", [two, "evaluation.primary=[]", "evaluation.benchmarks.mmlu.items=9"]
        )
    one = "evaluation.benchmarks.mmlu-0shot.items=9"
    found = presets.load("sandbox", [two, "evaluation.primary=[]", one]).evaluation.benchmarks
    assert [bench.items for bench in found] == [None, 9]


def test_an_unknown_study_lists_the_nearest_and_the_presets():
    told = r"unknown study 'sandbx'; did you mean sandbox.*\?; presets: a100, a100-open, colab-t4"
    with pytest.raises(ConfigurationError, match=told):
        presets.load("sandbx")


@pytest.mark.parametrize("path", ["missing.yaml", "some/folder/study"])
def test_a_file_that_is_not_there_is_no_unknown_preset(path):
    with pytest.raises(ConfigurationError, match=f"no such file: '{path}'"):
        presets.load(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name: x\nseed: 1\nseed: 2\n", "'seed' is given twice, again in line 3"),
        ("name: x\nfiltering:\n  target: 1\n  target: 2\n", "'target' is given twice"),
        ("name: x\nseeds: [{a: 1, a: 2}]\n", "'a' is given twice"),
    ],
)
def test_a_key_given_twice_is_named(tmp_path, text, key):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=key):
        presets.load(str(path))


def test_a_file_is_a_study_too(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nseed: 3\n")
    assert presets.load(str(path)).seed == 3


@pytest.mark.parametrize("text", ["- 1\n", "", "name: [\n", "just words\n"])
def test_a_file_that_is_no_study_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"bad\.yaml"):
        presets.load(str(path))


def test_foreign_code_needs_a_pinned_revision():
    with pytest.raises(ConfigurationError, match="needs a pinned revision"):
        presets.load("sandbox", ["training.student.trust_remote_code=true"])


def test_an_override_changes_one_section_of_those_that_share_a_yaml_alias(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: x\n"
        "generation: {teacher: &model {name: a/b}}\n"
        "training: {student: *model}\n"
        "preference: {responders: [{name: one, model: *model}, {name: two, model: *model}]}\n"
    )
    changes = ["training.student.name=c/d", "preference.responders.two.model.name=e/f"]
    config = presets.load(str(path), changes)
    assert config.generation.teacher.name == "a/b"
    assert config.training.student.name == "c/d"
    assert [one.model.name for one in config.preference.responders] == ["a/b", "e/f"]
