"""Whatever a model or an imported row says is read in time proportional to its length.

Texts of 20,000 characters are made from each expression's own alphabet. What is looked at is how
the time grows between 10,000 and 20,000 characters: twice for linear work, four times for a square.
"""

import random
import re

import pytest
from support.hostile_text import patterns_of, slow_growth
from support.text_readers import READERS, all_patterns, checker, inline_patterns, rule

from synthetic_instruction_tuner import text as views
from synthetic_instruction_tuner.evaluation.instructions import checks, constraints
from synthetic_instruction_tuner.generation.importing import LONGEST_ROW, import_row
from synthetic_instruction_tuner.records import Rejection, Sample
from synthetic_instruction_tuner.rules import all_rules, self_answering


@pytest.mark.parametrize("pattern", all_patterns(), ids=all_patterns().get)
def test_every_pattern_is_linear(pattern):
    assert slow_growth(pattern.search, [pattern]) is None
    assert slow_growth(lambda text: pattern.sub("", text), [pattern], seed=1) is None


@pytest.mark.parametrize("name", all_rules())
def test_every_rule_is_linear(name):
    module = all_rules()[name]
    patterns = [*patterns_of(module).values(), re.compile("a{1,99}|[.] |Input:|\n")]

    assert slow_growth(rule(name), patterns) is None


@pytest.mark.parametrize("name", READERS)
def test_every_reader_is_linear(name):
    function, module = READERS[name]
    patterns = [*patterns_of(module).values(), re.compile(r'[{\["}]|, and |\u0301|\u0327|a')]
    assert slow_growth(function, patterns) is None


@pytest.mark.parametrize("name", constraints.CONSTRAINTS)
def test_every_checker_is_linear(name):
    patterns = [*patterns_of(checks).values(), *inline_patterns(checks).values()]
    patterns.append(re.compile(r'\|---\||"x|\n\n|[{\[]|[*]{6}\n'))
    assert slow_growth(checker(name), patterns) is None


def test_marks_that_pile_up_are_sorted_in_no_time():
    below, above = "\u0327", "\u0301"
    assert (
        slow_growth(
            lambda n: views.plain("a" + above * (len(n) // 2) + below * (len(n) // 2)),
            [re.compile("a")],
        )
        is None
    )
    word = "e\u0301\u0327" * 40 + "a" + above * 30
    assert views.plain(word) == "\u0229\u0301" * 40 + "\u00e1" + above * 29


def test_a_row_has_a_budget():
    assert isinstance(import_row("i", 0, {"instruction": "a", "output": "b" * 1000}), Sample)
    verdict = import_row("i", 0, {"instruction": "a", "output": "b" * LONGEST_ROW})
    assert isinstance(verdict, Rejection)
    assert (verdict.rule, verdict.value) == ("size", f"{LONGEST_ROW + 1} characters")
    assert verdict.threshold == f"at most {LONGEST_ROW} characters"


PLAIN_EXAMPLE = re.compile(
    r"^[^\w\n]*(?:Examples?|Sample|For example)\b[^\n]*\n?[^\n]*Input\b[^\n]*:"
    r".{0,500}?^[^\w\n]*(?:Sample )?Output\b[^\n]*(?:\n[^\w\n]*Explanation\b[^\n]*:)?",
    re.I | re.M | re.S,
)
"""What an example of input and output is, written plainly; it takes the cube of a text's length."""
OPENERS = (
    "",
    "",
    "- ",
    "x ",
    "Example 1: ",
    "Examples",
    "Sample ",
    "For example ",
    "Sample Output",
)
NAMES = (
    "",
    "x",
    "Input",
    "Input: 5",
    "Output: 6",
    "Inputs:",
    "Explanation",
    ": a: b",
    "word " * 60,
)


def test_examples_are_found_as_their_plain_definition_finds_them():
    rng, found = random.Random(7), 0
    for _ in range(4_000):
        lines = range(rng.randint(2, 9))
        text = "\n".join(rng.choice(OPENERS) + rng.choice(NAMES) for _ in lines)
        expected = PLAIN_EXAMPLE.sub(" ", text)
        found += expected != text
        assert self_answering.without_examples(text) == expected
    assert found > 100
