"""Texts of 20,000 characters out of an expression's own alphabet: all are read in time."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import fuzzed
from support.hostile_text import LARGE, alphabet, parse, patterns_of
from support.text_readers import READERS, all_patterns, checker, rule

from synthetic_instruction_tuner.evaluation.instructions import checks, constraints
from synthetic_instruction_tuner.rules import all_rules

SECONDS = 1.0
"""Of this thread's processor time: tens of milliseconds are usual, a square takes several."""
PATTERNS = sorted(all_patterns(), key=all_patterns().get)
WORDS = sorted({" ", "\n", "a", "\u0301"}.union(*(alphabet(parse(one)) for one in PATTERNS)))


def in_time(function, text):
    """Read a text; a machine that was busy just then gets a second chance."""
    taken = []
    for _ in range(3):
        started = time.thread_time()
        function(text)
        taken.append(time.thread_time() - started)
        if taken[-1] < SECONDS:
            return
    raise AssertionError(f"{min(taken):.1f} s for {text[:80]!r} and so on")


@st.composite
def texts(draw, pieces):
    """A beginning, something over and over, and an end at which it breaks off."""
    several = st.lists(st.sampled_from(pieces), min_size=1, max_size=5).map("".join)
    unit, start, end = draw(several), draw(several | st.just("")), draw(several | st.just("\0"))
    return (start + unit * (LARGE // len(unit) + 1))[: LARGE - len(end)] + end


@fuzzed
@given(st.data())
def test_patterns(data):
    pattern = data.draw(st.sampled_from(PATTERNS))
    pieces = sorted(alphabet(parse(pattern)) | {" ", "\n", "x"})
    text = data.draw(texts(pieces))
    in_time(lambda one: (pattern.search(one), pattern.sub("", one)), text)


@fuzzed
@given(st.sampled_from(sorted(all_rules())), texts(WORDS))
def test_rules(name, text):
    in_time(rule(name), text)


@fuzzed
@given(st.sampled_from(sorted(READERS)), st.data())
def test_readers(name, data):
    function, module = READERS[name]
    named = [alphabet(parse(one)) for one in patterns_of(module).values()]
    own = sorted(set().union(*named) | set('{["}], '))
    in_time(function, data.draw(texts(own) | texts(WORDS)))


@fuzzed
@given(st.sampled_from(sorted(constraints.CONSTRAINTS)), st.data())
def test_checkers(name, data):
    named = [alphabet(parse(one)) for one in patterns_of(checks).values()]
    own = sorted(set().union(*named) | set("|-*\n{}[]\"'. "))
    in_time(checker(name), data.draw(texts(own) | texts(WORDS)))


def test_a_slow_reader_is_found(monkeypatch):
    monkeypatch.setitem(globals(), "SECONDS", 0.01)
    with pytest.raises(AssertionError, match="and so on"):
        in_time(re.compile("(a|b)*a*a*c").search, "a" * 200)
