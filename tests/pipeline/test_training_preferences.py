"""The preference losses against TRL's own on the same batch, and the figures beside them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from support import training_models

from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.methods.losses.pairwise import Responses
from synthetic_instruction_tuner.models.binding import bind_student
from synthetic_instruction_tuner.training import build, data
from synthetic_instruction_tuner.training.divergence import Divergence
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job

CONFIGS = {name: module.Config for name, module in all_methods().items()}


def job_of(root: Path, method: str, **settings: object) -> Job:
    student = training_models.save_student(root / "student")
    arms = [{"name": "arm", "method": method, "dropout": 0.0, **settings}]
    study = training_models.study(root / "ws", student, arms, rows=18)
    return make_job(study, study.subject("arm"))


def prepared(job: Job) -> tuple:
    """Return objective, trainer, encoded rows, tokenizer; the adapter is moved off its start."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job.training.student.name)
    tokenizer.pad_token = tokenizer.eos_token
    objective = job.arm.objective()
    rows = data.encode(objective.read(job.data), bind_student(tokenizer), 128)
    model = build.adapt(job, build.load_base(job, "cpu"), steps=4)
    trainer = build.build_trainer(job, model, tokenizer, rows.train[0], objective, "cpu")
    torch.manual_seed(7)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(std=0.3)
    return objective, trainer, rows, tokenizer


def test_the_kto_loss_is_that_of_trl(tmp_path: Path) -> None:
    import torch
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer
    from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

    job = job_of(tmp_path, "kto", desirable_weight=1.3, undesirable_weight=0.7)
    objective, trainer, rows, tokenizer = prepared(job)
    batch = rows.train[:7]  # four chosen, three rejected
    assert [row.desired for row in batch] == [True, False] * 3 + [True]
    reference = {row.id: (-80.0 - number, -95.0) for number, row in enumerate(batch)}
    tensors = trainer.data_collator(objective.examples(batch, reference))
    ours, figures = objective.loss(trainer, trainer.model, tensors, 7, 7)

    class Theirs(KTOTrainer):
        def _prepare_dataset(self, dataset, *_):
            return dataset

    examples = [
        {
            "prompt_ids": list(row.prompt),
            "completion_ids": list(row.responses[0]),
            "KL_completion_ids": list(row.responses[1]),
            "label": row.desired,
            "ref_logps": reference[row.id][0],
            "ref_KL_logps": reference[row.id][1],
        }
        for row in batch
    ]
    theirs = Theirs(
        model=trainer.model.merge_and_unload(),
        args=KTOConfig(
            output_dir=str(tmp_path / "theirs"), use_cpu=True, bf16=False, report_to="none",
            beta=job.arm.beta, desirable_weight=1.3, undesirable_weight=0.7,
            train_sampling_strategy="sequential",
        ),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
    )  # fmt: skip
    theirs.precompute_ref_logps = True
    theirs.ref_model = None
    theirs.model.train()
    collated = DataCollatorForUnpairedPreference(tokenizer.pad_token_id)(examples)
    expected = theirs.compute_loss(theirs.model, collated)
    assert figures["usual"] > 0
    assert figures["usual"] == pytest.approx(theirs._metrics["train"]["kl"][0], rel=1e-4)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)


CHOSEN, REJECTED = [-3.0, -9.5, -20.0], [-7.0, -8.0, -21.0]
TOKENS = [6, 5, 4]


def ours(method: str, **settings: float) -> tuple:
    import torch

    objective = CONFIGS[method](name="a", **settings).objective()
    pair = Responses(*(torch.tensor(one) for one in (CHOSEN, REJECTED, TOKENS, TOKENS)))
    return pair, *objective._pair_loss(pair)


def theirs_of_cpo(kind: str, beta: float, chosen, rejected):
    from trl.experimental.cpo import CPOTrainer

    told = SimpleNamespace(
        loss_type=kind, beta=beta, alpha=0.0, label_smoothing=0.0, simpo_gamma=1.0,
        accelerator=SimpleNamespace(device="cpu"),
    )  # fmt: skip
    return CPOTrainer.cpo_loss(told, chosen, rejected)


def test_the_simpo_loss_is_that_of_trl() -> None:
    import torch

    pair, losses, margins = ours("simpo", beta=2.0, gamma=1.0)
    expected, up, down = theirs_of_cpo(
        "simpo", 2.0, pair.chosen / pair.chosen_tokens, pair.rejected / pair.rejected_tokens
    )
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(margins, up - down)


def test_the_cpo_loss_is_that_of_trl() -> None:
    """TRL's second term is a mean over all tokens of the batch; for one pair it is the same."""
    import torch

    pair, losses, margins = ours("cpo", beta=0.1)
    expected, up, down = theirs_of_cpo("sigmoid", 0.1, pair.chosen, pair.rejected)
    torch.testing.assert_close(losses, expected - pair.chosen / pair.chosen_tokens)
    torch.testing.assert_close(margins, up - down)


def test_the_orpo_loss_is_that_of_trl() -> None:
    """TRL's first term counts the prompt as well; the paper's does not (equation 2)."""
    import torch
    from trl.experimental.orpo import ORPOTrainer

    pair, losses, _ = ours("orpo", beta=0.1)
    told = SimpleNamespace(beta=0.1, accelerator=SimpleNamespace(device="cpu"))
    chosen, rejected = pair.chosen / pair.chosen_tokens, pair.rejected / pair.rejected_tokens
    expected, *_ = ORPOTrainer.odds_ratio_loss(told, chosen, rejected)
    torch.testing.assert_close(losses, -chosen - expected)


def test_the_divergence_is_the_exact_one_of_the_next_tokens(tmp_path: Path) -> None:
    import torch

    job = job_of(tmp_path, "dpo")
    _, trainer, rows, _ = prepared(job)
    model = trainer.model
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    moved = {name: one.detach().clone() for name, one in trained.items()}
    with torch.no_grad():
        for name, one in trained.items():
            if "lora_B" in name:
                one.zero_()  # as an adapter starts: base and adapter are the base
        divergence = Divergence(trained)
        assert divergence.measure(model, rows.validation, "cpu", lambda: None) == 0
        for name, one in trained.items():
            one.copy_(moved[name])
        expected = []
        for row in rows.validation:
            for response in row.responses:
                ids = torch.tensor([[*row.prompt, *response]])
                policy = model(ids).logits[0].log_softmax(-1)
                with model.disable_adapter():
                    base = model(ids).logits[0].log_softmax(-1)
                every = torch.nn.functional.kl_div(base, policy, log_target=True, reduction="none")
                expected += every.sum(-1)[len(row.prompt) - 1 : -1].tolist()
    measured = divergence.measure(model, rows.validation, "cpu", lambda: None)
    assert measured == pytest.approx(sum(expected) / len(expected), rel=1e-4)
    assert measured > 0.01
    assert all(torch.equal(one, moved[name]) for name, one in trained.items())
