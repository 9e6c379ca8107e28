"""The quality score: each part by hand, and rising with every part."""

import pytest

from synthetic_instruction_tuner.filtering.quality import (
    Parts,
    completeness,
    distinct_share,
    is_request,
    length_mark,
    parts,
    quality,
    readable_share,
    score,
)
from synthetic_instruction_tuner.records import Sample


def row(instruction, response, **more):
    return Sample("id", 0, "general", "", instruction, response, **more)


def test_a_row_computed_by_hand():
    sample = row("Name five rivers of Europe.", " ".join(f"word{n}" for n in range(25)))
    assert parts(sample) == Parts(
        request=1.0,
        instruction_length=0.5,  # 5 of 10 words
        response_length=0.5,  # 25 of 50 words
        variety=1.0,
        readability=1.0,
        completeness=1.0,
    )
    assert quality(sample) == round(5 / 6, 4)


def test_full_marks_and_none():
    good = row("Please " + "explain this " * 10, " ".join(f"w{n}" for n in range(100)) + ".")
    assert quality(good) == 1.0
    assert score(Parts(0, 0, 0, 0, 0, 0)) == 0.0


@pytest.mark.parametrize("part", range(6))
def test_the_score_rises_with_every_part(part):
    low = [0.5] * 6
    scores = []
    for value in (0.0, 0.2, 0.5, 0.9, 1.0):
        low[part] = value
        scores.append(score(Parts(*low)))
    assert scores == sorted(scores)
    assert len(set(scores)) == 5


def test_length_marks():
    assert [length_mark(("word " * n,), (10, 100)) for n in (0, 5, 10, 100, 200)] == [
        0.0, 0.5, 1.0, 1.0, 0.5,
    ]  # fmt: skip
    assert length_mark(("one two", "one two three four"), (6, 9)) == 0.5
    assert length_mark((), (6, 9)) == 0.0


def test_requests():
    asking = ["Who are you?", "List the planets.", "I like tea. Recommend a kind.", "- Add 2 and 3"]
    telling = ["The sky is blue.", "x^2 + 1", "...", ""]
    assert [is_request(text) for text in asking] == [True] * 4
    assert [is_request(text) for text in telling] == [False] * 4


def test_variety_readability_completeness():
    assert distinct_share(["a", "b", "c", "a", "b", "c"]) == 3 / 4
    assert distinct_share(["a", "b"]) == 1.0
    assert readable_share("ab\ufffd\u200b") == 0.5
    assert readable_share("Café, 3 × 4 = 12!") == pytest.approx(16 / 17)
    assert completeness(row("a", "b", response_finish="length")) == 0.0
    assert completeness(row("a", "b", response_finish="imported")) == 0.5
    assert completeness(row("a", "b.", response_finish="imported")) == 1.0
