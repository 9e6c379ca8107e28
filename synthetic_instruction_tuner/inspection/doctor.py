"""What will fail, said before it does: environment, hardware, models, templates, disk."""

from __future__ import annotations

import logging
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, TunerError
from synthetic_instruction_tuner.inspection import chats
from synthetic_instruction_tuner.inspection.check import Check
from synthetic_instruction_tuner.inspection.rows import require_rows
from synthetic_instruction_tuner.inspection.status import is_there, outstanding
from synthetic_instruction_tuner.models.reference import is_gated, local_folder
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage
from synthetic_instruction_tuner.training.compatibility import check_arms

logger = logging.getLogger(__name__)

LIBRARIES = (
    "torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes", "lm_eval",
    "prefect",
)  # fmt: skip
SPARE_BYTES = 2 << 30  # adapters, checkpoints, results and reports of one study stay below this
HUB_SECONDS = 10
OPEN = "the presets colab-t4-open and a100-open need no access to gated models"
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def examine(study: Study) -> Iterator[Check]:
    """Look at everything a study needs; yields each finding as soon as it is known."""
    yield _python()
    yield from _libraries()
    yield _hardware(study)
    yield _disk(study.root)
    yield _workspace(study)
    yield _token(study)
    yield _arms(study)
    hub = _hub(study)
    yield hub
    with _offline() if hub.state == "problem" else nullcontext():
        for role in models_of(study):
            yield from _model(role.name, role.model)
        yield from chats.student(study)


class Role(NamedTuple):
    """A model, what it is for, and the stage that first loads it."""

    stage: Stage
    name: str
    model: ModelConfig


def models_of(study: Study) -> list[Role]:
    """List the models of a study with the role each plays, each model once."""
    config = study.config
    roles: list[Role] = []
    if config.generation.source is None and config.generation.engine != "completions":
        roles.append(Role("generation", "teacher", config.generation.teacher))
    filtering = config.filtering
    for name, encoder in (
        ("encoder of near-duplicates", filtering.duplicates.embedding),
        ("encoder of contamination", filtering.contamination.embedding),
    ):
        if encoder is not None:
            roles.append(Role("filtering", name, encoder))
    quality = filtering.quality
    for kind in quality.measured:
        roles.append(Role("filtering", f"quality {kind}", getattr(quality, kind)))
    if study.uses_preference:
        for one in config.preference.responders:
            model = study.responder_model(one)
            roles.append(Role("preference", f"responder {one.name}", model))
        roles.append(Role("preference", "reward model", config.preference.reward))
    roles.append(Role("training", "student", study.student))
    first: dict[str, Role] = {}
    for role in roles:
        first.setdefault(role.model.name, role)
    return list(first.values())


def require_models(study: Study, until: Stage) -> None:
    """Make sure that every model a run still needs can be loaded, before hours of work.

    Only configurations and the student's tokenizer are read, and whether the weights would fit the
    disk; they are downloaded when they are needed.

    Raises:
        ConfigurationError: If an arm's method does not go with the base or this machine, or the
            student's chat template cannot be trained with.
        MissingModelError: If one cannot be loaded; the message says what to do.
    """
    from synthetic_instruction_tuner.models.binding import bind_student
    from synthetic_instruction_tuner.models.loading import load_config, load_tokenizer
    from synthetic_instruction_tuner.models.space import require_space

    stages = {one.stage for one in outstanding(study, until)}
    if "training" in stages:
        check_arms(study.config.training)
    if "filtering" in stages:
        stages.add("generation")
    if "evaluation" in stages:
        stages.add("training")
    needed = [role for role in models_of(study) if role.stage in stages]
    for role in needed:
        load_config(role.model)
    if "training" in stages:
        bind_student(load_tokenizer(study.student), study.student.family)
    require_space([role.model for role in needed])


def require_data(study: Study) -> None:
    """Look, within a second and before anything starts, at the rows and at the disk.

    A disk that is all but full is warned about: small studies need little.

    Raises:
        ConfigurationError: If the first rows of `generation.source` are all unusable.
    """
    settings = study.config.generation
    if settings.source is not None and not is_there(study, study.draws):
        require_rows(settings.source, settings.columns, Silent())
    found = _disk(study.root)
    if found.state == "problem":
        logger.warning("%s; %s", found.found, found.remedy)


def _arms(study: Study) -> Check:
    """Look whether every arm's method goes with the base, its start, and this machine."""
    arms = study.config.training.arms
    try:
        check_arms(study.config.training)
    except ConfigurationError as error:
        return Check("arms", "problem", str(error), "change training.arms or training.student")
    return Check("arms", "ok", ", ".join(arm.name for arm in arms) or "none")


