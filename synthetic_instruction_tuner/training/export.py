"""An arm for use elsewhere: as adapter, merged into its base, for llama.cpp, or for Ollama."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models import loading, shipping
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.storage import disk
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.manifests import copy_listed
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject
from synthetic_instruction_tuner.training import adapters, card, ollama
from synthetic_instruction_tuner.training.result import RESULT
from synthetic_instruction_tuner.training.students import chat_of, weights

Format = Literal["adapter", "merged", "gguf", "ollama"]
CONVERTER = "convert_hf_to_gguf.py"


def export(study: Study, subject: Subject, target: Path, kind: Format = "merged") -> Path:
    """Write a trained arm to a folder, or to a GGUF file.

    Args:
        study: The study.
        subject: The arm; it must be trained.
        target: Folder to write, or file for "gguf"; must not exist.
        kind: "adapter" copies what training shipped; "merged" is a model of its own with
            safetensors weights; "gguf" is that, converted by llama.cpp; "ollama" is "merged" with a
            Modelfile beside it.

    Returns:
        The target.

    Raises:
        ConfigurationError: If the target exists or cannot be written, the method cannot be merged,
            llama.cpp's converter is not there, or Ollama cannot follow the chat template.
        StageError: If the arm is not trained, or the conversion fails; nothing is left behind.
    """
    _require_new(target)
    converter = find_converter() if kind == "gguf" else None
    manifest = study.store.require(study.trained(subject))
    with (
        disk.named(target.parent),
        TemporaryDirectory(dir=target.parent, prefix=".export-") as name,
    ):
        made = Path(name) / "made"
        if kind == "adapter":
            copy_listed(manifest, _shipped(manifest), made, RESULT)
        else:
            chat = _merge(study, subject, manifest, made)
            if kind == "ollama":
                (made / "Modelfile").write_text(ollama.modelfile(chat), encoding="utf-8")
        if converter is not None:
            merged, made = made, Path(name) / target.name
            _convert(converter, merged, made)
        made.rename(target)
    return target


def _require_new(target: Path) -> None:
    """Make the folder that the target will lie in, and try to write there.

    Raises:
        ConfigurationError: If the target is there already, or nothing can be written beside it.
    """
    try:
        taken = target.exists()
        if not taken:
            target.parent.mkdir(parents=True, exist_ok=True)
            TemporaryDirectory(dir=target.parent, prefix=".export-").cleanup()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # said as such
            raise
        raise ConfigurationError(
            f"cannot write {target} ({error.strerror}); name a path in a folder of yours"
        ) from error
    if taken:
        raise ConfigurationError(f"{target} exists already; name a new folder or file")


def _shipped(manifest: Manifest) -> list[str]:
    return [name for name in manifest.files if name.startswith(f"{RESULT}/")]


def find_converter() -> Path:
    """Return llama.cpp's converter, from the search path.

    Raises:
        ConfigurationError: If it is not there; says how to get it.
    """
    found = shutil.which(CONVERTER)
    if found is None:
        raise ConfigurationError(
            f"GGUF needs llama.cpp's {CONVERTER} on PATH: clone "
            "https://github.com/ggml-org/llama.cpp, install its requirements.txt, and put the "
            "script (executable) on PATH"
        )
    return Path(found)


def _merge(study: Study, subject: Subject, manifest: Manifest, target: Path) -> Chat:
    """Add the adapter to unquantised weights and save the sum with the arm's tokenizer.

    Returns:
        The tokenizer with its chat template.
    """
    arm, adapter = subject.arm, manifest.folder / RESULT
    assert arm is not None
    if not arm.limits().merges and not arm.trains_base:
        raise ConfigurationError(
            f"arm {arm.name!r}: method {arm.title()!r} has no form as plain weights "
            "(virtual tokens are not weights); export it as 'adapter'"
        )
    model = _whole(study, subject, adapter)
    chat = chat_of(study.student, model)
    shipping.mark_ends(chat, model)
    model.save_pretrained(target)
    shipping.save(chat, model, target)
    told = (adapter / "README.md").read_text(encoding="utf-8")
    (target / "README.md").write_text(card.as_merged(told), encoding="utf-8")
    return chat


def _whole(study: Study, subject: Subject, adapter: Path) -> Any:
    """Load base and adapter in the type of the base's files; merging into 4 bits would round.

    A 16-bit base stays one: in float32 it would take twice the memory and the disk.
    """
    import torch

    base = weights(study, subject).base
    held = str(loading.load_config(base).dtype or "auto").removeprefix("torch.")
    settings = {"quantization": "none", "dtype": held}
    model, _ = loading.load_causal(base.model_copy(update=settings), "cpu")
    if not (adapter / "adapter_config.json").is_file():
        return model
    with torch.no_grad():
        return adapters.attach(model, adapter).merge_and_unload(safe_merge=True)


def _convert(converter: Path, merged: Path, target: Path) -> None:
    command = [sys.executable, str(converter), str(merged), "--outfile", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise StageError(f"{converter.name} failed with status {done.returncode}: {tail}")
