"""A small study whose result files are written by this file: test data, not measurements.

Every figure follows from the tables below and from hashes of item numbers, so a reader can check
what a report made from it must say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.records import (
    BenchmarkResult,
    Example,
    ItemScore,
    Rejection,
    TrainingRun,
    write_lines,
)
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest, digest, write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Reading, Subject, benchmark_key
from synthetic_instruction_tuner.training.students import adapter_digest

PLANTED = "<script>alert('planted')</script> [[scores/base/verifiable/score|percent]] </pre>"
"""A model's answer that tries to become code, or a figure of the report."""

SHARES = ("mmlu", "arc_easy", "truthfulqa_mc2", "verifiable", "instructions", "agent")
ABILITY: Mapping[str, Mapping[str, float]] = {
    model: dict(zip(SHARES, shares, strict=True))
    for model, shares in {
        "base": (0.27, 0.30, 0.42, 0.02, 0.05, 0.0),
        "sft": (0.34, 0.52, 0.55, 0.46, 0.30, 0.12),
        "prompt_tuning": (0.27, 0.31, 0.42, 0.02, 0.06, 0.01),
        "prompt_tuning_tuned": (0.28, 0.36, 0.46, 0.08, 0.10, 0.02),
        "dpo": (0.34, 0.53, 0.56, 0.49, 0.28, 0.14),
    }.items()
}
"""Share of items each test model answers correctly."""

PLAIN: Mapping[str, Mapping[str, float]] = {
    "qa": {"verifiable": 0.06, "instructions": 0.05, "agent": 0.0},
    "qa_4": {"verifiable": 0.05, "instructions": 0.06, "agent": 0.0},
}
"""Share of items that the test base answers correctly in plain prompts."""

CHANCE = {"mmlu": 0.25, "arc_easy": 0.25, "truthfulqa_mc2": 0.4}
METRIC = {
    "mmlu": "acc", "arc_easy": "acc", "truthfulqa_mc2": "acc", "verifiable": "accuracy",
    "instructions": "accuracy", "agent": "success",
}  # fmt: skip
CLUSTERS = {"mmlu": 16, "verifiable": 12, "agent": 10}
CATEGORIES = ("planning", "reasoning", "context", "feedback", "tool_use")
CONSTRAINTS = ("one_word", "no_commas", "upper_case", "exact_lines")

RULES = (
    ("generation", "truncated", 4),
    ("filtering", "near_duplicate", 31),
    ("filtering", "length", 12),
    ("filtering", "repetition", 9),
    ("filtering", "refusal", 3),
)
COST = {
    "sft": (77_824, 41.5, 640),
    "prompt_tuning": (2_560, 22.0, 600),
    "prompt_tuning_tuned": (2_560, 23.0, 610),
    "dpo": (77_824, 30.25, 910),
}
"""Trained parameters, seconds and peak memory in MB of each test arm."""

CHARACTER = {
    "answers": 200, "words_mean": 4.9, "words_median": 5.0, "sentences_mean": 1.1,
    "vocabulary": 210, "distinct_1": 0.31, "distinct_2": 0.52, "refusal_share": 0.0,
    "empty_share": 0.005,
}  # fmt: skip
CONSTANTS = {
    "mmlu": {"always A": 0.24, "always B": 0.27},
    "instructions": {"nothing": 0.0, "no": 0.08},
    "agent": {"done": 0.005},
}
AGREEMENT = {
    "items": 16, "requests": 64, "largest": 4.2e-06, "scatter": 1.1e-06, "tolerance": 8e-6,
    "changed": 0, "used": "fast",
}  # fmt: skip


def settings(items: int = 200, **changes: Any) -> StudyConfig:
    """Return the settings of the test study."""
    values: dict[str, Any] = {
        "name": "test-study",
        "generation": {"draws": 160, "max_draws": 160, "chunk_size": 80},
        "filtering": {"target": 100, "decontaminate": False},
        "training": {
            "student": {"name": "example/tiny-student"},
            "arms": [
                {"name": "sft", "method": "lora"},
                {"name": "prompt_tuning", "method": "prompt_tuning"},
                {"name": "prompt_tuning_tuned", "method": "prompt_tuning", "init": "vocabulary"},
                {"name": "dpo", "method": "dpo", "start_from": "sft"},
            ],
        },
        "evaluation": {
            "benchmarks": [
                {"name": "mmlu", "num_fewshot": 0, "items": items},
                {"name": "arc_easy", "items": items},
                {"name": "truthfulqa_mc2", "items": items},
                {"name": "verifiable", "items": items},
                {"name": "instructions", "items": items},
                {"name": "agent", "items": items},
                {"name": "speed"},
            ],
            "transcripts": 4,
        },
    }
    return StudyConfig.model_validate(values | changes)


