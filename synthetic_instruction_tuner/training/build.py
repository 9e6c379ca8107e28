"""From a job to something that can be trained: student, adapter, TRL trainer, precision."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods.losses.objective import Objective
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.models import loading, reference
from synthetic_instruction_tuner.models.engines.protocol import stream_seed
from synthetic_instruction_tuner.training import adapters
from synthetic_instruction_tuner.training.job import Job

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Precision:
    """How numbers are held: `compute` in the layers, always float32 in what is trained.

    Attributes:
        compute: "float32", "bfloat16" or "float16".
    """

    compute: str

    @property
    def arguments(self) -> dict[str, bool]:
        """The precision as training arguments: autocast, with loss scaling for float16."""
        return {"bf16": self.compute == "bfloat16", "fp16": self.compute == "float16"}


def precision(model: ModelConfig, device: str) -> Precision:
    """Choose the precision of a training on a device.

    Raises:
        ConfigurationError: If the configured type cannot be trained in there.
    """
    import torch

    compute = str(loading.compute_dtype(model, device)).removeprefix("torch.")
    if compute == "float16" and device == "cpu":
        raise ConfigurationError(
            "training.student.dtype='float16' cannot be trained on a CPU; use 'float32' or 'auto'"
        )
    if compute == "bfloat16" and device != "cpu":
        capability = torch.cuda.get_device_capability()
        if capability < (8, 0):
            raise ConfigurationError(
                "training.student.dtype='bfloat16' needs compute capability 8.0, this GPU has "
                f"{capability[0]}.{capability[1]}; use 'float16' or 'auto'"
            )
    return Precision(compute)


def load_base(job: Job, device: str) -> Any:
    """Load the student's weights, or those of the fully trained arm that this one goes on from.

    What is trained is held in float32 from the start; a frozen base in the compute type.
    """
    student = job.training.student
    if job.start is not None and not (job.start / "adapter_config.json").is_file():
        student = reference.in_workspace(student, job.start)
    if job.arm.trains_base:
        student = student.model_copy(update={"dtype": "float32"})
    model, _ = loading.load_causal(student, device)
    _keep_gradients(model)
    return model


def _keep_gradients(model: Any) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for fast inference on a CPU.

    Its `Linear4bit.forward` does so at the first pass in evaluation mode on processors with
    AVX512-BF16, for good, and the repacked layer passes no gradient on: training would go on and
    learn nothing, without any error.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def adapt(job: Job, base: Any, steps: int) -> Any:
    """Put the adapter on: a fresh one from the seed, or the one this arm goes on from.

    Args:
        job: The arm.
        base: The loaded base.
        steps: Weight updates of the run, which some adapters have to know.
    """
    import torch
    from peft import get_peft_model

    torch.manual_seed(stream_seed("adapter", job.seed))
    if job.arm.trains_base:
        return base
    if job.start is not None and (job.start / "adapter_config.json").is_file():
        return _continue(job.start, base)
    model = get_peft_model(base, job.arm.adapter(base, steps))
    tuner = model.base_model
    if "forward" in vars(tuner):  # adaption prompts keep the base's from before TRL replaces it
        tuner.forward = lambda *given, **named: tuner.model.forward(*given, **named)
    return model


def _continue(start: Path, base: Any) -> Any:
    """Load an adapter to be trained further.

    Prompt learning is refused by `PeftModel.from_pretrained(is_trainable=True)`, so the adapter is
    built from its configuration and its weights are put in.
    """
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    adapters.check(start)
    config = PeftConfig.from_pretrained(str(start))
    config.inference_mode = False
    model = get_peft_model(base, config)
    set_peft_model_state_dict(model, load_file(start / "adapter_model.safetensors"))
    return model


def restore_config(model: Any, student: ModelConfig) -> None:
    """Take out of a model's configuration what its trainer wrote there, before it is shipped."""
    known = loading.load_config(student).get_text_config()
    config = model.config.get_text_config()
    for name in ("use_cache", "output_router_logits", "router_aux_loss_coef"):
        if hasattr(known, name):
            setattr(config, name, getattr(known, name))


def build_trainer(
    job: Job, model: Any, tokenizer: Any, row: Row, objective: Objective, device: str
) -> Any:
    """Build the TRL trainer, and check that everything it trains is float32 afterwards.

    TRL casts the adapters of a quantised base to bfloat16, in which a small step is rounded away
    and which a T4 does not have; so they are cast back.
    """
    import torch

    arguments = {
        "output_dir": str(job.work),  # nothing is written there
        "report_to": "none",
        "disable_tqdm": True,
        "seed": job.seed,
        "average_tokens_across_devices": False,  # the loop weights every pass itself
        "use_cpu": device == "cpu",
        "gradient_checkpointing": bool(job.training.gradient_checkpointing),
        "remove_unused_columns": False,
        "max_length": None,
        # Experts are not balanced anew: that term is in no loss that is reported or compared.
        "router_aux_loss_coef": 0.0,
        **precision(job.training.student, device).arguments,
    }
    from transformers import PrinterCallback

    trainer = objective.build(model, tokenizer, row, arguments)
    trainer.remove_callback(PrinterCallback)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    if job.training.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return trainer
