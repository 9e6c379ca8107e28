"""How the arms were trained, from the `run.json` beside each adapter."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.storage.manifests import read_manifest
from synthetic_instruction_tuner.study.graph import Study

RUN = "run.json"
CURVE_POINTS = 200
"""Points of a curve that reach the report; longer curves are thinned evenly, ends kept."""


def load_runs(study: Study) -> dict[str, TrainingRun | None]:
    """Read the training run of every arm; None where an arm was not trained."""
    runs: dict[str, TrainingRun | None] = {}
    for subject in study.subjects:
        if subject.arm is None:
            continue
        manifest = study.store.find(study.trained(subject))
        runs[subject.name] = read_run(manifest.path(RUN)) if manifest else None
        run = runs[subject.name]
        if run is not None and run.subject != subject.name:
            raise StageError(f"{study.trained(subject).folder} holds the run of {run.subject}")
    return runs


ADAPTER = "final/adapter_config.json"
SHOWN = ("peft_type", "target_modules", "modules_to_save", "bias", "num_virtual_tokens")
"""Fields of PEFT's own configuration that say which parts of the model an arm trains."""


def load_adapters(study: Study) -> dict[str, dict[str, object]]:
    """Read what PEFT wrote beside every adapter: above all the layers that it is attached to."""
    found = {}
    for subject in study.subjects:
        if subject.arm is None:
            continue
        manifest = read_manifest(study.store.folder(study.trained(subject)))
        if manifest is None or ADAPTER not in manifest.files:
            continue
        values = json.loads(manifest.path(ADAPTER).read_text(encoding="utf-8"))
        known = {name: values[name] for name in SHOWN if values.get(name) is not None}
        if isinstance(known.get("target_modules"), list):
            known["target_modules"] = sorted(known["target_modules"])
        found[subject.name] = known
    return found


def read_run(path: Path) -> TrainingRun:
    """Read one `run.json`.

    Raises:
        StageError: If it is not a training run or holds a figure that is not a number.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        known = {field.name for field in dataclasses.fields(TrainingRun)}
        return TrainingRun(**{name: values[name] for name in known})
    except (ValueError, TypeError, KeyError) as error:
        raise StageError(f"{path} is not a training run: {error!r}") from error


def _refuse(constant: str) -> None:
    """Refuse what Python's JSON reader would let pass: NaN and infinities."""
    raise ValueError(f"it holds {constant}, which is not a number")


def describe_run(
    run: TrainingRun | None, adapter: dict[str, object] | None = None
) -> dict[str, Any]:
    """Return what the report shows of a run; without one, that it was not measured."""
    if run is None:
        return {"status": "not measured"}
    evaluations = run.evaluations
    return {
        "status": "measured",
        "examples": run.examples,
        "steps": run.steps,
        "epochs": run.epochs,
        "resumed": run.resumed,
        "first": evaluations[0] if evaluations else None,
        "last": evaluations[-1] if evaluations else None,
        "curve": thin(run.curve),
        "evaluations": evaluations,
        "conditions": run.conditions,
        "adapter": adapter,
    }


def thin(points: list[dict[str, float]]) -> list[dict[str, float]]:
    """Keep at most `CURVE_POINTS` of a curve, evenly spaced, first and last included."""
    if len(points) <= CURVE_POINTS:
        return points
    step = (len(points) - 1) / (CURVE_POINTS - 1)
    return [points[round(position * step)] for position in range(CURVE_POINTS)]