def build(
    root: Path,
    config: StudyConfig | None = None,
    skip: Sequence[str] = (),
    plain: Mapping[str, Mapping[str, float]] | None = None,
) -> Study:
    """Write all result files of the test study below `root`.

    Args:
        root: The workspace.
        config: Settings; `settings()` if not given.
        skip: Names of artifacts that are left out ("sft", "dpo/verifiable", "filtered", "base/qa").
        plain: What the base is able to in plain prompts, by prompt and benchmark; else `PLAIN`.
    """
    study = Study(config or settings(), root)
    if "filtered" not in skip:
        write_filtered(study)
        write_chunks(study)
    if study.uses_preference and "pairs" not in skip:
        write_pairs(study)
    for subject in study.subjects:
        if subject.arm and subject.name not in skip:
            write_run(study, subject)
        for benchmark in study.config.evaluation.benchmarks:
            if f"{subject.name}/{benchmark_key(benchmark)}" not in skip:
                write_result(study, subject, benchmark)
    for reading in study.readings:
        if f"base/{reading.prompt}" not in skip:
            write_reading(study, reading, (plain or PLAIN).get(reading.prompt, ABILITY["base"]))
    return study


def write(
    study: Study,
    artifact: Artifact,
    facts: Mapping[str, Any],
    seconds: float,
    adapter: bytes | None = None,
    **files: Any,
) -> Manifest:
    """Commit an artifact whose files are JSON values, or JSON lines; what was there goes."""
    shutil.rmtree(study.store.folder(artifact), ignore_errors=True)
    with study.store.writing(artifact) as folder:
        if adapter is not None:
            (folder / "final").mkdir()
            (folder / "final/adapter_config.json").write_text("{}")
            (folder / "final/adapter_model.safetensors").write_bytes(adapter)
        for name, value in files.items():
            if isinstance(value, list):
                write_lines(folder / f"{name}.jsonl", value)
            else:
                write_json(folder / f"{name}.json", value)
    return study.store.commit(artifact, facts, seconds)


def unit(*identity: Any) -> float:
    """Return a number in 0..1 that depends on the identity alone."""
    return int(digest(list(identity))[:8], 16) / 16**8


def write_filtered(study: Study) -> None:
    """Commit 101 kept rows and 59 rejected ones."""
    kept = [
        Example(
            id=f"kept-{n}",
            instruction=f"Name the number that comes after {n}.",
            response=f"The number after {n} is {n + 1}.",
            domain="general" if n % 3 else "arithmetic",
            quality=0.7 + 0.25 * unit("quality", n),
            cluster=f"cluster-{n}",
            split="validation" if n % 5 == 0 else "train",
        )
        for n in range(101)
    ]
    rejected = [
        Rejection(
            id=f"{rule}-{n}",
            stage=stage,
            rule=rule,
            value=n,
            threshold=3,
            row={"instruction": f"Rejected row {n} {PLANTED if n == 0 else ''}"},
        )
        for stage, rule, count in RULES
        for n in range(count)
    ]
    drawn = len(kept) + len(rejected)
    measures = {
        "drawn": drawn, "kept": len(kept), "kept_share": len(kept) / drawn, "valid_share": 0.975,
        "mean_quality": 0.82, "mean_instruction_words": 7.0, "mean_response_words": 6.0,
        "train": 80, "validation": 21,
    }  # fmt: skip
    facts = {
        "measures": measures,
        "funnel": [{"step": rule, "rejected": count} for _, rule, count in RULES],
    }
    write(study, study.filtered, facts, 1.25, examples=kept, rejected=rejected)


def write_chunks(study: Study) -> None:
    """Commit the two chunks that the rows were drawn in."""
    for first in (0, 80):
        write(study, study.chunk(first, first + 79), {"tokens": 4000}, 10.0, samples={})


