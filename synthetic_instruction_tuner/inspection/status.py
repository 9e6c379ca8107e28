"""How far a study is: read from its artifacts alone, so it tells the truth after any crash."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from synthetic_instruction_tuner.generation import cost
from synthetic_instruction_tuner.generation.store import spans_to_draw
from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.storage.artifacts import (
    Artifact,
    Manifest,
    find_damage,
    read_manifest,
)
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import STAGES, Stage
from synthetic_instruction_tuner.study.subject import TRIALS

State = Literal["done", "part done", "missing", "outdated"]


@dataclass(frozen=True)
class StageStatus:
    """One stage of a study.

    Attributes:
        state: "outdated" means: there, but made with other settings.
        done: Finished artifacts of the present settings.
        total: Artifacts the stage has.
        detail: Samples, losses, counts: what the stage has to show.
        last_activity: Time of the newest file, UTC.
        rerun: What `tuner run` would do.
    """

    stage: Stage
    state: State
    done: int
    total: int
    detail: str
    last_activity: str | None
    rerun: str

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)


def outstanding(study: Study, until: Stage) -> list[Artifact]:
    """List the artifacts that a run up to a stage would make; reads, never moves anything.

    Chunks of samples count as long as the rows filtered from them are not there.
    """
    missing = [one for one in study.artifacts(until) if not is_there(study, one)]
    settings = study.config.generation
    if "generation" not in study.stages_until(until) or settings.source is not None:
        return missing
    if is_there(study, study.filtered):
        return missing
    return [study.chunk(*span) for span in spans_to_draw(study, settings.draws)] + missing


def is_there(study: Study, artifact: Artifact) -> bool:
    """Whether an artifact is committed, of the wanted identity and undamaged."""
    manifest = read_manifest(study.store.folder(artifact))
    if manifest is None or manifest.identity != artifact.identity:
        return False
    return find_damage(manifest) is None


def read_status(study: Study) -> list[StageStatus]:
    """Describe every stage the study has."""
    by_stage: dict[str, list[Artifact]] = {}
    for one in study.artifacts():
        by_stage.setdefault(one.stage, []).append(one)
    return [
        _status(study, stage, by_stage.get(stage, [])) for stage in STAGES if _has(study, stage)
    ]


def read_stage(study: Study, stage: Stage) -> StageStatus:
    """Describe one stage, even one that no arm needs."""
    return _status(study, stage, [one for one in study.artifacts(stage) if one.stage == stage])


def _has(study: Study, stage: Stage) -> bool:
    return stage != "preference" or study.uses_preference


def _status(study: Study, stage: Stage, artifacts: list[Artifact]) -> StageStatus:
    if stage == "generation" and study.config.generation.source is None:
        return _generation_status(study)
    there = [one for one in artifacts if is_there(study, one)]
    others = [one for one in artifacts if one not in there]
    outdated = [one.name for one in others if read_manifest(study.store.folder(one))]
    state = _state(len(there), len(artifacts), outdated)
    missing = ", ".join(one.name for one in others[:4]) + (" ..." if len(others) > 4 else "")
    rerun = f"make {len(others)}: {missing}" if others else "nothing"
    return StageStatus(
        stage=stage,
        state=state,
        done=len(there),
        total=len(artifacts),
        detail=_detail(study, stage, there),
        last_activity=_newest(study.root / one.folder for one in artifacts),
        rerun=rerun,
    )


def _state(done: int, total: int, outdated: Sequence[str]) -> State:
    if done == total:
        return "done"
    if done:
        return "part done"
    return "outdated" if outdated else "missing"


def _generation_status(study: Study) -> StageStatus:
    """Generation has no artifact of its own but its chunks: it counts samples."""
    spans = [
        manifest
        for manifest in _chunks(study)
        if manifest.facts.get("draws") in (None, study.draws.identity)
    ]
    drawn = sum(int(one.facts.get("samples", 0)) for one in spans)
    filtered = read_manifest(study.store.folder(study.filtered))
    finished = filtered is not None and is_there(study, study.filtered)
    wanted = drawn if finished else max(study.config.generation.draws, drawn)
    state: State = "done" if finished or drawn >= wanted else "part done" if drawn else "missing"
    rerun = "nothing" if state == "done" else f"draw {wanted - drawn} samples"
    return StageStatus(
        stage="generation",
        state=state,
        done=drawn,
        total=wanted,
        detail=cost.forecast(study) if drawn else "",
        last_activity=_newest([study.root / study.draws.folder]),
        rerun=rerun,
    )


def _chunks(study: Study) -> list[Manifest]:
    folder = study.root / study.draws.folder
    found = [read_manifest(path) for path in sorted(folder.glob("*-*"))]
    return [one for one in found if one is not None]


def _detail(study: Study, stage: Stage, there: list[Artifact]) -> str:
    if stage == "filtering" and there:
        return _filtering_detail(study, study.filtered)
    if stage == "filtering" and is_there(study, study.provisional):
        return f"{_filtering_detail(study, study.provisional)}, not decontaminated: no items"
    if stage == "training":
        return ", ".join(_loss(study, one) for one in there if not one.name.startswith(TRIALS))
    return ", ".join(one.name for one in there[:4]) + (" ..." if len(there) > 4 else "")


def _filtering_detail(study: Study, artifact: Artifact) -> str:
    manifest = read_manifest(study.store.folder(artifact))
    measures = manifest.facts.get("measures", {}) if manifest else {}
    return ", ".join(f"{key} {measures[key]}" for key in ("drawn", "kept") if key in measures)


def _loss(study: Study, artifact: Artifact) -> str:
    values = json.loads((study.root / artifact.folder / "run.json").read_text(encoding="utf-8"))
    run = TrainingRun(**values)
    final = run.evaluations[-1].get("loss") if run.evaluations else None
    return f"{run.subject} loss {final:.3f}" if final is not None else run.subject


def _newest(folders: Any) -> str | None:
    times = [
        path.stat().st_mtime
        for folder in folders
        if Path(folder).exists()
        for path in Path(folder).rglob("*")
        if path.is_file()
    ]
    if not times:
        return None
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(max(times)))
