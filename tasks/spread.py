"""Making the pieces of a stage where `study.runner` says: here, over the pool's workers, on Ray."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from synthetic_instruction_tuner.study.graph import Study
from tasks import helpers, rays
from tasks.gpu import one_gpu
from tasks.pieces import Piece
from tasks.step import call, count_samples, within_budget


def make(study: Study, pieces: Sequence[Piece]) -> None:
    """Make pieces of one stage, as far as the session's budget goes."""
    runner = study.config.runner
    spread = [one for one in pieces if one.artifact.stage in runner.stages]
    if len(spread) < 2:
        make_here(study, pieces)
    else:
        _RUNNERS[runner.kind](study, pieces)


def make_here(study: Study, pieces: Sequence[Piece]) -> None:
    """Make pieces one after the other in this process; the GPU is kept between them."""
    missing = {one.artifact.stage for one in pieces if study.store.find(one.artifact) is None}
    with one_gpu(*missing):
        for piece in within_budget(study, pieces):
            call(piece.task, study, piece.artifact, *piece.arguments)
            count_samples(study, piece.samples)


def require_runner(study: Study) -> None:
    """Make sure that the runner can be used, before hours of work.

    Raises:
        ConfigurationError: Says what is missing.
    """
    if study.config.runner.kind == "workers":
        helpers.require()
    elif study.config.runner.kind == "ray":
        rays.require()


_RUNNERS: Mapping[str, Callable[[Study, Sequence[Piece]], None]] = {
    "local": make_here,
    "workers": helpers.lead,
    "ray": rays.make,
}
