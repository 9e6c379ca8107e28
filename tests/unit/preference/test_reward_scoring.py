"""Scoring without a model: a stand-in that scores a text by its words."""

import math

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.preference.scoring import score_all
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Response
from synthetic_instruction_tuner.storage.journal import Journal


class Killed(Exception):
    pass


class WordCounter:
    """Gives a text its number of words; dies in the batch it is told to."""

    name = "words"
    halvings = 0
    step = 0.0

    def __init__(self, dies_in=None, bad=None):
        self.batches = []
        self._dies_in, self._bad = dies_in, bad

    def encode(self, prompt, response):
        return {"input_ids": [len(response)] * len(response.split())}, False

    def score(self, rows):
        if self._dies_in == len(self.batches):
            raise Killed
        self.batches.append([len(row["input_ids"]) for row in rows])
        return [self._bad if self._bad is not None else float(n) for n in self.batches[-1]]


RESPONSES = [
    Response(f"id{n}", f"e{n}", "a", "Count.", " ".join(["w"] * n), "stop", n) for n in range(1, 9)
]
BATCHES = [[8, 7], [6, 5], [4, 3, 2, 1]]  # of at most 16 tokens, padding included


def rewards(journal):
    return {key: one for line in journal.read() for key, one in line.get("rewards", {}).items()}


def test_all_are_scored_in_batches_of_similar_length(tmp_path):
    journal, scorer = Journal(tmp_path / "journal"), WordCounter()
    score_all(RESPONSES, scorer, 16, journal, Silent())
    assert scorer.batches == BATCHES
    assert rewards(journal) == {f"id{n}": float(n) for n in range(1, 9)}
    assert journal.read()[-1] == {
        "format": "words",
        "batches": 3,
        "tokens": 36,
        "padding_share": round(1 - 36 / (16 + 12 + 16), 4),
        "cut": 0,
        "halvings": 0,
    }


@pytest.mark.parametrize("dies_in", [0, 1, 2])
def test_after_a_kill_only_the_batch_it_died_in_is_repeated(tmp_path, dies_in):
    undisturbed = Journal(tmp_path / "undisturbed")
    score_all(RESPONSES, WordCounter(), 16, undisturbed, Silent())
    journal = Journal(tmp_path / "journal")
    with pytest.raises(Killed):
        score_all(RESPONSES, WordCounter(dies_in), 16, journal, Silent())
    second = WordCounter()
    score_all(RESPONSES, second, 16, journal, Silent())
    assert second.batches == BATCHES[dies_in:]  # the very batches, so the very numbers
    assert rewards(journal) == rewards(undisturbed)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_reward_that_is_no_number_names_its_row(tmp_path, bad):
    with pytest.raises(StageError, match=r"id8 of 'a' to example e8.*float32"):
        score_all(RESPONSES, WordCounter(bad=bad), 16, Journal(tmp_path / "j"), Silent())
    assert not (tmp_path / "j").exists()
