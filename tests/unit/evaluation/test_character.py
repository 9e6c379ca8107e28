"""The character of answers, on texts one can count by hand."""

import pytest

from synthetic_instruction_tuner.evaluation import character


def test_words_and_sentences() -> None:
    assert character.words("It's well-made, isn't it? 42!") == [
        "it's", "well-made", "isn't", "it", "42",
    ]  # fmt: skip
    assert character.sentences("First this. Then that!\nDone") == 3
    assert character.sentences("...") == 0
    for one in ("It is 3.5 m long.", "See example.com now.", 'He said "Go!" and left.', "42."):
        assert character.sentences(one) == 1
    assert character.sentences("Dr. Smith, i.e. the cook, came.") == 1
    assert character.sentences('"Go!" (She left.) **Well?** yes.') == 4
    assert character.sentences("1. Rain is wet.\n2. Sun is dry.") == 2
    assert character.sentences("") == 0


def test_distinct_n_counts_grams_over_all_answers() -> None:
    tokens = [["a", "b", "a"], ["a", "b"]]
    assert character.distinct(tokens, 1) == 2 / 5
    assert character.distinct(tokens, 2) == 2 / 3  # ab, ba, ab
    assert character.distinct([["a"]], 2) is None


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m sorry, but no.", True),
        ("As an AI, I have no opinion.", True),
        ("Sorry to hear that! Try tea.", False),
        ("x" * 300 + " I cannot help", False),
        ("", False),
    ],
)
def test_refusals(text: str, refused: bool) -> None:
    assert character.refuses(text) is refused


def test_describe() -> None:
    found = character.describe(["One two. Three.", "", "One"])
    assert found == {
        "answers": 3,
        "words_mean": 4 / 3,
        "words_median": 1.0,
        "sentences_mean": 1.0,
        "vocabulary": 3,
        "distinct_1": 3 / 4,
        "distinct_2": 1.0,
        "refusal_share": 0.0,
        "empty_share": 1 / 3,
    }
