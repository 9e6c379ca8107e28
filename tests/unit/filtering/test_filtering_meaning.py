"""Rows in other words: cosine pairs, and what the decision makes of them."""

import numpy as np

from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.filtering import embeddings
from synthetic_instruction_tuner.filtering.decision import decide
from synthetic_instruction_tuner.filtering.embeddings import close_pairs
from synthetic_instruction_tuner.filtering.statistics import funnel
from synthetic_instruction_tuner.records import Sample

ANSWER = "It depends on where you are and on the time that you have, so look closely first."
ASKED = [
    "Why is the sky blue during the day?",
    "What makes daytime heavens appear azure?",
    "How do I bake bread without any yeast?",
    "Which rivers flow through the city of Vienna?",
    "Name three uses of copper in a house.",
    "When was the first bicycle built, and by whom?",
]


def unit(*values):
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_close_vectors_are_pairs_whatever_the_blocks(monkeypatch):
    vectors = np.stack([unit(1, 0), unit(3, 4), unit(0, 1), unit(1, 0.1)])
    expected = [(0, 1, 0.6), (0, 3, 0.995), (1, 2, 0.8), (1, 3, 0.6766)]
    for rows in (2048, 1, 3):
        monkeypatch.setattr(embeddings, "BLOCK_ROWS", rows)
        found = close_pairs(vectors, 0.59)
        columns = (column.tolist() for column in found)
        listed = [(a, b, round(value, 4)) for a, b, value in zip(*columns, strict=True)]
        assert listed == expected
    assert len(close_pairs(vectors[:0], 0.5).left) == 0


def test_the_worse_of_two_rows_with_one_meaning_goes_and_names_the_other():
    rows = [Sample(f"id{n}", n, "general", "", text, ANSWER) for n, text in enumerate(ASKED)]

    def embed(texts):
        same = {ASKED[0], ASKED[1]}
        return np.stack(
            [unit(*(1.0 if n == (0 if text in same else ASKED.index(text)) else 0.01
                    for n in range(6))) for text in texts]
        )  # fmt: skip

    decision = decide(rows, FilteringConfig(), [], 42, embed=embed)
    [gone] = decision.rejected
    assert (gone.rule, gone.threshold, gone.similarity) == ("same_meaning", 0.95, 1.0)
    assert {gone.id, gone.survivor} == {"id0", "id1"}
    assert len(decision.kept) == 5
    steps = {one["step"]: one["rejected"] for one in funnel(decision)}
    assert steps["same_meaning"] == 1
    assert len(decide(rows, FilteringConfig(), [], 42).kept) == 6
