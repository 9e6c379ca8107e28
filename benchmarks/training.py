"""This project's training against plain TRL defaults: same student, rows, batch, epochs, device.

    python benchmarks/training.py [--student FOLDER] [--data FOLDER] [--json FILE]

Without a student, a Llama with random weights is made whose vocabulary is Llama 3's (128,256), so
that the output layer weighs as much as it does there; without data, random words: supervised rows
of log-normal length, and pairs that fill 1,024 tokens. FOLDER of data holds a study's
`examples.jsonl` and `pairs.jsonl`. Each side runs in a process of its own, one after the other.

Two clocks: wall time, and the processor time of the training process, which other work on a shared
machine does not change. Both start after loading and end with the last update; the reference pass
counts. Memory on a GPU is what tensors held at most ("allocated"). On a CPU it is the largest
resident size, with every tensor above 1 MB in pages of its own that go back to the system when it
is freed (MALLOC_MMAP_THRESHOLD_), so that it is not the allocator's; "added" leaves out what was
there before the first update: libraries and weights.

TRL keeps its defaults for all that the task does not name: gradient checkpointing, random order,
padding to the longest of a random batch, the reference computed at every step. Both sides start
from the same adapter, and where a batch is the whole data every step sees the same rows, so there
the losses have to agree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import training_inputs
from training_meter import Clock, peak

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.models.memory.measure import Memory
from synthetic_instruction_tuner.records import Example, PreferencePair, read_lines, write_lines
from synthetic_instruction_tuner.study.graph import Study

TASKS = {"sft": (Example, "examples.jsonl"), "dpo": (PreferencePair, "pairs.jsonl")}
ROWS = {"sft": 48, "dpo": 4}
EPOCHS = {"sft": 1, "dpo": 3}
SIDES: dict[str, dict[str, dict[str, Any]]] = {
    "sft": {"trl": {}, "ours": {}},
    "dpo": {
        "trl": {},
        "ours, one pair a pass": {"micro_batch_size": 1, "gradient_checkpointing": True},
        "ours, whole batch": {},
    },
}
"""What is compared, and the settings of `training` on this project's side."""
LEARNING_RATE = 2e-4
SEED = training_inputs.SEED


