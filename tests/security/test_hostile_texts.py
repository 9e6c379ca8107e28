"""Whatever a model or an imported row says is read in time proportional to its length.

Texts of 20,000 characters are made from each expression's own alphabet. What is looked at is how
the time grows between 10,000 and 20,000 characters: twice for linear work, four times for a square.
"""

import ast
import importlib
import pkgutil
import random
import re
from pathlib import Path

import pytest
from support.hostile_text import patterns_of, slow_growth

import synthetic_instruction_tuner
from synthetic_instruction_tuner import text as views
from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.evaluation import character
from synthetic_instruction_tuner.evaluation.agents import matching, parsing
from synthetic_instruction_tuner.evaluation.instructions import checks, constraints
from synthetic_instruction_tuner.filtering import quality
from synthetic_instruction_tuner.generation.importing import LONGEST_ROW, _import_row
from synthetic_instruction_tuner.records import Rejection, Sample
from synthetic_instruction_tuner.rules import all_rules, self_answering

ROOT = Path(synthetic_instruction_tuner.__file__).parent
TRUSTED = ("workshop", "vllm")
"""Rooms that read nothing but what comes with the project, and one that imports a heavy library."""
TOOLS = [{"name": "move", "parameters": {"type": "object", "properties": {"to": {}}}}]


def modules():
    prefix = f"{synthetic_instruction_tuner.__name__}."
    for found in pkgutil.walk_packages([str(ROOT)], prefix):
        if not any(room in found.name for room in TRUSTED):
            yield importlib.import_module(found.name)


def inline_patterns(module):
    """Return the expressions that are written where they are used."""
    found = {}
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("re"), attr=used),
                args=[ast.Constant(str() as written), *_],
            ) if used != "compile":
                found[f"line {node.lineno}"] = re.compile(written)
    return found


def all_patterns():
    found = {}
    for module in modules():
        for name, pattern in (patterns_of(module) | inline_patterns(module)).items():
            if isinstance(pattern.pattern, str):
                where = module.__name__.removeprefix(f"{synthetic_instruction_tuner.__name__}.")
                found.setdefault(pattern, f"{where}: {name}")
    return [pytest.param(pattern, id=name) for pattern, name in found.items()]


@pytest.mark.parametrize("pattern", all_patterns())
def test_every_pattern_is_linear(pattern):
    assert slow_growth(pattern.search, [pattern]) is None
    assert slow_growth(lambda text: pattern.sub("", text), [pattern], seed=1) is None


RULES = FilteringConfig().rules


@pytest.mark.parametrize("name", all_rules())
def test_every_rule_is_linear(name):
    module = all_rules()[name]
    patterns = [*patterns_of(module).values(), re.compile("a{1,99}|[.] |Input:|\n")]

    def check(text):
        for finish in ("stop", "imported"):
            row = Sample("id", 0, "d", "", text, text, response_finish=finish)
            module.check(row, getattr(RULES, name))

    assert slow_growth(check, patterns) is None


READERS = {
    "calls": (lambda text: parsing.read_calls(text, TOOLS), parsing),
    "plan": (lambda text: parsing.read_plan(text, TOOLS), parsing),
    "answer": (parsing.read_answer, parsing),
    "steps": (parsing.read_steps, parsing),
    "object": (parsing.read_object, parsing),
    "same text": (lambda text: matching.same(text, "a, b"), matching),
    "same number": (lambda text: matching.same(text, "12"), matching),
    "character": (lambda text: character.describe([text]), character),
    "quality": (lambda text: quality.parts(Sample("i", 0, "d", "", text, text)), quality),
    "plain": (views.plain, views),
    "squeezed": (views.squeezed, views),
    "comparison words": (views.comparison_words, views),
    "quotations": (views.without_quotations, views),
    "letters": (views.alphabetic_words, views),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_is_linear(name):
    function, module = READERS[name]
    patterns = [*patterns_of(module).values(), re.compile(r'[{\["}]|, and |\u0301|\u0327|a')]
    assert slow_growth(function, patterns) is None


@pytest.mark.parametrize("name", constraints.CONSTRAINTS)
def test_every_checker_is_linear(name):
    one = constraints.CONSTRAINTS[name]
    drawn = {"request": "x"} if name == "repeats_request" else one.draw(random.Random(0))
    patterns = [*patterns_of(checks).values(), *inline_patterns(checks).values()]
    patterns.append(re.compile(r'\|---\||"x|\n\n|[{\[]|[*]{6}\n'))
    assert slow_growth(lambda text: one.check(text, **drawn), patterns) is None


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
    assert isinstance(_import_row("i", 0, {"instruction": "a", "output": "b" * 1000}), Sample)
    verdict = _import_row("i", 0, {"instruction": "a", "output": "b" * LONGEST_ROW})
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
