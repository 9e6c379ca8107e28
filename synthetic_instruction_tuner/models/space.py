"""Room for models: what a study would download, against what the disk has left, beforehand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.models.reference import local_folder

Measure = Callable[[ModelConfig], int]


def require_space(models: Iterable[ModelConfig], measure: Measure | None = None) -> None:
    """Make sure that the weights which are not on this machine yet fit its disk.

    Args:
        models: The models that will be loaded.
        measure: Returns the bytes of a model that are still to be downloaded.

    Raises:
        MissingModelError: If they do not; names the models and what to do.
    """
    measure = measure or to_download
    sizes = {one.name: measure(one) for one in models if local_folder(one) is None}
    wanted = {name: size for name, size in sizes.items() if size}
    cache = cache_folder()
    free = shutil.disk_usage(next(one for one in (cache, *cache.parents) if one.exists())).free
    if sum(wanted.values()) <= free:
        return
    listed = ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in wanted.items())
    raise MissingModelError(
        f"no room for the models: {listed} are still to be downloaded to {cache}, which has "
        f"{free / 1e9:.1f} GB left; free some space there, or set HF_HOME to a larger disk"
    )


def cache_folder() -> Path:
    """Return where the Hub's library keeps what it downloads."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def to_download(model: ModelConfig) -> int:
    """Return the bytes of the weights that are not in the cache; 0 where the Hub does not say."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE:
        return 0
    try:
        info = HfApi().model_info(
            model.name, revision=model.revision, files_metadata=True, timeout=10
        )
    except (HfHubHTTPError, OSError, ValueError):  # said when the model is loaded
        return 0
    return sum(
        file.size or 0
        for file in info.siblings or ()
        if file.rfilename.endswith(".safetensors")
        and not isinstance(
            try_to_load_from_cache(model.name, file.rfilename, revision=info.sha), str
        )
    )
