"""Trials: an arm with other settings, trained as any arm, judged by the validation split alone.

Benchmarks are not looked at: what chooses settings cannot measure them, too.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.config.tuning import differences
from synthetic_instruction_tuner.errors import ConfigurationError, DivergedError
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject, Trial

if TYPE_CHECKING:
    from pydantic import JsonValue

    from synthetic_instruction_tuner.methods import MethodConfig

RESULT = "trial.json"
SHIPPED = "final"
METRICS = {"sft": "loss", "preference": "accuracy"}
"""What chooses, by what an arm learns from: loss a token, or the share of pairs ranked well."""


@dataclass(frozen=True)
class Tried:
    """What came of a trial, or of the arm as specified.

    Attributes:
        number: 0 for the arm as specified, else that of the trial.
        settings: What differs from the arm as specified.
        metric: "loss" (lower is better) or "accuracy" (higher).
        score: The metric on the validation split after the last update; None if it diverged.
        loss: The loss there, which decides between equal accuracies.
        seconds: Wall time of all sessions.
        reason: Why there is no score.
    """

    number: int
    metric: str
    score: float | None
    loss: float | None
    seconds: float
    settings: dict[str, JsonValue] = field(default_factory=dict)
    reason: str = ""

    @property
    def rank(self) -> tuple[float, float, int]:
        """What trials are ordered by, the best first; the specified arm and earlier trials win."""
        worst = float("inf")
        if self.score is None:
            return worst, worst, self.number
        value = self.score if self.metric == "loss" else -self.score
        return value, worst if self.loss is None else self.loss, self.number


def of_run(run: dict[str, JsonValue], arm: MethodConfig, number: int, given: MethodConfig) -> Tried:
    """Read what came of a training from its `run.json`."""
    metric = METRICS[arm.data]
    evaluations, conditions = run["evaluations"], run["conditions"]
    assert isinstance(evaluations, list)
    assert isinstance(conditions, dict)
    last = dict[str, float](evaluations[-1])  # type: ignore[arg-type]
    seconds = float(str(conditions["session_seconds"]))
    changes = differences(given, arm)
    return Tried(number, metric, last[metric], last["loss"], seconds, changes)


def specified(study: Study, name: str) -> MethodConfig:
    """Return an arm as the settings of the study have it."""
    return next(one for one in study.config.training.arms if one.name == name)


def finish(study: Study, trial: Trial, folder: Path) -> Manifest:
    """Commit a trial that was trained: its figures stay, its weights go."""
    if is_decided(folder):  # killed while its weights went
        told = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return _commit(study, trial, folder, Tried(**told))
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    tried = of_run(run, trial.arm, trial.number, specified(study, trial.of))
    return _commit(study, trial, folder, tried)


def is_decided(folder: Path) -> bool:
    """Tell whether a staging folder holds what came of a trial."""
    return (folder / RESULT).is_file()


def give_up(study: Study, trial: Trial, folder: Path, error: DivergedError) -> Manifest:
    """Commit a trial whose loss is no number any more: that is what there is to know of it."""
    given, metric = specified(study, trial.of), METRICS[trial.arm.data]
    changes = differences(given, trial.arm)
    tried = Tried(trial.number, metric, None, None, 0.0, changes, str(error))
    return _commit(study, trial, folder, tried)


def _commit(study: Study, trial: Trial, folder: Path, tried: Tried) -> Manifest:
    write_json(folder / RESULT, asdict(tried))
    for name in (SHIPPED, "work"):
        shutil.rmtree(folder / name, ignore_errors=True)
    facts = {"score": tried.score, "metric": tried.metric}
    return study.store.commit(study.trial(trial), facts, tried.seconds)


def tried(study: Study, name: str) -> list[Tried]:
    """Return what came of an arm as specified and of its trials, as far as they are done."""
    given, found = specified(study, name), []
    artifact = study.trained(study.subject(name))
    manifest = study.store.find(artifact)
    if manifest is not None:
        run = json.loads(manifest.path("run.json").read_text(encoding="utf-8"))
        found.append(of_run(run, given, 0, given))
    for trial in study.trials(name):
        manifest = study.store.find(study.trial(trial))
        if manifest is not None:
            found.append(Tried(**json.loads(manifest.path(RESULT).read_text(encoding="utf-8"))))
    return found


def best(study: Study, name: str) -> Tried:
    """Return the best of an arm and its trials.

    Raises:
        ConfigurationError: If not all of them are done.
    """
    found, wanted = tried(study, name), 1 + len(study.trials(name))
    if len(found) < wanted:
        raise ConfigurationError(f"arm {name!r}: {len(found)} of {wanted} trainings are done")
    return min(found, key=lambda one: one.rank)


def settled(study: Study, subject: Subject) -> MethodConfig:
    """Return the settings that an arm is trained with: as specified, or the best that were tried.

    Raises:
        ConfigurationError: If it is the base, or trials are missing.
    """
    if subject.arm is None:
        raise ConfigurationError("the base is not trained")
    if subject.tuned is None:
        return subject.arm
    number = best(study, subject.tuned).number
    if number == 0:
        return subject.arm
    chosen = study.trials(subject.tuned)[number - 1].arm
    return chosen.model_copy(update={"name": subject.arm.name})
