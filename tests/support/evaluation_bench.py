"""A tiny student with adapters of several kinds, small benchmark rows, and a study of both."""

import json
from collections.abc import Sequence
from pathlib import Path

from support.training_models import save_student

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.models.loading import load_causal
from synthetic_instruction_tuner.study.graph import Study

ARMS = (
    {"name": "sft", "method": "lora", "rank": 4, "dropout": 0.5},
    {"name": "prompt_tuning", "method": "prompt_tuning", "virtual_tokens": 6},
    {"name": "other", "method": "lora", "rank": 2},
)
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def mmlu(subject: str, number: int) -> dict:
    return {
        "question": f"Which is number {number} of {subject}?",
        "choices": [f"{word} {subject}" for word in NUMBERS[number % 6 : number % 6 + 4]],
        "answer": number % 4,
        "subject": subject,
    }


def hellaswag(number: int) -> dict:
    name = NUMBERS[number % 10]
    return {
        "ind": number,
        "activity_label": f"Counting to {name}",
        "ctx_a": f"A child counts from one to {name} and claps {number} times.",
        "ctx_b": "then she",
        "endings": [f"stops at {name}.", "runs.", f"counts on to {number + 1}.", "flies home."],
        "label": str(number % 4),
    }


def arc(number: int) -> dict:
    texts = [f"{word}." for word in NUMBERS[number % 7 : number % 7 + 3 + number % 2]]
    labels = list("ABCD")[: len(texts)]
    return {
        "id": f"q{number}",
        "question": f"What comes after {NUMBERS[number % 7]}?",
        "choices": {"text": texts, "label": labels},
        "answerKey": labels[number % len(texts)],
    }


def truthfulqa(number: int) -> dict:
    wrong = [f"It is {word}." for word in NUMBERS[: 2 + number % 3]]
    right = [f"It is {number + 20}.", f"{number + 20}"]
    return {
        "question": f"What is {number} plus twenty?",
        "mc1_targets": {"choices": [right[0], *wrong], "labels": [1] + [0] * len(wrong)},
        "mc2_targets": {"choices": right + wrong, "labels": [1, 1] + [0] * len(wrong)},
    }


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_data(folder: Path) -> Path:
    """Write rows of all four benchmarks in the layout of a data folder."""
    for subject in ("anatomy", "astronomy"):
        write(folder / f"mmlu/{subject}/test.jsonl", [mmlu(subject, n) for n in range(6)])
        write(folder / f"mmlu/{subject}/dev.jsonl", [mmlu(subject, n + 10) for n in range(5)])
    write(folder / "hellaswag/validation.jsonl", [hellaswag(n) for n in range(10)])
    write(folder / "arc_easy/test.jsonl", [arc(n) for n in range(10)])
    write(folder / "truthfulqa/validation.jsonl", [truthfulqa(n) for n in range(5)])
    return folder


def make_student(folder: Path) -> Path:
    """Write a Llama with random weights that take contexts of a few-shot prompt."""
    return save_student(folder, max_position_embeddings=2048)


def make_study(
    root: Path,
    student: Path,
    data: Path,
    arms: Sequence[dict] = ARMS,
    **evaluation: object,
) -> Study:
    """Build a study with random adapters where the training stage would have put trained ones."""
    benchmarks = [
        {"name": "mmlu", "num_fewshot": 0},
        {"name": "mmlu", "num_fewshot": 5},
        {"name": "hellaswag"},
        {"name": "arc_easy"},
        {"name": "truthfulqa_mc1"},
        {"name": "truthfulqa_mc2"},
        {"name": "mmlu_cloze"},
    ]
    settings = {
        "data_dir": str(data), "benchmarks": benchmarks, "batch_size": 4, "max_new_tokens": 12,
    }  # fmt: skip
    model = {"name": str(student), "dtype": "float32"}
    config = StudyConfig.model_validate(
        {
            "name": "tiny",
            "generation": {"teacher": model, "draws": 10, "max_draws": 10},
            "filtering": {"target": 1, "decontaminate": False},
            "preference": {
                "responders": [{"name": "a", "model": model}, {"name": "b", "model": model}],
                "reward": model,
            },
            "training": {"student": model, "arms": list(arms)},
            "evaluation": settings | evaluation,
        }
    )
    study = Study(config, root)
    for seed, subject in enumerate(study.subjects[1:]):
        commit_adapter(study, subject.name, seed)
    return study


def commit_adapter(study: Study, name: str, seed: int) -> None:
    """Commit a random adapter (or base) of the arm's kind as if it had been trained."""
    import torch
    from peft import get_peft_model

    subject = study.subject(name)
    model, tokenizer = load_causal(study.student, "cpu")
    settings = subject.arm.adapter(model)
    made = model if settings is None else get_peft_model(model, settings)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    folder = study.store.staging(study.trained(subject)) / "final"
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    study.store.commit(study.trained(subject), {}, 0.0)
