"""Why a model could not be loaded, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.models.reference import explain_gguf
from synthetic_instruction_tuner.storage import disk


def explain_missing(model: ModelConfig, missing: list[str]) -> str:
    """Say that weights which are in no file would be random."""
    return (
        f"model {model.name!r} is no reward model with one score for each answer: "
        f"it has no weights for {', '.join(missing[:3])}, which would be random. A language model "
        "ranks by preference.reward_format='likelihood'; models that compare two answers at once "
        "(PairRM) are not supported"
    )


def explain(model: ModelConfig, error: BaseException) -> str:
    """Say why a model could not be loaded and what to do about it."""
    from huggingface_hub import constants

    chain = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    kinds = {type(one).__name__ for one in chain}
    name = f"model {model.name!r}"
    if "GatedRepoError" in kinds:
        return (
            f"{name} is gated: accept its licence at https://huggingface.co/{model.name} and log "
            "in with `hf auth login`, or set HF_TOKEN"
        )
    if "RevisionNotFoundError" in kinds:
        return f"{name} has no revision {model.revision!r}; see its branches and commits on the Hub"
    if "RepositoryNotFoundError" in kinds:
        return f"{name} is not on the Hub, or private: check the name, or set HF_TOKEN"
    if _is_offline(kinds):
        return (
            f"{name} is not on this machine and the Hub cannot be reached; connect (HF_HUB_OFFLINE "
            f"is {os.environ.get('HF_HUB_OFFLINE', 'not set')}), or give a local folder as its name"
        )
    for one in chain:
        if told := disk.explain(one, Path(constants.HF_HUB_CACHE)):
            return f"{name} cannot be loaded: {told}"
    if "trust_remote_code" in str(error):
        return (
            f"{name} ships Python code, which is not run: only a study file that you name (with "
            "trust_remote_code and a pinned revision) or --trust-remote-code NAME@REVISION lets "
            "it, never a workspace"
        )
    if model.name.lower().endswith("-gguf"):
        return explain_gguf(model.name)
    if "safetensors" in str(error):
        return f"{name} has no safetensors weights; pickled weights are never opened ({error})"
    if isinstance(error, (OSError, ValueError)):
        return f"{name} cannot be loaded: {error}"
    return f"{name} cannot be loaded, its files are damaged: {type(error).__name__}: {error}"


def _is_offline(kinds: set[str]) -> bool:
    signs = {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectTimeout"}
    return bool(kinds & (signs | {"ConnectionError", "ProxyError", "ReadTimeout"}))
