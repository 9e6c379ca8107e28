"""Losses on every architecture: the values of plain forward passes, one row at a time."""

import math
from pathlib import Path
from typing import Any

import pytest
from support import architectures, training_models

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.methods.losses import dropout
from synthetic_instruction_tuner.methods.losses.pairwise import softplus
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.training import build
from synthetic_instruction_tuner.training.job import Job

ROWS = [
    Row("a", tuple(range(20, 40)), ((50, 51, 4), (60, 61, 62, 63, 64, 4))),
    Row("b", tuple(range(90, 95)), (tuple(range(100, 120)), (70, 4))),  # longer than a window
]
REFERENCE = {"a": (-9.0, -30.0), "b": (-70.0, -12.0)}
BETA = 0.1


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    training_models.save_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def job_of(folder: Path, method: str, **settings: object) -> Job:
    arm = {"name": "arm", "method": method} | settings
    training = TrainingConfig.model_validate({"arms": [arm], "student": {"name": "none"}})
    return Job(
        subject="arm", identity="", arm=training.arms[0], adapter=training.arms[0],
        training=training.model_copy(update={"arms": ()}), seed=42, data=folder, data_identity="",
        folder=folder, cache=folder,
    )  # fmt: skip


def prepare(job: Job, name: str, tokenizer: Any) -> Any:
    """Build the trainer around an adapter that does something; returns objective and trainer."""
    import torch

    model = build.adapt(job, architectures.make(name), steps=4)
    objective = job.arm.objective()
    trainer = build.build_trainer(job, model, tokenizer, ROWS[0], objective, "cpu")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return objective, trainer


def loss_of(objective: Any, trainer: Any, reference: Any = None) -> Any:
    """Return the loss of both rows as training computes it, padded side by side."""
    batch = trainer.data_collator(objective.examples(ROWS, reference))
    weight = objective.weight(ROWS)
    return objective.loss(trainer, trainer.model, batch, weight, weight)[0]


def alone(model: Any, row: Row, which: int = 0) -> float:
    """Return the log-probability of a response by one plain forward pass without padding."""
    import torch

    response = row.responses[which]
    with torch.no_grad():
        ids = torch.tensor([row.prompt + response])
        logits = model.eval()(input_ids=ids).logits[0, -len(response) - 1 : -1]
    wanted = torch.tensor(response)[:, None]
    return float(logits.double().log_softmax(-1).gather(1, wanted).sum())


def require_gradients(model: Any) -> None:
    """Demand a gradient for everything that is trained, experts that saw no token excepted."""
    trained = {name: one.grad for name, one in model.named_parameters() if one.requires_grad}
    missing = [name for name, grad in trained.items() if grad is None]
    assert not missing
    assert all(bool(grad.isfinite().all()) for grad in trained.values())
    assert sum(bool(grad.any()) for grad in trained.values()) >= 0.9 * len(trained)


@pytest.mark.parametrize("method", ["lora", "prompt_tuning"])
@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_the_supervised_loss_is_the_mean_over_response_tokens(
    tmp_path: Path, tokenizer: Any, name: str, method: str
) -> None:
    job = job_of(tmp_path, method, **({"dropout": 0.0} if method == "lora" else {}))
    objective, trainer = prepare(job, name, tokenizer)
    dropout.switch_off(trainer.model)  # the base's own is part of supervised training
    trainer.model.train()
    loss = loss_of(objective, trainer)
    tokens = sum(len(row.responses[0]) for row in ROWS)
    expected = -sum(alone(trainer.model, row) for row in ROWS) / tokens
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-4)
    loss.backward()
    require_gradients(trainer.model)


@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_the_loss_of_dpo_is_its_formula_without_dropout_or_balancing(
    tmp_path: Path, tokenizer: Any, name: str
) -> None:
    job = job_of(tmp_path, "dpo", beta=BETA, dropout=0.0)
    objective, trainer = prepare(job, name, tokenizer)
    trainer.model.train()
    loss = loss_of(objective, trainer, REFERENCE)
    loss.backward()
    require_gradients(trainer.model)
    margins = [
        BETA * ((alone(trainer.model, row, 0) - chosen) - (alone(trainer.model, row, 1) - rejected))
        for row in ROWS
        for chosen, rejected in [REFERENCE[row.id]]
    ]
    expected = math.fsum(softplus(-one) for one in margins) / len(margins)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-4)
