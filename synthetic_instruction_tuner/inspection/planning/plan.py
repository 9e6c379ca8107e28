"""The whole plan of a study on one GPU."""

from __future__ import annotations

from dataclasses import replace

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.inspection.planning import data
from synthetic_instruction_tuner.inspection.planning.arms import plan_arms
from synthetic_instruction_tuner.inspection.planning.gpus import BEST, SLOW, Gpu
from synthetic_instruction_tuner.inspection.planning.measuring import plan_evaluation
from synthetic_instruction_tuner.inspection.planning.row import Row


def plan(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan every stage of a study that loads a language model: at best, and as a slow run."""
    best, slow = (_rows(config, replace(gpu, pace=pace)) for pace in (BEST, SLOW))
    return [
        _on_host(replace(row, slow_seconds=other.seconds), gpu)
        for row, other in zip(best, slow, strict=True)
    ]


def _rows(config: StudyConfig, gpu: Gpu) -> list[Row]:
    return [
        *data.teacher(config, gpu),
        *data.pairs(config, gpu),
        *plan_arms(config, gpu),
        *plan_evaluation(config, gpu),
    ]


def _on_host(row: Row, gpu: Gpu) -> Row:
    if gpu.host is None or row.host_bytes <= gpu.host:
        return row
    return replace(row, fits=False, advice=f"needs a machine with more memory than {gpu.name}'s")