def _python() -> Check:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", "ok", found)


def _libraries() -> Iterator[Check]:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        remedy = "install the project again: pip install -e ."
        yield Check("libraries", "problem", f"missing: {', '.join(missing)}", remedy)
    yield Check("libraries", "ok", ", ".join(found))


def _hardware(study: Study) -> Check:
    import torch

    if not torch.cuda.is_available():
        found = f"no GPU; {os.cpu_count()} CPU cores, {_memory_gib():.0f} GiB memory"
        if all(_folder(role.model) for role in models_of(study)):
            return Check("hardware", "ok", found)
        remedy = "models of billions of parameters need a GPU (Colab: Runtime, Change runtime type)"
        return Check("hardware", "warning", found, remedy)
    properties = torch.cuda.get_device_properties(0)
    precision = "bfloat16" if properties.major >= 8 else "float16 (no bfloat16 below 8.0)"
    return Check(
        "hardware",
        "ok",
        f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, compute capability "
        f"{properties.major}.{properties.minor}: {precision}; {_memory_gib():.0f} GiB host memory",
    )


def _memory_gib() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


def _disk(root: Path) -> Check:
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free in {place}"
    if free < SPARE_BYTES:
        remedy = f"free at least {SPARE_BYTES / 2**30:.0f} GiB, or choose another --workspace"
        return Check("disk", "problem", found, remedy)
    return Check("disk", "ok", found)


def _workspace(study: Study) -> Check:
    place = next(path for path in (study.root, *study.root.parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        remedy = "choose a folder you may write to with --workspace"
        return Check("workspace", "problem", f"cannot write to {place}", remedy)
    return Check("workspace", "ok", str(study.root))


def _token(study: Study) -> Check:
    """Look for a Hub token where the Hub is used; its value is never shown."""
    from_hub = [one.model.name for one in models_of(study) if _folder(one.model) is None]
    if not from_hub:
        return Check("hub token", "ok", "not needed: every model is local")
    set_in = next((name for name in TOKEN_VARIABLES if os.environ.get(name)), None)
    if set_in:
        return Check("hub token", "ok", f"set in {set_in}")
    from huggingface_hub import get_token

    if get_token():
        return Check("hub token", "ok", "stored by `hf auth login`")
    if not any(is_gated(one.model) for one in models_of(study)):
        return Check("hub token", "ok", "none found, and none of these models is gated")
    remedy = f"gated models need one: set HF_TOKEN or run `hf auth login`; {OPEN}"
    return Check("hub token", "warning", "none found", remedy)


def _hub(study: Study) -> Check:
    """Ask the Hub once: without an answer every model would be asked for in vain for a minute."""
    if all(_folder(role.model) for role in models_of(study)):
        return Check("hub", "ok", "not needed: every model is local")
    import httpx
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return Check("hub", "ok", "not asked (HF_HUB_OFFLINE): models have to be on this machine")
    try:
        httpx.head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except httpx.HTTPError as error:
        remedy = "connect this machine; meanwhile only models that it has can be used"
        return Check("hub", "problem", f"{constants.ENDPOINT} does not answer: {error}", remedy)
    return Check("hub", "ok", f"{constants.ENDPOINT} answers")


@contextmanager
def _offline() -> Iterator[None]:
    """Let the libraries look on this machine alone."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _folder(model: ModelConfig) -> Path | None:
    try:
        return local_folder(model)
    except TunerError:
        return Path(model.name)


def _model(role: str, model: ModelConfig) -> Iterator[Check]:
    """Check that a model can be loaded, from its small files alone, and show its template."""
    name = f"{role}: {model.name}"
    try:
        size = _weights(model)
        from synthetic_instruction_tuner.models.loading import load_tokenizer

        tokenizer = load_tokenizer(model)
    except TunerError as error:
        gated = is_gated(model) or "is gated" in str(error)
        yield Check(name, "problem", str(error), f"it is gated: {OPEN}" if gated else "")
        return
    yield Check(name, "ok", size)
    if role not in ("reward model", "quality reward", "student"):
        yield chats.template(name, model, tokenizer)


def _weights(model: ModelConfig) -> str:
    from synthetic_instruction_tuner.models.loading import load_config

    config = load_config(model)
    kinds = ", ".join(config.architectures or [config.model_type])
    return f"{kinds}, weights in memory: {model.quantization}, compute type: {model.dtype}"