def write_pairs(study: Study) -> None:
    """Commit the figures of 80 preference pairs."""
    facts = {
        "examples": 101, "responses": 303, "pairs": 80, "train": 64, "validation": 16,
        "rejected": 21, "rejected_by_rule": {"margin": 15, "same_text": 6},
        "complete_share": 0.96, "reward_length_correlation": 0.12,
        "chosen_above_rejected": 1.0, "mean_margin": 1.31, "median_margin": 1.1,
        "mean_chosen_reward": 0.9, "mean_rejected_reward": -0.41,
        "mean_chosen_words": 7.4, "mean_rejected_words": 7.9, "chosen_longer_share": 0.41,
        "responders": {
            "llama-1b": _responder(0.5, 0.2), "mistral-7b": _responder(0.3, 0.3),
            "qwen-3b": _responder(0.2, 0.5),
        },
        "checker_agreement": 0.84, "checker_comparisons": 120, "checker_examples": 90,
        "checker_best_of_k_right": 0.81, "checker_any_right": 0.9,
        "checker_responder_right": {"llama-1b": 0.77, "mistral-7b": 0.66, "qwen-3b": 0.58},
        "checker_inverted_share": 0.09,
    }  # fmt: skip
    write(study, study.pairs, facts, 2.5, pairs=[], rejected=[])


def _responder(chosen: float, rejected: float) -> dict[str, float]:
    return {
        "chosen_share": chosen,
        "rejected_share": rejected,
        "mean_reward": chosen - rejected,
        "mean_words": 7.5,
        "complete_share": 0.97,
    }


def write_run(study: Study, model: Subject, **changes: Any) -> None:
    """Commit how one arm was trained."""
    subject = model
    assert subject.arm is not None
    trained, seconds, megabytes = COST[subject.arm.name]
    preference = getattr(subject.arm, "data", "sft") == "preference"
    run = {
        "subject": subject.name,
        "method": getattr(subject.arm, "method", ""),
        "seed": subject.seed,
        "examples": 64 if preference else 80,
        "steps": 60,
        "epochs": 3.0,
        "trained_parameters": trained,
        "shipped_parameters": trained,
        "total_parameters": 915_000 + trained,
        "adapter_bytes": trained * 4 + 1200,
        "train_seconds": seconds,
        "tokens_per_second": 5200.0,
        "peak_memory_bytes": {
            "load": {"rss": 500_000_000},
            "train": {"rss": megabytes * 1_000_000},
        },
        "curve": [_point(subject.arm.name, step, preference) for step in range(1, 61)],
        "evaluations": [_point(subject.arm.name, step, preference) for step in (0, 20, 40, 60)],
        "conditions": {"device": "cpu", "precision": "float32"},
        "resumed": 0,
    }
    kind = TrainingRun(**(run | changes))
    adapter = f"weights of {subject.name}".encode()
    write(study, study.trained(subject), {}, seconds + 5, adapter, run=kind.__dict__)


def _point(arm: str, step: int, preference: bool) -> dict[str, float]:
    fall = {"prompt_tuning": 0.05, "prompt_tuning_tuned": 1.2, "dpo": 0.25}.get(arm, 2.6)
    start = 0.693 if preference else 3.5
    point = {
        "step": step,
        "epoch": step / 20,
        "loss": round(start - fall * step / 60, 4),
        "learning_rate": 0.001,
    }
    if preference:
        point |= {"accuracy": round(0.5 + 0.3 * step / 60, 3), "margin": round(step / 60, 3)}
    return point


def write_reading(study: Study, reading: Reading, ability: Mapping[str, float]) -> None:
    """Commit the base on one benchmark, asked in one form, on 50 or on all items."""
    name = reading.benchmark.name
    count = 50 if reading.selecting else reading.benchmark.items
    first = 1000 if reading.selecting else 0
    items = score_items("base", name, count, ability[name], first, prompt=reading.prompt)
    result = BenchmarkResult(
        "base", benchmark_key(reading.benchmark), METRIC[name], True, CHANCE.get(name), count,
        {METRIC[name]: sum(one.scores[METRIC[name]] for one in items) / count},
        {"precision": "float32", "batch_size": 16, "template": "generation",
         "base_prompt": reading.prompt},
        {"seconds": 2.0},
    )  # fmt: skip
    artifact = study.reading(reading)
    write(study, artifact, {"adapter": None}, 2.5, result=result.__dict__, items=items)


