"""Our scores are lm-evaluation-harness' own scores, for the base and every kind of adapter."""

import json
from pathlib import Path

import lm_eval
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from support import evaluation_bench as bench

from synthetic_instruction_tuner.evaluation import harness, run, students
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import ItemScore, read_lines
from synthetic_instruction_tuner.study import Study
from synthetic_instruction_tuner.subject import benchmark_key

STOCK = Path(lm_eval.__file__).parent / "tasks"
SUBJECTS = ("base", "sft", "prompt_tuning")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("scores")
    made = bench.make_study(
        root / "ws", bench.make_student(root / "m"), bench.write_data(root / "d")
    )
    run.prepare_items(made, Silent())
    return made


def overlay(name: str, stock: str, files: dict[str, Path]) -> str:
    """A task for plain lm-eval: the stock definition, its data set replaced by files."""
    splits = {"training_split": None, "validation_split": None, "test_split": None}
    splits |= {f"{'validation' if s == 'validation' else 'test'}_split": s for s in list(files)[:1]}
    if "dev" in files:
        splits["fewshot_split"] = "dev"
    content = {
        "include": str(STOCK / stock),
        "task": name,
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: str(path) for split, path in files.items()}},
        **splits,
    }
    return json.dumps(content)


@pytest.fixture(scope="module")
def plain_tasks(study: Study) -> TaskManager:
    """Plain lm-eval's task index with five tasks on the same files."""
    data = Path(study.config.evaluation.data_dir or "")
    folder = study.root.parent / "tasks"
    folder.mkdir()
    definitions = {
        "t_hellaswag": (
            "hellaswag/hellaswag.yaml",
            {"validation": data / "hellaswag/validation.jsonl"},
        ),
        "t_arc": ("arc/arc_easy.yaml", {"test": data / "arc_easy/test.jsonl"}),
        "t_mc1": (
            "truthfulqa/truthfulqa_mc1.yaml",
            {"validation": data / "truthfulqa/validation.jsonl"},
        ),
        "t_mc2": (
            "truthfulqa/truthfulqa_mc2.yaml",
            {"validation": data / "truthfulqa/validation.jsonl"},
        ),
    }
    for subject in ("anatomy", "astronomy"):
        files = {split: data / f"mmlu/{subject}/{split}.jsonl" for split in ("test", "dev")}
        definitions[f"t_{subject}"] = (f"mmlu/default/mmlu_{subject}.yaml", files)
    for name, (stock, files) in definitions.items():
        (folder / f"{name}.yaml").write_text(overlay(name, stock, files))
    (folder / "group.yaml").write_text(
        json.dumps(
            {
                "group": "t_mmlu",
                "task": ["t_anatomy", "t_astronomy"],
                "aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}],
            }
        )
    )
    return TaskManager(include_path=str(folder), include_defaults=False)


PLAIN = {
    "mmlu-0shot": ("t_mmlu", 0),
    "mmlu-5shot": ("t_mmlu", 5),
    "hellaswag": ("t_hellaswag", None),
    "arc_easy": ("t_arc", None),
    "truthfulqa_mc1": ("t_mc1", None),
    "truthfulqa_mc2": ("t_mc2", None),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_scores_equal_plain_lm_eval(study: Study, plain_tasks: TaskManager, name: str) -> None:
    subject = study.subject(name)
    ours = {}
    for one in study.config.evaluation.benchmarks:
        found = run.evaluate(study, subject, one, Silent())
        ours[benchmark_key(one)] = json.loads(found.path("result.json").read_text())
    with students.under_test(study, subject) as student, harness.compiled_templates():
        lm = HFLM(
            pretrained=student.wrapped, tokenizer=student.tokenizer, batch_size=4,
            max_length=2048 - study.virtual_tokens, backend="causal",
        )  # fmt: skip
        for key, (task, shots) in PLAIN.items():
            plain = lm_eval.simple_evaluate(
                model=lm, tasks=[task], task_manager=plain_tasks, num_fewshot=shots,
                bootstrap_iters=0, log_samples=False,
            )  # fmt: skip
            expected = plain.get("groups", {}).get(task) or plain["results"][task]
            for metric, value in ours[key]["scores"].items():
                assert value == pytest.approx(expected[f"{metric},none"], abs=1e-6), (key, metric)
    assert all(one["measurements"]["agreement"]["used"] == "fast" for one in ours.values())


def test_one_base_serves_all_models_and_all_terms_are_equal(study: Study) -> None:
    before = students.loads()
    conditions, prompts = {}, {}
    for subject in study.subjects:
        for one in study.config.evaluation.benchmarks:
            found = run.evaluate(study, subject, one, Silent())
            result = json.loads(found.path("result.json").read_text())
            items = list(read_lines(found.path("items.jsonl"), ItemScore))
            conditions.setdefault(benchmark_key(one), []).append(result["conditions"])
            shown = [(item.id, item.prompt_hash, item.target_hash) for item in items]
            prompts.setdefault(benchmark_key(one), []).append(shown)
    assert students.loads() - before <= 1
    for found in (*conditions.values(), *prompts.values()):
        assert all(one == found[0] for one in found)


def test_items_carry_subject_prompt_response_and_scores(study: Study) -> None:
    one = study.config.evaluation.benchmarks[0]
    found = run.evaluate(study, study.subject("base"), one, Silent())
    items = list(read_lines(found.path("items.jsonl"), ItemScore))
    assert {item.cluster for item in items} == {"mmlu_anatomy", "mmlu_astronomy"}
    assert items[0].detail["question"].startswith("Which is number 0 of anatomy?\nA. one anatomy")
    assert items[0].detail["target"] == "A"
    best = max(range(4), key=lambda i: items[0].detail["loglikelihoods"][i])
    assert items[0].detail["response"] == "ABCD"[best]
    assert items[0].scores["acc"] == float(best == 0)


def test_chance_follows_from_the_items(study: Study) -> None:
    results = {}
    for one in study.config.evaluation.benchmarks:
        found = run.evaluate(study, study.subject("base"), one, Silent())
        results[benchmark_key(one)] = json.loads(found.path("result.json").read_text())["chance"]
    assert results["mmlu-0shot"] == 0.25
    assert results["arc_easy"] == pytest.approx((1 / 3 + 1 / 4) / 2)  # 3 and 4 choices, half each
    # Wrong choices: 2, 3, 4, 2, 3 beside one right (mc1) or two right (mc2).
    assert results["truthfulqa_mc1"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 5 + 1 / 3 + 1 / 4) / 5)
    assert results["truthfulqa_mc2"] == pytest.approx((2 / 4 + 2 / 5 + 2 / 6 + 2 / 4 + 2 / 5) / 5)
