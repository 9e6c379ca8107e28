"""Everything that reads texts of strangers: expressions, rules, parsers, checkers."""

import ast
import importlib
import pkgutil
import random
import re
from pathlib import Path

from support.hostile_text import patterns_of

import synthetic_instruction_tuner
from synthetic_instruction_tuner import text as views
from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.evaluation import character
from synthetic_instruction_tuner.evaluation.agents import matching, parsing
from synthetic_instruction_tuner.evaluation.instructions import constraints
from synthetic_instruction_tuner.filtering import quality
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import all_rules

ROOT = Path(synthetic_instruction_tuner.__file__).parent
TRUSTED = ("workshop", "vllm")
"""Rooms that read nothing but what comes with the project, and one that imports a heavy library."""
RULES = FilteringConfig().rules
TOOLS = [{"name": "move", "parameters": {"type": "object", "properties": {"to": {}}}}]


def modules():
    """Import the modules of the domain that read what others write."""
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
    """Return every expression of the project, with the place where it is written."""
    found = {}
    for module in modules():
        for name, pattern in (patterns_of(module) | inline_patterns(module)).items():
            if isinstance(pattern.pattern, str):
                where = module.__name__.removeprefix(f"{synthetic_instruction_tuner.__name__}.")
                found.setdefault(pattern, f"{where}: {name}")
    return found


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


def rule(name):
    """Return a rule as a function of a text that stands in both places of a row."""
    module = all_rules()[name]

    def check(text):
        for finish in ("stop", "imported"):
            row = Sample("id", 0, "d", "", text, text, response_finish=finish)
            module.check(row, getattr(RULES, name))

    return check


def checker(name):
    """Return the check of a constraint as a function of a text."""
    one = constraints.CONSTRAINTS[name]
    drawn = {"request": "x"} if name == "repeats_request" else one.draw(random.Random(0))
    return lambda text: one.check(text, **drawn)
