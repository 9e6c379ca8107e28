"""Plain lm-evaluation-harness on the same rows: what our scores must equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lm_eval
import lm_eval.evaluator
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from synthetic_instruction_tuner.evaluation import run
from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key
from synthetic_instruction_tuner.training import students

STOCK = Path(lm_eval.__file__).parent / "tasks"
PLAIN = {
    "mmlu-0shot": ("t_mmlu", 0),
    "mmlu-5shot": ("t_mmlu", 5),
    "hellaswag": ("t_hellaswag", 0),
    "arc_easy": ("t_arc", 0),
    "truthfulqa_mc1": ("t_mc1", 0),
    "truthfulqa_mc2": ("t_mc2", 0),
    "mmlu_cloze": ("t_cloze", 0),
}
"""Our benchmark, plain lm-eval's task, examples before each item (0 is every default here)."""
ONE_FILE = {
    "t_hellaswag": ("hellaswag/hellaswag.yaml", "validation", "hellaswag"),
    "t_arc": ("arc/arc_easy.yaml", "test", "arc_easy"),
    "t_mc1": ("truthfulqa/truthfulqa_mc1.yaml", "validation", "truthfulqa"),
    "t_mc2": ("truthfulqa/truthfulqa_mc2.yaml", "validation", "truthfulqa"),
}


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


def index(data: Path, folder: Path) -> TaskManager:
    """Plain lm-eval's index of tasks on the rows of a data folder.

    Args:
        data: The rows.
        folder: Where the definitions are written.
    """
    folder.mkdir()
    definitions = {
        name: (stock, {split: data / place / f"{split}.jsonl"})
        for name, (stock, split, place) in ONE_FILE.items()
    }
    subjects = sorted(path.name for path in (data / "mmlu").iterdir())
    for subject in subjects:
        files = {split: data / f"mmlu/{subject}/{split}.jsonl" for split in ("test", "dev")}
        definitions[f"t_{subject}"] = (f"mmlu/default/mmlu_{subject}.yaml", files)
        definitions[f"c_{subject}"] = (f"mmlu/continuation/mmlu_{subject}.yaml", files)
    for name, (stock, files) in definitions.items():
        (folder / f"{name}.yaml").write_text(overlay(name, stock, files))
    for letter, name, metrics in (("t", "t_mmlu", ["acc"]), ("c", "t_cloze", ["acc", "acc_norm"])):
        group = {
            "group": name,
            "task": [f"{letter}_{subject}" for subject in subjects],
            "aggregate_metric_list": [{"metric": one, "weight_by_size": True} for one in metrics],
        }
        (folder / f"{name}.yaml").write_text(json.dumps(group))
    return TaskManager(include_path=str(folder), include_defaults=False)


def assert_equal_scores(study: Study, name: str, tasks: TaskManager) -> dict[str, Any]:
    """Compare every metric of every benchmark of `PLAIN` that the study has, to 1e-6.

    Returns:
        Our results by benchmark.
    """
    settings = study.config.evaluation
    ours = {}
    for one in settings.benchmarks:
        if benchmark_key(one) in PLAIN:
            found = run.evaluate(study, study.subject(name), one, Silent())
            ours[benchmark_key(one)] = json.loads(found.path("result.json").read_text())
    with students.under_test(study, study.subject(name)) as student, harness.compiled_templates():
        own = student.model.config.max_position_embeddings
        lm = HFLM(
            pretrained=student.wrapped, tokenizer=student.tokenizer,
            batch_size=settings.batch_size, backend="causal",
            max_length=min(settings.max_length, own) - study.virtual_tokens,
        )  # fmt: skip
        for shots in (0, 5):
            wanted = {
                key: task for key, (task, own) in PLAIN.items() if key in ours and own == shots
            }
            expected = evaluate(lm, list(wanted.values()), shots, tasks)
            for key, task in wanted.items():
                for metric, value in ours[key]["scores"].items():
                    other = expected[task][f"{metric},none"]
                    assert value == pytest.approx(other, abs=1e-6), (key, metric)
    return ours


def evaluate(lm: Any, names: list[str], shots: int, tasks: TaskManager) -> dict[str, Any]:
    """Results of plain lm-eval by task or group; it may not list the machine's packages for us."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
        found = lm_eval.simple_evaluate(
            model=lm, tasks=names, task_manager=tasks, num_fewshot=shots,
            bootstrap_iters=0, log_samples=False,
        )  # fmt: skip
    return found["results"] | found.get("groups", {})
