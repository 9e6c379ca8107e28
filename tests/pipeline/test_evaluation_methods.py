"""Every adaptation method is evaluated on what it ships, and fairly: one prompt, one answer."""

import json
from pathlib import Path

import pytest
from support import evaluation_bench as bench

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import generation, run
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.design import PROMPT_STEP
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import students

HELLASWAG = BenchmarkConfig(name="hellaswag", items=4)
ARMS = (
    {"name": "dora", "method": "dora"},
    {"name": "ia3", "method": "ia3"},
    {"name": "vera", "method": "vera"},
    {"name": "p_tuning", "method": "p_tuning", "virtual_tokens": 5},
    {"name": "prefix", "method": "prefix_tuning", "virtual_tokens": 4},
    {"name": "full", "method": "full"},
    {"name": "on_full", "method": "lora", "start_from": "full"},
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("methods")
    student, data = bench.make_student(root / "m"), bench.write_data(root / "d")
    made = bench.make_study(
        root / "ws", student, data, ARMS, benchmarks=[HELLASWAG.model_dump(), {"name": "speed"}]
    )
    run.prepare_items(made, Silent())
    return made


@pytest.mark.parametrize("name", [arm["name"] for arm in ARMS])
def test_scores_agree_with_lm_eval_and_generation_with_itself(study: Study, name: str) -> None:
    subject = study.subject(name)
    found = run.evaluate(study, subject, HELLASWAG, Silent())
    result = json.loads(found.path("result.json").read_text())
    assert result["measurements"]["agreement"]["used"] == "fast"
    assert result["conditions"]["max_length"] == 2048 - PROMPT_STEP  # five virtual tokens, in steps
    base = run.evaluate(study, study.subject("base"), HELLASWAG, Silent())
    assert found.path("items.jsonl").read_bytes() != base.path("items.jsonl").read_bytes()
    texts = ["one", "Which is number two?", "x " * 20]
    with students.under_test(study, subject) as student:
        alone = generation.continue_texts(student, texts, 6, 256, 1)
        assert generation.continue_texts(student, texts, 6, 256, 3) == alone


def test_an_adapter_on_a_trained_base_stands_on_it(study: Study) -> None:
    found = students.weights(study, study.subject("on_full"))
    assert Path(found.base.name).parent.name == "full"
    assert found.adapter is not None
    assert found.adapter.parent.name == "on_full"


def test_a_training_artifact_without_weights_is_an_error(study: Study, tmp_path: Path) -> None:
    other = Study(study.config, tmp_path / "ws")
    artifact = other.trained(other.subject("dora"))
    (other.store.staging(artifact) / "run.json").write_text("{}")
    other.store.commit(artifact, {}, 0.0)
    with pytest.raises(StageError, match="neither an adapter nor a model"):
        students.weights(other, other.subject("dora"))


def test_speed_has_median_and_quartiles_of_every_batch_size(study: Study) -> None:
    benchmark = study.config.evaluation.benchmarks[1]
    found = run.evaluate(study, study.subject("base"), benchmark, Silent())
    result = json.loads(found.path("result.json").read_text())
    assert "items.jsonl" not in found.files
    assert result["items"] == 0
    for size in ("batch_1", "batch_8"):
        for name in ("first_token_seconds", "seconds_per_token", "tokens_per_second"):
            one = result["measurements"]["speed"][size][name]
            assert 0 < one["quartile_1"] <= one["median"] <= one["quartile_3"]
    median = result["measurements"]["speed"]["batch_8"]["tokens_per_second"]["median"]
    assert result["scores"] == {"tokens_per_second": median}


@pytest.mark.parametrize(("name", "merges"), [("dora", True), ("vera", True), ("prefix", False)])
def test_speed_is_measured_merged_too_and_leaves_the_base_as_it_was(
    study: Study, name: str, merges: bool
) -> None:
    import torch

    subject = study.subject(name)
    with students.under_test(study, subject) as student:
        before = {key: one.clone() for key, one in student.wrapped.state_dict().items()}
    found = run.evaluate(study, subject, study.config.evaluation.benchmarks[1], Silent())
    speeds = json.loads(found.path("result.json").read_text())["measurements"]["speed"]
    plain = {"batch_1", "batch_8"}
    assert set(speeds) == (plain | {"merged_batch_1", "merged_batch_8"} if merges else plain)
    with students.under_test(study, subject) as student:
        after = student.wrapped.state_dict()
    assert all(torch.equal(one, after[key]) for key, one in before.items())
