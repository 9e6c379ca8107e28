"""The training stage: one arm of a study, from kept rows or preference pairs to its adapter."""

from __future__ import annotations

import json
import logging
import shutil
from typing import Any

from synthetic_instruction_tuner.errors import DivergedError
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.models import reference
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject, Trial
from synthetic_instruction_tuner.training import launch, tuning
from synthetic_instruction_tuner.training.compatibility import check
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.result import is_complete

logger = logging.getLogger(__name__)

CACHE = ".cache/reference"
"""Folder of the workspace for reference log-probabilities."""


def train(study: Study, subject: Subject, progress: Progress) -> Manifest:
    """Train one arm, going on from its newest checkpoint if there is one.

    Args:
        study: The study.
        subject: The arm and its seed.
        progress: Is told steps done and to do, with loss and time left.

    Returns:
        The manifest of `models/<arm>/`: `final/` (adapter, tokenizer, card) and `run.json`.

    Raises:
        TunerError: Says why it cannot go on; checkpoints are kept.
    """
    artifact = study.trained(subject)
    found = study.store.find(artifact)
    if found is not None:
        return found
    job = make_job(study, subject)
    if not is_complete(job.folder):
        _listen(job, progress)
    result = json.loads((job.folder / "run.json").read_text(encoding="utf-8"))
    shutil.rmtree(job.work, ignore_errors=True)
    return study.store.commit(artifact, facts(result), result["conditions"]["session_seconds"])


def try_settings(study: Study, trial: Trial, progress: Progress) -> Manifest:
    """Train an arm with other settings and keep what the validation split says of it.

    Args:
        study: The study.
        trial: The settings.
        progress: Is told steps done and to do, with loss and time left.

    Returns:
        The manifest of `models/trials/<arm>/<number>/`: `trial.json` and, unless it diverged,
        `run.json`; no adapter.

    Raises:
        TunerError: Says why it cannot go on; checkpoints are kept.
    """
    artifact = study.trial(trial)
    found = study.store.find(artifact)
    if found is not None:
        return found
    job = _job(study, trial.name, trial.arm, trial.seed, artifact)
    try:
        if not (tuning.is_decided(job.folder) or is_complete(job.folder)):
            _listen(job, progress)
    except DivergedError as error:
        return tuning.give_up(study, trial, job.folder, error)
    return tuning.finish(study, trial, job.folder)


def make_job(study: Study, subject: Subject) -> Job:
    """Collect what a training process needs, and refuse what cannot work.

    Raises:
        ConfigurationError: If method, base and starting arm do not go together.
        StageError: If an input is missing or damaged.
    """
    arm = tuning.settled(study, subject)
    assert subject.seed is not None
    return _job(study, subject.name, arm, subject.seed, study.trained(subject))


def _job(study: Study, name: str, arm: MethodConfig, seed: int, artifact: Artifact) -> Job:
    settings, start = study.config.training, study.start_of(arm, seed)
    check(arm, settings, start.arm if start else None)
    source, file = (study.filtered, "examples.jsonl")
    if arm.data == "preference":
        source, file = (study.pairs, "pairs.jsonl")
    begun = study.store.require(study.trained(start)) if start else None
    return Job(
        subject=name,
        identity=artifact.identity,
        arm=arm,
        adapter=settings.adapter_of(arm),
        training=settings.model_copy(update={"arms": (), "tuning": None}),
        seed=seed,
        data=study.store.require(source).path(file),
        data_identity=source.identity,
        start=begun.folder / "final" if begun else None,
        start_identity=begun.identity if begun else None,
        folder=study.store.staging(artifact),
        cache=study.root / CACHE,
        student_content=reference.content(settings.student),
    )


def _listen(job: Job, progress: Progress) -> None:
    events = launch.run(job)
    try:
        for event in events:
            kind = event.pop("event")
            if kind == "step":
                progress.update(event["step"], event["total"], f"loss {event['loss']:.4f}")
            elif kind == "evaluation":
                logger.info("%s: evaluation %s", job.subject, _figures(event))
            elif kind == "log":
                logging.getLogger(event["name"]).log(event["level"], event["text"])
            elif kind in ("resumed", "notice"):
                logger.info("%s: %s %s", job.subject, kind, event.get("text", event.get("step")))
    finally:
        events.close()


def _figures(event: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in event.items())


def facts(run: dict[str, Any]) -> dict[str, Any]:
    """Pick what the manifest tells about a run."""
    conditions = run["conditions"]
    left_out = {"subject", "curve", "evaluations", "conditions", "config"}
    return {name: value for name, value in run.items() if name not in left_out} | {
        "evaluation": run["evaluations"][-1],
        "device": conditions["device"],
        "precision": conditions["precision"],
        "too_long_rows": conditions["too_long_rows"],
        "alike_rows": conditions["alike_rows"],
    }
