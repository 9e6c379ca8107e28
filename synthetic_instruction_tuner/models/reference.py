"""What a model name refers to, and the content that enters identities."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.storage.files import digest, list_files, sha256_of

SANDBOX = "sandbox:"
GGUF = ".gguf"
GATED = ("meta-llama/*", "google/gemma-*", "mistralai/*")
"""Models whose repositories ask for consent before a download, by pattern of the id."""


def local_folder(model: ModelConfig) -> Path | None:
    """Return the folder of a local or embedded model, None for a model on the Hub.

    Raises:
        MissingModelError: If the name is a path or a sandbox role that does not exist, or GGUF.
    """
    if model.name.lower().endswith(GGUF):
        raise MissingModelError(explain_gguf(model.name))
    if model.name.startswith(SANDBOX):
        return _sandbox_folder(model.name.removeprefix(SANDBOX))
    path = Path(model.name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and any(path.glob(f"*{GGUF}")):
            raise MissingModelError(explain_gguf(model.name))
        return path
    if model.name.startswith(("/", "./", "../", "~")):
        raise MissingModelError(f"model folder {model.name!r} does not exist")
    return None


def is_gated(model: ModelConfig) -> bool:
    """Tell whether a model is known to be gated, without asking the Hub."""
    return any(fnmatchcase(model.name, pattern) for pattern in GATED)


def explain_gguf(name: str) -> str:
    """Say what to do about a model in llama.cpp's format, which holds no weights to train."""
    return (
        f"model {name!r} is GGUF, which is not read here: give the safetensors folder or Hub id it "
        "was made from, or serve a teacher with llama.cpp and set generation.engine=completions"
    )


def _sandbox_folder(role: str) -> Path:
    from synthetic_instruction_tuner import sandbox

    if role not in sandbox.MODEL_ROLES:
        allowed = ", ".join(SANDBOX + one for one in sandbox.MODEL_ROLES)
        raise MissingModelError(f"unknown embedded model {SANDBOX + role!r}; allowed: {allowed}")
    return sandbox.model_path(role)


def in_workspace(model: ModelConfig, folder: Path) -> ModelConfig:
    """Return how a trained copy of a model is loaded; code that lies beside its weights is not run.

    Whoever may write to a workspace could have put it there.
    """
    here = {"name": str(folder), "revision": "main", "trust_remote_code": False}
    return model.model_copy(update=here)


def content(model: ModelConfig) -> dict[str, Any]:
    """Return what determines a model's output, for identities.

    A local model counts by the content of its files, so that it may move; a Hub model by id and
    revision. The compute type is included as configured.
    """
    folder = local_folder(model)
    source = {"files": _folder_digest(folder)} if folder else model.content("name", "revision")
    return source | model.content("dtype", "quantization", "family")


@lru_cache(maxsize=64)
def _folder_digest(folder: Path) -> str:
    kept = {".json", ".safetensors", ".jinja", ".model", ".txt", ".bin"}
    files = [path for path in list_files(folder) if path.suffix in kept]
    return digest({path.relative_to(folder).as_posix(): sha256_of(path) for path in files})
