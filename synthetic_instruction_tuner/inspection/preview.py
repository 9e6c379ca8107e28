"""What a run would do: what stays, what is made again, what is new, and what that costs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from synthetic_instruction_tuner.generation.store import chunk_manifests, spans_to_draw
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS, Gpu
from synthetic_instruction_tuner.inspection.planning.plan import plan
from synthetic_instruction_tuner.inspection.planning.row import Row
from synthetic_instruction_tuner.inspection.status import is_there
from synthetic_instruction_tuner.storage.artifacts import read_manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage


@dataclass(frozen=True)
class StagePreview:
    """One stage of a study, before a run.

    Attributes:
        stays: Names of what is there and counts.
        again: Names of what is there with other settings, or damaged.
        new: Names of what was never made.
        samples: Samples to draw.
    """

    stage: Stage
    stays: tuple[str, ...]
    again: tuple[str, ...]
    new: tuple[str, ...]
    samples: int = 0

    @property
    def share(self) -> float:
        """Share of the stage that a run makes, by number of pieces."""
        made = len(self.again) + len(self.new)
        return made / (made + len(self.stays)) if made else 0.0

    def as_json(self) -> dict[str, object]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)


def preview(study: Study, until: Stage = "report") -> list[StagePreview]:
    """List, by stage, what a run up to `until` would make and what it would leave; only reads.

    Raises:
        ConfigurationError: If a model folder, source file or data folder is not there.
    """
    found: dict[str, list[tuple[str, str]]] = {one: [] for one in study.stages_until(until)}
    for artifact in study.artifacts(until):
        if is_there(study, artifact):
            state = "stays"
        else:
            state = "again" if read_manifest(study.store.folder(artifact)) else "new"
        found[artifact.stage].append((state, artifact.name))
    return [
        StagePreview(
            stage=stage,
            stays=_in(found[stage], "stays") + (_drawn(study) if stage == "generation" else ()),
            again=_in(found[stage], "again"),
            new=_in(found[stage], "new"),
            samples=_samples(study, until) if stage == "generation" else 0,
        )
        for stage in study.stages_until(until)
    ]


def _in(found: list[tuple[str, str]], state: str) -> tuple[str, ...]:
    return tuple(name for one, name in found if one == state)


def _drawn(study: Study) -> tuple[str, ...]:
    """Name the chunks of samples that are there."""
    if study.config.generation.source is not None:
        return ()
    return tuple(f"samples {one.folder.name}" for one in chunk_manifests(study))


def _samples(study: Study, until: Stage) -> int:
    """Count the samples that are to be drawn before anything can be filtered."""
    settings = study.config.generation
    if settings.source is not None or "generation" not in study.stages_until(until):
        return 0
    if is_there(study, study.filtered):
        return 0
    return sum(last - first + 1 for first, last in spans_to_draw(study, settings.draws))


def cost(study: Study, stages: list[StagePreview]) -> tuple[Gpu, float, float]:
    """Return the smallest GPU of the plan that fits, and the hours there, at best and slow.

    A stage of which some pieces stay takes its share of the plan; arms are counted one by one.
    """
    plans = {name: plan(study.config, gpu) for name, gpu in GPUS.items()}
    fitting = [name for name, rows in plans.items() if all(row.fits for row in rows)]
    name = fitting[0] if fitting else list(GPUS)[-1]
    shares = [(row, _share(study, row, stages)) for row in plans[name]]
    best = sum(share * row.seconds for row, share in shares) / 3600
    slow = sum(share * row.slow_seconds for row, share in shares) / 3600
    return GPUS[name], best, slow


def _share(study: Study, row: Row, stages: list[StagePreview]) -> float:
    found = next((one for one in stages if one.stage == row.stage), None)
    if found is None:
        return 0.0
    if row.stage == "generation":
        return min(1.0, found.samples / study.config.generation.draws)
    if row.stage == "training":
        names = {one.name for one in study.subjects if one.arm and one.arm.name == row.subject}
        return len(names & {*found.again, *found.new}) / max(1, len(names))
    return found.share
