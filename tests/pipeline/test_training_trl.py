"""The same adapter, rows and settings in plain TRL give the same losses, step by step."""

import json
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.models.engines.protocol import stream_seed
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

ROWS = 4  # one batch is all rows, so that both sides see the same rows at each of three steps


def ours(student: Path, root: Path, method: str, **training: object) -> list[float]:
    arm = {
        "name": "arm", "method": method, "batch_size": ROWS, "epochs": 3, "dropout": 0.0,
        "warmup_share": 0.0, "learning_rate": 1e-2,
    }  # fmt: skip
    study = training_models.study(root, student, [arm], rows=6, **training)
    job = make_job(study, study.subject("arm"))
    lines = job.data.read_text().splitlines()
    kept = [*lines[:ROWS], lines[5]]  # every sixth row is for validation
    job.data.write_text("\n".join(kept) + "\n")
    train(job, lambda event, **fields: None, lambda: False)
    run = json.loads((job.folder / "run.json").read_text())
    return [point["loss"] for point in run["curve"]]


def trl(student: Path, root: Path, method: str) -> list[float]:
    """Train as TRL's documentation does; only the adapter's start is set."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from peft import set_peft_model_state_dict as put
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    def turn(role: str, content: str) -> list[dict[str, str]]:
        return [{"role": role, "content": content}]

    rows = [training_models.pair(number) for number in range(ROWS)]
    wanted = {"lora": ("completion",), "dpo": ("chosen", "rejected")}[method]
    examples = [
        {"prompt": turn("user", one.prompt)}
        | {name: turn("assistant", getattr(one, name.replace("completion", "chosen")))
           for name in wanted}
        for one in rows
    ]  # fmt: skip
    config, kind = {"lora": (SFTConfig, SFTTrainer), "dpo": (DPOConfig, DPOTrainer)}[method]
    adapter = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear")
    made = kind(
        model=AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32),
        args=config(
            output_dir=str(root), num_train_epochs=3, per_device_train_batch_size=ROWS,
            learning_rate=1e-2, lr_scheduler_type="cosine", logging_steps=1, save_strategy="no",
            report_to="none", use_cpu=True, bf16=False, disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(examples),
        processing_class=AutoTokenizer.from_pretrained(student),
        peft_config=adapter,
    )  # fmt: skip
    torch.manual_seed(stream_seed("adapter", 42))
    fresh = get_peft_model(AutoModelForCausalLM.from_pretrained(student), adapter)
    put(made.model, get_peft_model_state_dict(fresh))
    made.train()
    return [one["loss"] for one in made.state.log_history if "loss" in one]


@pytest.mark.parametrize("method", ["lora", "dpo"])
def test_losses_are_those_of_trl(tmp_path: Path, method: str) -> None:
    student = training_models.save_student(tmp_path / "student")
    expected = trl(student, tmp_path / "trl", method)
    assert len(expected) == 3
    assert expected[2] < expected[0]
    small = {"micro_batch_size": 1, "gradient_checkpointing": True}
    assert ours(student, tmp_path / "whole", method) == pytest.approx(expected, rel=0, abs=1e-5)
    assert ours(student, tmp_path / "small", method, **small) == pytest.approx(
        expected, rel=0, abs=1e-5
    )
