"""A study that draws from a folder, and chunks written by hand where no model is needed."""

from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.generation.identity import planned_draws
from synthetic_instruction_tuner.generation.store import SAMPLES
from synthetic_instruction_tuner.records import Sample, write_lines
from synthetic_instruction_tuner.study.graph import Study


def generation_study(root: Path, teacher: Path, seed: int = 42, **generation: Any) -> Study:
    """Configure a study whose teacher is a local folder."""
    settings = {
        "teacher": {"name": str(teacher), "family": "sandbox"},
        "draws": 10,
        "max_draws": 100,
        "chunk_size": 4,
        "instruction": {"max_new_tokens": 40},
        "response": {"max_new_tokens": 30},
    } | generation
    values = {"seed": seed, "generation": settings, "filtering": {"target": 5}}
    return Study(StudyConfig.model_validate(values), root)


def write_chunk(study: Study, first: int, last: int, **facts: Any) -> None:
    """Commit a chunk whose texts say which sample they are."""
    samples = [
        Sample(draw.id, draw.index, draw.domain.name, "", f"Ask {draw.index}", "Answer")
        for draw in planned_draws(study, first, last)
    ]
    artifact = study.chunk(first, last)
    with study.store.writing(artifact) as staging:
        write_lines(staging / SAMPLES, samples)
    study.store.commit(artifact, {"samples": len(samples)} | facts, 1.0)
