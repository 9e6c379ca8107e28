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
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models import loading, reference
from synthetic_instruction_tuner.models.binding import bind_student
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.memory_errors import free_memory
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject
from synthetic_instruction_tuner.training import adapters

ADAPTER_CONFIG = "adapter_config.json"


@dataclass
class Student:
    """A base model in memory with its chat template, and the adapter attached at the moment.

    Attributes:
        model: The causal LM without any wrapper; LoRA layers are inside while one is attached.
        chat: Its tokenizer and how conversations become tokens.
        wrapped: What a caller of PEFT would use: the PeftModel, or the model itself for the base.
        virtual_tokens: Length of the attached soft prompt.
    """

    model: Any
    chat: Chat
    wrapped: Any
    virtual_tokens: int = 0

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, with the chat template that is trained and shipped."""
        return self.chat.tokenizer

    def attach(self, folder: Path | None) -> None:
        """Attach the adapter in a folder (None: nothing), detaching what was attached before."""
        self.detach()
        if folder is not None:
            self.wrapped = adapters.attach(self.model, folder)
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
            self.model = _bare(self.wrapped)
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


def _bare(wrapped: Any) -> Any:
    """Return the base of an adapted model, its own layers in their places again."""
    from peft.utils.other import ModulesToSaveWrapper

    tuner = wrapped.base_model
    if not hasattr(type(tuner), "unload"):  # adaption prompts
        tuner.disable_adapter_layers()
        return tuner.model
    own = {  # PEFT leaves what was trained whole in the place of the base's own
        name: one.original_module
        for name, one in tuner.model.named_modules()
        if isinstance(one, ModulesToSaveWrapper)
    }
    model = tuner.unload()
    for name, module in own.items():
        model.set_submodule(name, module)
    return model


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
        held = _Loaded.student is not None
        _Loaded.student, _Loaded.key = None, ""
    if held:
        free_memory()  # models hold cycles: without it their memory waits for the next collection


class Weights(NamedTuple):
    """What a subject consists of.

    Attributes:
        base: The model that is loaded: the student, or a fully trained arm.
        adapter: Folder of the adapter on it, if any.
    """

    base: ModelConfig
    adapter: Path | None


def weights(study: Study, subject: Subject) -> Weights:
    """Find what a subject consists of; an adapter may stand on an arm that trained the base.

    Raises:
        StageError: If a training artifact is missing or damaged, or holds neither of both.
    """
    adapter: Path | None = None
    one: Subject | None = subject
    while one is not None and one.arm is not None:
        folder = _shipped(study.store.require(study.trained(one)))
        if (folder / "config.json").is_file() and not (folder / ADAPTER_CONFIG).is_file():
            base = reference.in_workspace(study.student, folder)
            return Weights(base, adapter)
        adapter = adapter or folder
        one = study.starts_from(one)
    return Weights(study.student, adapter)


def _shipped(trained: Manifest) -> Path:
    """Return the folder of a training artifact that holds the adapter or the whole model."""
    names = [PurePosixPath(name) for name in trained.files]
    for wanted in (ADAPTER_CONFIG, "config.json"):
        found = [name for name in names if name.name == wanted]
        if len(found) == 1:
            return trained.folder / found[0].parent
        if found:
            shown = ", ".join(map(str, found))
            raise StageError(f"{trained.folder} must hold one {wanted}, it has: {shown}")
    raise StageError(f"{trained.folder} holds neither an adapter nor a model")


def adapter_digest(study: Study, subject: Subject) -> str | None:
    """Return the hash of what training made of the base, None for the base itself.

    The files are verified on the way; what an arm started from counts too.
    """
    files: list[dict[str, str]] = []
    one: Subject | None = subject
    while one is not None and one.arm is not None:
        trained = study.store.require(study.trained(one))
        inside = _shipped(trained).relative_to(trained.folder).as_posix()
        kept = (".safetensors", ADAPTER_CONFIG)
        files.append(
            {n: h for n, h in trained.files.items() if n.startswith(inside) and n.endswith(kept)}
        )
        one = study.starts_from(one)
    return digest(files) if files else None


@contextmanager
def under_test(study: Study, subject: Subject) -> Iterator[Student]:
    """Yield the student with the subject's adapter attached; one model at a time in a process."""
    found = weights(study, subject)
    with _Loaded.lock:
        student = _base(found.base, study.student)
        student.attach(found.adapter)
        try:
            yield student
        finally:
            student.detach()


def _base(config: ModelConfig, original: ModelConfig) -> Student:
    key = digest(reference.content(config))
    if _Loaded.student is None or _Loaded.key != key:
        release()
        _Loaded.student, _Loaded.key = _load(config, original), key
        _Loaded.loads += 1
    return _Loaded.student


def _load(config: ModelConfig, original: ModelConfig) -> Student:
    """Load a base; the tokenizer is always the student's own, so that all read equal prompts."""
    model, _ = loading.load_causal(config)
    return Student(model, chat_of(original, model), model)


def chat_of(student: ModelConfig, model: Any) -> Chat:
    """Return how conversations with a student become tokens.

    Args:
        student: Whose tokenizer and template are used.
        model: The model that answers: the student, or what training made of it.
    """
    ends = loading.end_ids(model.generation_config)
    return bind_student(loading.load_tokenizer(student), student.family, ends)
