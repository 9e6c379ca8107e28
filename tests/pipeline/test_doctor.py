"""What will fail is said before it does."""

import httpx
import pytest
from huggingface_hub import constants
from support import training_models

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError
from synthetic_instruction_tuner.inspection import doctor, examples
from synthetic_instruction_tuner.inspection.doctor import Check, examine, models_of, require_models
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS
from synthetic_instruction_tuner.inspection.planning.plan import plan
from synthetic_instruction_tuner.models.loading import load_tokenizer
from synthetic_instruction_tuner.study.graph import Study


def test_the_embedded_study_has_no_problem(tmp_path):
    checks = list(examine(Study(presets.load("sandbox"), tmp_path)))
    assert [one for one in checks if one.state != "ok"] == []
    prefix = "'<|begin_of_text|><|start_header_id|>user<|end_header_id|>\\n\\n'"
    (teacher,) = [one for one in checks if one.name == "teacher: sandbox:teacher template"]
    assert teacher.found == f"sandbox: {prefix}, ends with <|eot_id|>"


def test_the_real_study_without_a_hub_names_every_missing_model(tmp_path):
    study = Study(presets.load("colab-t4"), tmp_path)
    problems = [one for one in examine(study) if one.state == "problem"]
    assert [one.name.split(": ")[1] for one in problems] == [
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.2-1B-Instruct",
        "mistralai/Mistral-7B-Instruct-v0.3",
        "Qwen/Qwen2.5-3B-Instruct",
        "Skywork/Skywork-Reward-V2-Qwen3-0.6B",
        "meta-llama/Llama-3.2-3B",
    ]
    assert all("the Hub cannot be reached" in one.found for one in problems)
    gated = [one.name.split(": ")[1] for one in problems if "colab-t4-open" in one.remedy]
    assert gated == [
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.2-1B-Instruct",
        "mistralai/Mistral-7B-Instruct-v0.3",
        "meta-llama/Llama-3.2-3B",
    ]


@pytest.mark.parametrize("name", ["colab-t4-open", "a100-open"])
def test_the_open_study_needs_no_token_and_fails_at_downloads_alone(tmp_path, monkeypatch, name):
    for variable in doctor.TOKEN_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    checks = list(examine(Study(presets.load(name), tmp_path)))
    problems = [one for one in checks if one.state == "problem"]
    assert {one.name.split(": ")[1] for one in problems} == {
        "Qwen/Qwen2.5-7B-Instruct",
        "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        "Qwen/Qwen2.5-1.5B-Instruct",
        "Skywork/Skywork-Reward-V2-Qwen3-0.6B",
        "Qwen/Qwen2.5-1.5B",
    }
    assert all("the Hub cannot be reached" in one.found for one in problems)
    assert all(one.remedy == "" for one in problems)
    (token,) = [one for one in checks if one.name == "hub token"]
    assert token.state == "ok"


@pytest.mark.parametrize(("name", "gpu"), [("colab-t4-open", "T4"), ("a100-open", "A100")])
def test_the_open_study_is_planned_without_the_hub_and_fits(name, gpu):
    rows = plan(presets.load(name), GPUS[gpu])
    assert {one.subject for one in rows} >= {"teacher", "reward model", "sft", "dpo"}
    assert all(one.fits for one in rows)


def test_a_hub_that_does_not_answer_is_asked_once(tmp_path, monkeypatch):
    asked, offline = [], []

    def no_answer(address, **_):
        asked.append(address)
        raise httpx.ConnectError("no route")

    def look(role, model):
        offline.append(constants.is_offline_mode())
        yield Check(role, "ok", model.name)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(httpx, "head", no_answer)
    monkeypatch.setattr(doctor, "_model", look)
    checks = list(examine(Study(presets.load("colab-t4"), tmp_path)))
    (hub,) = [one for one in checks if one.name == "hub"]
    assert (hub.state, hub.found) == (
        "problem",
        "https://huggingface.co does not answer: no route",
    )
    assert asked == ["https://huggingface.co"]
    assert offline == [True] * 6
    assert not constants.is_offline_mode()


def test_a_model_with_two_roles_is_looked_at_once_in_its_first(tmp_path):
    """In the embedded study the teacher also answers and judges."""
    names = [role.model.name for role in models_of(Study(presets.load("sandbox"), tmp_path))]
    assert names == ["sandbox:teacher", "sandbox:responder", "sandbox:student"]


def test_a_run_refuses_to_start_without_a_model_that_it_needs_later(tmp_path):
    config = presets.load("sandbox", ["training.student.name=meta-llama/Llama-3.2-3B"])
    with pytest.raises(
        MissingModelError, match=r"'meta-llama/Llama-3\.2-3B' is not on this machine"
    ):
        require_models(Study(config, tmp_path), "report")
    require_models(Study(config, tmp_path), "filtering")  # not needed that far


def test_a_plan_says_for_every_stage_what_fits(tmp_path):
    rows = plan(presets.load("sandbox-smoke"), GPUS["T4"])
    assert {row.stage for row in rows} == {"generation", "preference", "training", "evaluation"}
    assert all(row.fits for row in rows)


