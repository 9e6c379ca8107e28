"""This project's training against plain TRL defaults: same student, rows, batch, epochs, device.

    python benchmarks/training.py --student FOLDER --data FOLDER [--rows N] [--epochs E]

FOLDER of the data holds `examples.jsonl` and `pairs.jsonl` of a study (data/filtered,
data/preference/pairs). Each side runs in a process of its own, one after the other. Printed are
real tokens a second of the whole training loop, peak memory (GPU: allocated; CPU: resident), and
the loss of the first and the last step. TRL keeps its own defaults for all that is not named by the
task: gradient checkpointing, random order, reference computed at every step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.records import Example, PreferencePair, read_lines, write_lines
from synthetic_instruction_tuner.study import Study
from synthetic_instruction_tuner.training.measure import Memory

SIDES = ("trl", "ours")
TASKS = {"sft": (Example, "examples.jsonl"), "dpo": (PreferencePair, "pairs.jsonl")}


def main() -> None:
    """Run every task on both sides and print one table."""
    options = parse()
    if options.side:
        result = {"trl": run_trl, "ours": run_ours}[options.side](options)
        print("\n" + json.dumps(result))
        return
    print("| task | side | real tokens/s | peak MB | seconds | first loss | last loss |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for task in TASKS:
        for side in SIDES:
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side, "--task", task]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            print(row(task, side, json.loads(done.stdout.splitlines()[-1])))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--task", choices=TASKS, default="sft")
    return parser.parse_args()


def row(task: str, side: str, found: dict[str, float]) -> str:
    """Render one line of the table."""
    return (
        f"| {task} | {side} | {found['tokens'] / found['seconds']:.0f} | {found['peak'] / 1e6:.0f} "
        f"| {found['seconds']:.1f} | {found['first']:.5f} | {found['last']:.5f} |"
    )


def records(options: argparse.Namespace) -> list[Any]:
    """Read the rows of the training split that both sides learn from."""
    kind, name = TASKS[options.task]
    rows = [one for one in read_lines(options.data / name, kind) if one.split == "train"]
    return rows[: options.rows]


def run_ours(options: argparse.Namespace) -> dict[str, float]:
    """Train an arm as a study does; the whole loop counts, the reference pass too."""
    from synthetic_instruction_tuner.training.run import make_job
    from synthetic_instruction_tuner.training.session import train

    with tempfile.TemporaryDirectory() as root:
        study = make_study(options, Path(root))
        job = make_job(study, study.subjects[1])
        marks: dict[str, float] = {}

        def emit(event: str, **fields: Any) -> None:
            if event == "phase":
                marks[fields["name"]] = time.perf_counter()

        train(job, emit, lambda: False)
        run = json.loads((job.folder / "run.json").read_text())
        reference = marks["train"] - marks["reference"] if "reference" in marks else 0.0
    phases = run["peak_memory_bytes"]
    return {
        "tokens": run["conditions"]["tokens"],
        "seconds": run["train_seconds"] + reference,
        "peak": peak(phases["train"]),
        "first": run["curve"][0]["loss"],
        "last": run["curve"][-1]["loss"],
    }


def make_study(options: argparse.Namespace, root: Path) -> Study:
    """Build a workspace whose data are there."""
    student = {"name": options.student, "dtype": options.dtype}
    arm = {
        "name": "arm",
        "method": {"sft": "lora", "dpo": "dpo"}[options.task],
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": 2e-4,
        "dropout": 0.0,
    }
    config = StudyConfig.model_validate(
        {
            "generation": {"teacher": student},
            "filtering": {"decontaminate": False},
            "preference": {
                "responders": [{"name": name, "model": student} for name in ("a", "b")],
                "reward": student,
            },
            "training": {"student": student, "arms": [arm], "max_length": options.max_length},
        }
    )
    study = Study(config, root)
    rows = records(options)
    held_out = [type(rows[0])(**{**vars(rows[0]), "split": "validation"})]
    artifact = {"sft": study.filtered, "dpo": study.pairs}[options.task]
    with study.store.writing(artifact) as folder:
        write_lines(folder / TASKS[options.task][1], [*rows, *held_out])
    study.store.commit(artifact, {}, 0.0)
    return study


def run_trl(options: argparse.Namespace) -> dict[str, float]:
    """Train with the TRL trainer as its documentation shows it."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    gpu = torch.cuda.is_available()
    half = "bf16" if gpu and torch.cuda.get_device_capability() >= (8, 0) else "fp16"
    precision = {half: True} if gpu else {"use_cpu": True, "bf16": False}
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[half] if gpu else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(options.student)
    model = AutoModelForCausalLM.from_pretrained(options.student, dtype=dtype)
    settings, trainer = {"sft": (SFTConfig, SFTTrainer), "dpo": (DPOConfig, DPOTrainer)}[
        options.task
    ]
    made = trainer(
        model=model,
        args=settings(
            output_dir=tempfile.mkdtemp(),
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            learning_rate=2e-4,
            lr_scheduler_type="cosine",
            max_length=options.max_length,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            seed=42,
            **precision,
        ),
        train_dataset=Dataset.from_list([conversation(one) for one in records(options)]),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear"
        ),
    )
    memory, start = Memory(), time.perf_counter()
    with memory.phase("train"):
        made.train()
        if gpu:
            torch.cuda.synchronize()
    losses = [one["loss"] for one in made.state.log_history if "loss" in one]
    tokens = max(one["num_tokens"] for one in made.state.log_history if "num_tokens" in one)
    return {
        "tokens": tokens,
        "seconds": time.perf_counter() - start,
        "peak": peak(memory.peaks["train"]),
        "first": losses[0],
        "last": losses[-1],
    }


def conversation(one: Any) -> dict[str, Any]:
    """Return a row as TRL's documentation has it."""

    def turn(role: str, content: str) -> list[dict[str, str]]:
        return [{"role": role, "content": content}]

    if isinstance(one, Example):
        prompt, answer = turn("user", one.instruction), turn("assistant", one.response)
        return {"prompt": prompt, "completion": answer}
    return {
        "prompt": turn("user", one.prompt),
        "chosen": turn("assistant", one.chosen),
        "rejected": turn("assistant", one.rejected),
    }


def peak(kinds: dict[str, int]) -> int:
    """Return what a comparison of methods looks at: tensors on a GPU, the process on a CPU."""
    return kinds.get("allocated", kinds.get("rss", 0))


if __name__ == "__main__":
    main()
