"""First values of an adapter that were taken out of the base, and how they are undone.

PiSSA and OLoRA start from a part of the base's weights and leave the base without it. What is
shipped must fit the base as everybody has it, so the first values are kept, and subtracted in the
end: the file then holds a plain LoRA of twice the rank.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.lora import MOVES_BASE
from synthetic_instruction_tuner.training.job import Job

FOLDER = "start"


def kept(job: Job) -> Path:
    """Return the folder of the first values, below the working folder of a run."""
    return job.work / FOLDER


def moved(model: Any) -> bool:
    """Tell whether the adapter of a model took its first values out of the base."""
    configs = getattr(model, "peft_config", {}).values()
    starts = [str(getattr(one, "init_lora_weights", "")) for one in configs]
    return any(one.startswith(MOVES_BASE) for one in starts)


def save(job: Job, model: Any, folder: Path) -> None:
    """Write the adapter so that it fits the base as it is, whatever the adapter started from."""
    with warnings.catch_warnings():
        # AdaLoRA may leave a layer no rank; PEFT takes that for a shard.
        warnings.filterwarnings("ignore", ".*LoRA tensor.* have invalid shape")
        # It should be converted, which is what happens here.
        warnings.filterwarnings("ignore", ".* changes the base weights of the model")
        model.save_pretrained(
            folder,
            save_embedding_layers=False,
            path_initial_model_for_weight_conversion=str(kept(job)) if moved(model) else None,
        )


def keep(job: Job, model: Any) -> None:
    """Keep the first values; in a later session, make sure that it began with the same ones.

    Raises:
        StageError: If this machine finds other first values than that on which the run began.
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    if not moved(model):
        return
    folder, file = kept(job), kept(job) / "adapter_model.safetensors"
    if not file.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        begun = folder.with_name(f".{FOLDER}")
        model.save_pretrained(begun, save_embedding_layers=False)
        begun.rename(folder)
        return
    before, now = load_file(file), get_peft_model_state_dict(model, save_embedding_layers=False)
    if not all(
        torch.allclose(one, now[name].cpu().float(), atol=1e-5) for name, one in before.items()
    ):
        raise StageError(
            f"arm {job.subject!r} began with other first values than this machine finds "
            f"(init_lora_weights); go on where it began, or remove {job.work} to begin anew"
        )