def test_an_arm_that_cannot_be_trained_is_refused_before_anything_is_drawn(tmp_path):
    arms = '[{"name": "whole", "method": "full"}]'
    settings = ["training.student.quantization=nf4", f"training.arms={arms}"]
    study = Study(presets.load("sandbox-smoke", settings), tmp_path)
    refusal = r"arm 'whole': .*quantization='nf4' does not go with method 'full'; allowed: none"
    with pytest.raises(ConfigurationError, match=refusal):
        require_models(study, "report")
    require_models(study, "filtering")
    (found,) = [one for one in examine(study) if one.name == "arms"]
    assert found.state == "problem"


def test_a_precision_that_this_machine_cannot_train_in_is_refused(tmp_path):
    config = presets.load("sandbox-smoke", ["training.student.dtype=float16"])
    with pytest.raises(ConfigurationError, match=r"'float16' cannot be trained on a CPU"):
        require_models(Study(config, tmp_path), "report")


REASONING = training_models.TEMPLATE.replace(
    "assistant<|end_header_id|>\n\n{%", "assistant<|end_header_id|>\n\n<think>\n{%"
)


@pytest.fixture
def reasoner(tmp_path):
    """A model whose template opens reasoning before every answer; it reads 256 tokens."""
    return training_models.save_student(tmp_path / "reasoner", REASONING)


def test_a_student_that_always_reasons_is_refused_before_anything_is_drawn(tmp_path, reasoner):
    """Also where the very same model is the teacher and so is looked at as one."""
    names = [f"{role}.name={reasoner}" for role in ("training.student", "generation.teacher")]
    settings = [*names, "generation.teacher.family=generic"]
    study = Study(presets.load("sandbox-smoke", settings), tmp_path)
    way_out = r"opens <think> before every answer.*training.student.family: llama-3, plain"
    with pytest.raises(ConfigurationError, match=way_out):
        require_models(study, "report")
    require_models(study, "filtering")
    found = {one.name: one for one in examine(study) if str(reasoner) in one.name}
    assert found[f"student: {reasoner} template"].state == "problem"
    teacher = found[f"teacher: {reasoner} template"]
    assert teacher.state == "warning"
    assert teacher.found.endswith("reasons before every answer")


def test_a_family_that_is_named_takes_the_place_of_a_template_that_cannot_be_trained(
    tmp_path, reasoner
):
    settings = [f"training.student.name={reasoner}", "training.student.family=llama-3"]
    study = Study(presets.load("sandbox-smoke", settings), tmp_path)
    require_models(study, "report")
    (found,) = [one for one in examine(study) if one.name == f"student: {reasoner} template"]
    assert (found.state, "it is given llama-3" in found.found) == ("ok", True)


@pytest.mark.parametrize(
    ("longest", "written", "state", "said"),
    [
        (256, 32, "ok", "256 tokens, 224 before"),
        (300, 32, "warning", "=300"),
        (64, 64, "problem", "0 b"),
    ],
)
def test_requests_that_will_lose_their_beginning_are_foretold(
    tmp_path, longest, written, state, said
):
    student = training_models.save_student(tmp_path / "student")
    study = training_models.study(tmp_path / "ws", student, [])
    evaluation = study.config.evaluation.model_copy(
        update={"max_length": longest, "max_new_tokens": written}
    )
    config = study.config.model_copy(update={"evaluation": evaluation})
    (found,) = [
        one for one in examine(Study(config, study.root)) if one.name == "evaluation length"
    ]
    assert found.state == state
    assert said in found.found


@pytest.mark.parametrize("length", [2048, 60])
def test_requests_with_examples_are_measured_before_anything_runs(tmp_path, length):
    """Two solved examples of the closed world are at least twice an item of it, and fit 2,048."""
    study = Study(
        presets.load(
            "sandbox",
            [
                "evaluation.benchmarks=[{name: mmlu, num_fewshot: 2, items: 12}]",
                "evaluation.primary=[]",
                f"evaluation.max_length={length}",
                "evaluation.max_new_tokens=8",
            ],
        ),
        tmp_path,
    )
    tokenizer = load_tokenizer(study.student)
    found = examples.lengths(study, study.config.evaluation.benchmarks[0], tokenizer)
    assert len(found) == 12 * 4  # every choice is a request
    assert not list(tmp_path.iterdir())
    room = length - study.virtual_tokens
    (check,) = examples.requests(study, room, tokenizer)
    over = sum(one > room for one in found)
    assert check.name == "mmlu-2shot requests"
    assert f"the longest of 48 has {max(found)} tokens" in check.found
    assert check.state == ("warning" if over else "ok")
    assert (over > 0) is (length == 60)
    assert (f"{over} are longer than {room} and lose their first" in check.found) is (over > 0)


def test_requests_whose_rows_are_on_the_hub_are_estimated(tmp_path):
    study = Study(presets.load("colab-t4"), tmp_path)
    states = {
        room: [(one.name, one.state) for one in examples.requests(study, room, None)]
        for room in (2028, 200)
    }
    names = ("mmlu-5shot requests", "mmlu_cloze-5shot requests")
    assert states[2028] == [(name, "ok") for name in names]
    assert states[200] == [(name, "warning") for name in names]