def main() -> None:
    """Run every task on all sides and print one table."""
    options = parse()
    if options.side:
        run = run_trl if options.side == "trl" else run_ours
        print("\n" + json.dumps(run(options)))
        return
    found = []
    print("| task | side | steps | tokens | s | CPU s | tokens/CPU s | peak MB | added MB | loss |")
    print("| --- | --- | --: | --: | --: | --: | --: | --: | --: | --- |")
    with tempfile.TemporaryDirectory() as root:
        if options.student is None:
            shape = options.hidden_size, options.layers
            options.student = str(training_inputs.make_student(Path(root) / "student", *shape))
        options.data = options.data or training_inputs.make_data(Path(root) / "data", **ROWS)
        for task in options.tasks:
            for side in SIDES[task]:
                found.append({"task": task, "side": side, **measure(options, task, side)})
                print(row(found[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student")
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side")
    parser.add_argument("--task", choices=TASKS, default="sft")
    return parser.parse_args()


def measure(options: argparse.Namespace, task: str, side: str) -> dict[str, Any]:
    """Run one side in a process of its own."""
    given = {
        "student": options.student,
        "data": options.data,
        "rows": options.rows or ROWS[task],
        "epochs": options.epochs or EPOCHS[task],
        "batch-size": options.batch_size,
        "max-length": options.max_length,
        "dtype": options.dtype,
        "side": side,
        "task": task,
    }
    command = [sys.executable, __file__]
    for name, value in given.items():
        command += [f"--{name}", str(value)]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def row(found: dict[str, Any]) -> str:
    """Render one line of the table."""
    losses = [f"{loss:.6f}" for loss in found["losses"]]
    shown = losses if len(losses) <= 4 else [losses[0], "...", losses[-1]]
    cells = (
        found["task"],
        found["side"],
        len(losses),
        found["tokens"],
        f"{found['seconds']:.0f}",
        f"{found['cpu_seconds']:.0f}",
        f"{found['tokens'] / found['cpu_seconds']:.1f}",
        f"{found['peak'] / 1e6:.0f}",
        f"{(found['peak'] - found['before']) / 1e6:.0f}",
        ", ".join(shown),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def records(options: argparse.Namespace) -> list[Any]:
    """Read the rows of the training split that both sides learn from."""
    kind, name = TASKS[options.task]
    read: Iterator[Example | PreferencePair] = read_lines(options.data / name, kind)
    rows = [row for row in read if row.split == "train"]
    return rows[: options.rows]


def run_ours(options: argparse.Namespace) -> dict[str, Any]:
    """Train an arm as a study does."""
    from synthetic_instruction_tuner.training.run import make_job
    from synthetic_instruction_tuner.training.session import train

    clock = Clock()

    def emit(event: str, **fields: Any) -> None:
        if event == "phase" and fields["name"] in ("reference", "train"):
            clock.start()
        if event == "step" and fields["step"] == fields["total"]:
            clock.stop()

    with tempfile.TemporaryDirectory() as root:
        study = make_study(options, Path(root))
        job = make_job(study, study.subjects[1])
        train(job, emit, lambda: False)
        run = json.loads((job.folder / "run.json").read_text())
    phases = run["peak_memory_bytes"]
    return clock.result() | {
        "tokens": run["conditions"]["tokens"],
        "peak": max(peak(phases[name]) for name in phases if name != "load"),
        "losses": [point["loss"] for point in run["curve"]],
    }


def make_study(options: argparse.Namespace, root: Path) -> Study:
    """Build a workspace whose data are there; validation is one short row."""
    student = {"name": options.student, "dtype": options.dtype}
    arm = {
        "name": "arm",
        "method": {"sft": "lora", "dpo": "dpo"}[options.task],
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": LEARNING_RATE,
        "dropout": 0.0,
        "warmup_share": 0.0,
    }
    training = {"student": student, "arms": [arm], "max_length": options.max_length}
    config = StudyConfig.model_validate(
        {
            "seed": SEED,
            "generation": {"teacher": student},
            "filtering": {"decontaminate": False},
            "preference": {
                "responders": [{"name": name, "model": student} for name in ("a", "b")],
                "reward": student,
            },
            "training": training | SIDES[options.task][options.side],
        }
    )
    study = Study(config, root)
    rows = records(options)
    short = {"sft": {"response": "yes"}, "dpo": {"chosen": "yes", "rejected": "no"}}[options.task]
    changed = {**short, "id": "held-out", "split": "validation"}
    held_out = type(rows[0])(**{**vars(rows[0]), **changed})
    artifact = {"sft": study.filtered, "dpo": study.pairs}[options.task]
    with study.store.writing(artifact) as folder:
        write_lines(folder / TASKS[options.task][1], [*rows, held_out])
    study.store.commit(artifact, {}, 0.0)
    return study


def run_trl(options: argparse.Namespace) -> dict[str, Any]:
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
    settings, trainer = {"sft": (SFTConfig, SFTTrainer), "dpo": (DPOConfig, DPOTrainer)}[
        options.task
    ]
    adapter = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear")
    made = trainer(
        model=AutoModelForCausalLM.from_pretrained(options.student, dtype=dtype),
        args=settings(
            output_dir=tempfile.mkdtemp(),
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="cosine",
            max_length=options.max_length,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            seed=SEED,
            **precision,
        ),
        train_dataset=Dataset.from_list([conversation(one) for one in records(options)]),
        processing_class=AutoTokenizer.from_pretrained(options.student),
        peft_config=adapter,
    )
    _same_start(made.model, options.student, adapter)
    memory, clock = Memory(), Clock()
    clock.start()
    with memory.phase("train"):
        made.train()
        clock.stop()
    history = [one for one in made.state.log_history if "loss" in one]
    return clock.result() | {
        "tokens": max(one["num_tokens"] for one in history),
        "peak": peak(memory.peaks["train"]),
        "losses": [one["loss"] for one in history],
    }


def _same_start(model: Any, student: str, adapter: Any) -> None:
    """Give TRL's model the adapter weights that this project's side starts from."""
    import torch
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    from synthetic_instruction_tuner.models.engines.protocol import stream_seed

    base = AutoModelForCausalLM.from_pretrained(student)
    torch.manual_seed(stream_seed("adapter", SEED))
    fresh = get_peft_model(base, adapter)
    set_peft_model_state_dict(model, get_peft_model_state_dict(fresh))


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


if __name__ == "__main__":
    main()
