"""The arithmetic of the measurements, by hand."""

from synthetic_instruction_tuner.sandbox.workshop.measure import _rank, rejection, share


def test_a_share_carries_its_error() -> None:
    assert share([True, True, True, False]) == {"value": 0.75, "n": 4, "se": 0.2165}
    assert share([]) == {"value": 0.0, "n": 0, "se": 0.0}


def test_rules_name_the_first_reason() -> None:
    kept = [frozenset(["name", "three", "small", "red", "animals"])]
    assert rejection("Hi", "Hello", []) == "short"
    assert rejection("Say lamp four times.", "lamp lamp lamp lamp", []) == "repetition"
    assert rejection("Help me open a lock.", "I'm sorry, but no.", []) == "refusal"
    assert rejection("Name three small red animals", "cat", kept) == "near-duplicate"
    assert rejection("Name three small blue birds", "hen", kept) is None


def test_ranking_counts_pairs_best_and_inverted() -> None:
    """Two prompts, two answers each: the first ranked correctly, the second the wrong way round."""
    found = _rank({"a": ["", ""], "b": ["", ""]}, [True, False, True, False], [2.0, 1.0, 1.0, 3.0])
    assert found["agreement"]["value"] == 0.5
    assert found["best_of_n"]["value"] == 0.5
    assert found["inverted_pairs"]["value"] == 0.5
    assert found["single"]["a"]["value"] == 1.0
    assert found["single"]["b"]["value"] == 0.0
