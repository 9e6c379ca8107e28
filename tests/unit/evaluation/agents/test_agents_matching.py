import pytest

from synthetic_instruction_tuner.evaluation.agents.matching import as_number, same


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("62", "62"),
        ("62.0", "62"),
        (" 62. ", "62"),
        ("$1,234.50", "1234.5"),
        ("62 apples", "62"),
        ("about 45%", "45"),
        (62, "62"),
        ("Paris", "paris"),
        ("The cat", "cat"),
        ('"New York"', "new york"),
        ("**Ana**", "Ana"),
        ("Ana, Ben", "Ana; Ben"),
        ("[1, 2, 3]", "1, 2, 3"),
        ("Ana and Ben", "Ana, Ben"),
        ("5", 5),
        (5.0, 5),
        ([1, "two"], [1, "Two"]),
        ({"a": "1"}, {"a": 1}),
        (None, None),
        (True, True),
    ],
)
def test_same(given, right):
    assert same(given, right)


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("63", "62"),
        ("62 or 63", "62"),
        ("62 " + "words " * 50, "62"),
        ("162", "62"),
        ("6.2", "62"),
        ("-62", "62"),
        ("", "62"),
        ("", "Ana"),
        ("Anabel", "Ana"),
        ("Ana", "Ana, Ben"),
        ("Ben, Ana", "Ana, Ben"),
        (True, 1),
        (True, "1"),
        (1, True),
        (None, "None"),
        ([1], [1, 1]),
        ({"a": 1, "b": 2}, {"a": 1}),
        (10**400, 5),
        ("nan", "nan1"),
        (["62"], "62"),
    ],
)
def test_not_same(given, right):
    assert not same(given, right)


def test_what_is_a_number():
    assert [as_number(text) for text in ("1,000", "5%", ".5", "-3", "3.", "x", "", "1e5", "٣")] == [
        1000.0, 5.0, 0.5, -3.0, 3.0, None, None, None, 3.0,
    ]  # fmt: skip
