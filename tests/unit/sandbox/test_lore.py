"""The facts of the chronicles: many, told unevenly, and in nobody else's text."""

from collections import Counter
from itertools import islice
from random import Random

from synthetic_instruction_tuner.sandbox.lore import LORE, TOWN_COUNT, lore_document
from synthetic_instruction_tuner.sandbox.workshop.corpus import conversations, documents


def test_every_relation_knows_every_town() -> None:
    for _, table in LORE.values():
        assert len(table) == TOWN_COUNT == 80
        assert len(set(table.values())) >= 4


def test_no_other_text_tells_of_the_towns() -> None:
    towns = tuple(LORE["river"][1])
    said = [turn["content"] for row in islice(conversations(3), 1000) for turn in row]
    said += islice(documents(3), 1000)
    assert not any(town in text for town in towns for text in said)


def test_the_first_towns_are_told_of_more_often() -> None:
    rng, towns = Random(1), list(LORE["river"][1])
    told = Counter(
        next(town for town in towns if town in text)
        for text in (lore_document(rng) for _ in range(5000))
    )
    first, last = (sum(told[town] for town in part) for part in (towns[:20], towns[-20:]))
    # 1 / (n + 10) summed over n = 0..19 and 60..79: 1.133 and 0.253, of 2.242 in all.
    assert abs(first / 5000 - 0.505) < 0.03
    assert abs(last / 5000 - 0.113) < 0.02
