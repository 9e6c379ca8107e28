"""One stage on a Ray cluster: the same tasks, wherever Ray has room for them."""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Sequence
from inspect import signature
from typing import Any

from prefect.futures import PrefectFuture

from synthetic_instruction_tuner.config import RunnerConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.inspection.status import is_there
from synthetic_instruction_tuner.study.graph import Study
from tasks.own_state import heed
from tasks.pieces import Piece
from tasks.step import budget_used_up, configured, count_samples

STORE_BYTES = 100 * 2**20
"""Shared memory of a local cluster: between tasks nothing travels but a few settings."""


def require() -> None:
    """Refuse to go on without prefect-ray.

    Raises:
        ConfigurationError: Says how to install it.
    """
    if importlib.util.find_spec("prefect_ray") is None:
        raise ConfigurationError(
            "runner.kind='ray' needs prefect-ray: pip install -c constraints.txt -e '.[ray]'"
        )


def make(study: Study, pieces: Sequence[Piece]) -> None:
    """Make pieces on a Ray cluster, `runner.parallel` at once, as far as the budget goes.

    Raises:
        StageError: If a node has made something else than it was asked for.
    """
    require()
    import ray
    from prefect_ray import RayTaskRunner
    from prefect_ray.context import remote_options

    runner = study.config.runner
    _connect(runner)
    waiting = deque(pieces)
    under_way: dict[Any, tuple[Piece, PrefectFuture[Any]]] = {}
    with RayTaskRunner() as cluster, remote_options(num_cpus=1, num_gpus=runner.gpus):
        while waiting or under_way:
            while waiting and len(under_way) < runner.parallel and not budget_used_up(study):
                piece = waiting.popleft()
                future = _submit(cluster, study, piece)
                under_way[future.wrapped_future] = piece, future
            if not under_way:
                return
            for reference in ray.wait(list(under_way), num_returns=1)[0]:
                piece, future = under_way.pop(reference)
                future.result()
                _check(study, piece)
                count_samples(study, piece.samples)


def _connect(runner: RunnerConfig) -> None:
    """Join the cluster, or start a small one; it lives as long as this process."""
    import ray

    if ray.is_initialized():
        return
    if runner.address is not None:
        ray.init(runner.address)
    else:
        ray.init(
            "local",
            num_cpus=runner.parallel,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
        )


def _submit(cluster: Any, study: Study, piece: Piece) -> Any:
    heed()
    task = configured(piece.task, study, piece.artifact)
    given = (study.config, str(study.root), piece.claim, *piece.arguments)
    return cluster.submit(task, signature(task.fn).bind(*given).arguments)


def _check(study: Study, piece: Piece) -> None:
    if not is_there(study, piece.artifact):
        raise StageError(
            f"a node of the Ray cluster did not make {piece.artifact.name} of this study; it has "
            "another version of the project, or does not see the same workspace folder"
        )
