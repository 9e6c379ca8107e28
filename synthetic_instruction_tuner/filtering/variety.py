"""How varied rows are, by vectors of their texts: the Vendi score (arXiv 2210.02410)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.filtering.decision import Decision
from synthetic_instruction_tuner.filtering.embeddings import Embed, embedder
from synthetic_instruction_tuner.filtering.splits import TRAIN
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = 600
"""Rows of each group that are compared with each other, chosen by the hash of their id."""
ROUNDING = 1e-12
"""Eigenvalues up to this are zeros."""
Rows = Sequence[tuple[str, str]]
"""Id and instruction of each row."""


def sample(rows: Rows) -> list[str]:
    """Choose the instructions that stand for all."""
    return [text for _, text in sorted(rows, key=lambda row: digest(row[0]))[:SAMPLE]]


def vendi(vectors: NDArray[np.floating]) -> float:
    """Return the Vendi score: how many rows that share nothing would be as varied as these.

    Args:
        vectors: Unit vectors of shape (rows, width).
    """
    import numpy as np

    rows, width = vectors.shape
    wide = vectors if rows > width else vectors.T  # both products have the same eigenvalues
    values = np.linalg.eigvalsh((wide.T @ wide).astype(np.float64) / rows)
    values = values[values > ROUNDING]
    return round(float(np.exp(-(values * np.log(values)).sum())), 2)


def by_meaning(groups: Mapping[str, Rows], embed: Embed) -> dict[str, float]:
    """Return the Vendi score of each group of rows by a sentence encoder."""
    return {name: vendi(embed(sample(rows))) for name, rows in groups.items() if rows}


def describe(study: Study, samples: Sequence[Sample], decision: Decision) -> dict[str, object]:
    """Return how varied the rows are by meaning, where the study has an encoder."""
    encoder = study.config.filtering.duplicates.embedding
    if encoder is None:
        return {}
    kept = [(one.id, one.instruction) for one in decision.kept]
    names = {one.id for one in decision.kept if one.split == TRAIN}
    groups = {
        "raw": [(one.id, one.instruction) for one in samples],
        "kept": kept,
        "trained": [one for one in kept if one[0] in names],
    }
    return {"vendi_by_meaning": by_meaning(groups, embedder(encoder))}
