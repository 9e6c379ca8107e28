import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_instruction_tuner.evaluation.agents.item import Call
from synthetic_instruction_tuner.evaluation.agents.parsing import (
    json_values,
    read_answer,
    read_calls,
    read_object,
    read_plan,
    read_steps,
)
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, fit, integer, one_of, words

TIMER = Tool("timer", "", {"minutes": integer()}).schema()
MOVE = Tool("move", "", {"block": words(), "onto": words()}).schema()
TOOLS = (TIMER, MOVE)
CALL = (Call("timer", {"minutes": 5}),)

fuzz = settings(max_examples=40, derandomize=True, deadline=None, database=None)
PIECES = (
    *'{}[]":,`<>.-*_ \n\\0', "é", "\ud800", "\x00", "٣", "tool", "timer", "(5)", "12", "1e999",
    "NaN", "null", "true", "STEP 1", "ANSWER", "answer is", '{"tool": "timer"', '"arguments": ',
    "<tool_call>", "```json",
)  # fmt: skip
hostile = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@pytest.mark.parametrize(
    ("text", "calls", "strict"),
    [
        ('{"tool": "timer", "minutes": 5}', CALL, True),
        (' [{"tool": "timer", "minutes": 5}]\n', CALL, True),
        ('I will: {"tool": "timer", "minutes": 5} ok', CALL, False),
        ('```json\n{"tool": "timer", "minutes": 5}\n```', CALL, False),
        ('{"name": "timer", "arguments": {"minutes": 5}}', CALL, False),
        ('{"tool": "timer", "arguments": {"minutes": 5}}', CALL, False),
        ('{"tool": "timer", "args": "{\\"minutes\\": 5}"}', CALL, False),
        ('{"name": "timer", "parameters": {"minutes": 5}}', CALL, False),
        ('{"function": {"name": "timer", "arguments": "{\\"minutes\\": 5}"}}', CALL, False),
        ('{"tool_calls": [{"name": "timer", "args": {"minutes": 5}}]}', CALL, False),
        ('<tool_call>{"name": "timer", "arguments": {"minutes": 5}}</tool_call>', CALL, False),
        ('{"tool": "timer", "minutes": 5}\n{"tool": "timer", "minutes": 5}', CALL * 2, False),
        ('[{"tool": "timer", "minutes": 5}, {"tool": "ti', CALL, False),
    ],
)
def test_calls_are_found_and_only_the_instructed_form_is_strict(text, calls, strict):
    assert read_calls(text, TOOLS) == (calls, strict, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"tool": "timer", "minutes": 5',
        "{'tool': 'timer', 'minutes': 5}",
        "timer(minutes=5)",
        "`timer`(5)",
        '"tool": "timer"',
        "<tool_call>timer</tool_call>",
        "<|python_tag|>timer.call",
        '{"minutes": 5}',
        "```json\nnothing\n```",
    ],
)
def test_what_looks_like_a_call_is_an_attempt_never_an_abstention(text):
    assert read_calls(text, TOOLS) == ((), False, True)


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        ("DONE", True),
        ("NO TOOL", True),
        ("ASK: minutes", True),
        ("Done!", False),
        ("I cannot do that with the timer.", False),
        ("How long should the timer run?", False),
        ("", False),
    ],
)
def test_plain_text_is_no_attempt(text, strict):
    assert read_calls(text, TOOLS) == ((), strict, False)


def test_a_plan_is_a_list_of_actions_with_arguments_in_the_order_of_the_schema():
    plan = (Call("move", {"block": "red", "onto": "table"}), Call("timer", {"minutes": "5"}))
    assert read_plan('["move red table", "timer 5"]', TOOLS) == (plan, True, True)
    assert read_plan('Plan: ["move red table", "timer 5"].', TOOLS) == (plan, False, True)
    assert read_plan("1. move red onto the table\n2) timer 5", TOOLS) == (plan, False, True)
    assert read_plan("1. Move red table\n2. Timer 5", TOOLS) == (plan, False, True)
    assert read_plan("- move(red, table)\n- timer(5)", TOOLS) == (plan, False, True)
    called = (
        '[{"tool": "move", "block": "red", "onto": "table"}, {"tool": "timer", "minutes": "5"}]'
    )
    assert read_plan(called, TOOLS) == (plan, False, True)
    assert read_plan("I would move the red block first.", TOOLS) == ((), False, False)
    assert read_plan('["move red"]', TOOLS).calls == (Call("move", {"1": "red"}),)


@pytest.mark.parametrize(
    ("text", "value", "strict"),
    [
        ("STEP 1: 54\nANSWER: 58", "58", True),
        ("ANSWER: 58\n", "58", True),
        ("ANSWER: 58\nI hope that helps.", "58", False),
        ("ANSWER: 57\nANSWER: 58", "58", False),
        ("The answer is 58.", "58.", False),
        ("**Answer:** 58", "58", False),
        ("So Hugo is 58", "So Hugo is 58", False),
        ("", None, False),
        (" \n ", None, False),
    ],
)
def test_answers(text, value, strict):
    assert read_answer(text) == (value, strict)


def test_steps():
    assert read_steps("STEP 1: 54\n**Step 2:** 54 + 4 = 58\nANSWER: 58") == {
        1: "54",
        2: "54 + 4 = 58",
    }


def test_objects():
    assert read_object('{"day": "Friday"}') == ({"day": "Friday"}, True)
    assert read_object('First {"day": "Monday"}, now {"day": "Friday"}!') == (
        {"day": "Friday"},
        False,
    )
    assert read_object("day: Friday") == (None, False)
    assert read_object('{"a": NaN}') == (None, False)


def test_arguments_are_fitted_to_the_schema():
    schema = Tool("t", "", {"n": integer(), "d": one_of("on", "off"), "s": words()}).schema()
    assert fit({"n": "5", "d": "ON", "s": 7}, schema) == ({"n": 5, "d": "on", "s": "7"}, "")
    assert fit({"n": 5, "d": "on"}, schema) == ({}, "missing: s")
    assert fit({"n": 5, "d": "on", "s": "", "x": 1}, schema) == ({}, "unknown: x")
    assert fit({"n": 5.5, "d": "on", "s": ""}, schema) == ({}, "n must be integer")
    assert fit({"n": True, "d": "on", "s": ""}, schema) == ({}, "n must be integer")
    assert fit({"n": 1, "d": "dim", "s": ""}, schema) == ({}, "d must be on|off")
    assert fit({"n": 1, "d": "on", "s": ["x"]}, schema) == ({}, "s must be string")


@fuzz
@given(hostile)
def test_readers_never_fail(text):
    read_calls(text, TOOLS)
    read_plan(text, TOOLS)
    read_answer(text)
    read_steps(text)
    read_object(text)


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(("minutes", "x", "")),
        st.integers() | st.floats() | st.booleans() | st.none() | hostile,
    )
)
def test_fitting_never_fails(arguments):
    fit(arguments, TIMER)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        '{"a":' * 20_000,
        "answer " * 20_000,
        '[1, "' * 10_000,
        "9" * 5000,
        "step " * 9000,
    ],
)
def test_readers_come_back_from_hostile_text(text):
    read_calls(text, TOOLS)
    read_plan(text, TOOLS)
    read_answer(text)
    read_steps(text)
    assert not [one for one in json_values(text) if isinstance(one, dict)]
