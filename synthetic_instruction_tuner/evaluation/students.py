"""The model under test: the base loaded once a process, adapters attached and detached.

At most one adapter is attached at any time, so LoRA weights can never be active under a soft
prompt, and the base is the base. An adapter takes a fraction of a second to attach; the base, for
a real study, minutes to load.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from synthetic_instruction_tuner.artifacts import Manifest
from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.files import digest
from synthetic_instruction_tuner.models import loading, reference
from synthetic_instruction_tuner.study import Study, Subject
from synthetic_instruction_tuner.training import templates

ADAPTER_CONFIG = "adapter_config.json"


@dataclass
class Student:
    """A base model in memory with its tokenizer, and the adapter attached at the moment.

    Attributes:
        model: The causal LM without any wrapper; LoRA layers are inside while one is attached.
        tokenizer: Its tokenizer.
        wrapped: What a caller of PEFT would use: the PeftModel, or the model itself for the base.
        virtual_tokens: Length of the attached soft prompt.
    """

    model: Any
    tokenizer: Any
    wrapped: Any
    virtual_tokens: int = 0

    def attach(self, folder: str | None) -> None:
        """Attach the adapter in a folder (None: nothing), detaching what was attached before."""
        self.detach()
        if folder is not None:
            from peft import PeftModel

            self.wrapped = PeftModel.from_pretrained(self.model, folder)
            config = self.wrapped.active_peft_config
            self.virtual_tokens = config.num_virtual_tokens if config.is_prompt_learning else 0
        # PEFT leaves new adapter layers in training mode, with dropout on.
        self.wrapped.eval()
        self.model.eval()

    def detach(self) -> None:
        """Restore the bare base: the original layers, none of them copied."""
        if (
            self.wrapped is not self.model
            and not self.wrapped.active_peft_config.is_prompt_learning
        ):
            self.model = self.wrapped.unload()
        self.wrapped, self.virtual_tokens = self.model, 0

    def soft_prompt(self) -> Any:
        """Return the key-value cache of the soft prompt for one row; None without one."""
        if not self.virtual_tokens:
            return None
        import torch

        with torch.inference_mode():
            prompt = self.wrapped.get_prompt(batch_size=1)
            if not isinstance(prompt, torch.Tensor):  # prefix tuning learns keys and values
                return prompt
            prompt = prompt.to(self.model.get_input_embeddings().weight.dtype)
            return self.model(
                inputs_embeds=prompt, use_cache=True, logits_to_keep=1
            ).past_key_values


class _Loaded:
    """The one base of this process."""

    key: str = ""
    student: Student | None = None
    loads: int = 0
    lock = threading.RLock()


def loads() -> int:
    """Return how often this process has loaded a base."""
    return _Loaded.loads


def release() -> None:
    """Forget the base, so that its memory can be used for something else."""
    with _Loaded.lock:
        _Loaded.student, _Loaded.key = None, ""


def adapter_folder(trained: Manifest) -> str:
    """Return the folder of the adapter in a training artifact.

    Raises:
        StageError: If there is none, or more than one.
    """
    found = [PurePosixPath(n) for n in trained.files if PurePosixPath(n).name == ADAPTER_CONFIG]
    if len(found) != 1:
        names = ", ".join(str(one) for one in found) or "none"
        raise StageError(f"{trained.folder} must hold one {ADAPTER_CONFIG}, found: {names}")
    return str(trained.folder / found[0].parent)


def adapter_digest(study: Study, subject: Subject) -> str | None:
    """Return the hash of the adapter's files, None for the base; the files are verified."""
    if subject.arm is None:
        return None
    trained = study.store.require(study.trained(subject))
    folder = PurePosixPath(adapter_folder(trained)).relative_to(trained.folder.as_posix())
    inside = {n: h for n, h in trained.files.items() if PurePosixPath(n).is_relative_to(folder)}
    return digest(inside)


@contextmanager
def under_test(study: Study, subject: Subject) -> Iterator[Student]:
    """Yield the student with the subject's adapter attached; one model at a time in a process."""
    with _Loaded.lock:
        student = _base(study.student)
        trained = study.store.require(study.trained(subject)) if subject.arm else None
        student.attach(adapter_folder(trained) if trained else None)
        try:
            yield student
        finally:
            student.detach()


def _base(config: ModelConfig) -> Student:
    key = digest(reference.content(config))
    if _Loaded.student is None or _Loaded.key != key:
        release()
        _Loaded.student, _Loaded.key = _load(config), key
        _Loaded.loads += 1
    return _Loaded.student


def _load(config: ModelConfig) -> Student:
    model, tokenizer = loading.load_causal(config)
    templates.ensure_template(tokenizer, config.family)
    return Student(model, tokenizer, model)