def write_result(study: Study, subject: Subject, benchmark: Any, **changes: Any) -> None:
    """Commit one model's result on one benchmark."""
    key = benchmark_key(benchmark)
    if benchmark.name == "speed":
        items, metric, chance = [], "tokens_per_second", None
        scores = {"tokens_per_second": 250.0 if subject.arm is None else 240.0}
    else:
        items = score_items(subject.name, benchmark.name, benchmark.items)
        metric, chance = METRIC[benchmark.name], CHANCE.get(benchmark.name)
        scores = {metric: sum(one.scores[metric] for one in items) / len(items)}
    result = {
        "subject": subject.name,
        "benchmark": key,
        "metric": metric,
        "higher_is_better": True,
        "chance": chance,
        "items": len(items),
        "scores": scores,
        "conditions": {"precision": "float32", "batch_size": 16, "template": "generation"},
        "measurements": {"seconds": 4.0}
        | ({"response_character": CHARACTER} if benchmark.name == "verifiable" else {})
        | ({"agreement": AGREEMENT} if benchmark.name in CHANCE else {})
        | ({"constants": CONSTANTS[benchmark.name]} if benchmark.name in CONSTANTS else {}),
    }
    kind = BenchmarkResult(**(result | changes))
    facts = measured_with(study, subject)
    write(study, study.result(subject, benchmark), facts, 4.5, result=kind.__dict__, items=items)


def measured_with(study: Study, subject: Subject) -> dict[str, str | None]:
    """Return the facts of a result: the adapter that it was measured with."""
    trained = subject.arm is not None and study.store.find(study.trained(subject)) is not None
    return {"adapter": adapter_digest(study, subject) if trained else None}


def score_items(
    subject: str, name: str, count: int, able: float | None = None, first: int = 0, prompt: str = ""
) -> list[ItemScore]:
    """Score items: a model has an item right if the item is easier than the model is able."""
    arm = subject.split("-seed")[0]
    items = []
    for n in range(first, first + count):
        shared, own = unit(name, n), unit(name, n, subject)
        ease = 0.8 * shared + 0.2 * own
        ability = ABILITY[arm][name] if able is None else able
        score = float(ease < 0.1 + 0.8 * ability) if ability > 0.1 else float(shared < ability)
        if name == "truthfulqa_mc2":
            score = min(1.0, max(0.0, ability + 0.5 * (shared - 0.5) + 0.1 * (own - 0.5)))
        response = PLANTED if n % 40 == 0 else f"The answer is {n + 1 if score else n}."
        items.append(
            ItemScore(
                id=digest([name, n]),
                cluster=f"group-{n % CLUSTERS[name]}" if name in CLUSTERS else f"item-{n}",
                prompt_hash=digest(["prompt", name, n, *([prompt] if prompt else [])]),
                target_hash=digest(["target", name, n]),
                scores={METRIC[name]: score} | _more_scores(name, score, n),
                detail={
                    "prompt": f"What is {n} plus 1?",
                    "target": str(n + 1),
                    **({"response": response} if name == "verifiable" else {}),
                    **_detail(name, score, n),
                },
            )
        )
    return items


def _more_scores(name: str, score: float, n: int) -> dict[str, float]:
    """Of the successes every second one is in the strict form; every failure is a third of one."""
    if name != "agent":
        return {}
    return {"success_strict": score * (n % 2), "progress": score or 1 / 3}


def _detail(name: str, score: float, n: int) -> dict[str, Any]:
    """Return what the logs of agent and instruction items hold besides."""
    if name == "agent":
        errors = {} if score else {"wrong arguments" if n % 3 else "unparsable": 1 + n % 2}
        return {
            "category": CATEGORIES[n % 5], "level": 1 + n % 3, "errors": errors,
            "status": "completed" if n % 7 else "step limit",
        }  # fmt: skip
    if name == "instructions":
        other = CONSTRAINTS[1 + n % 3]
        return {"obeyed": {CONSTRAINTS[0]: bool(score), other: bool(score) or n % 4 == 0}}
    return {}


def store_of(manifest: Manifest) -> dict[str, Any]:
    """Read the results store of a committed comparison."""
    store: dict[str, Any] = json.loads(manifest.path("comparison.json").read_text("utf-8"))
    return store
