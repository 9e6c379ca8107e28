import pytest

from synthetic_instruction_tuner.generation.rows import BadRow, read_row

PAIR = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Hi", "output": "Hello"},
        {"instruction": " Hi\n", "response": "\tHello "},
        {"prompt": "Hi", "completion": "Hello"},
        {"prompt": PAIR[:1], "completion": PAIR[1:]},
        {"messages": PAIR},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        {"conversations": PAIR},
        {"messages": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]},
        {"instruction": "Hi", "input": " ", "output": "Hello"},
        {"instruction": "Hi", "output": "Hello", "messages": None},
    ],
)
def test_shapes(row):
    assert read_row(row) == ("", PAIR)


def test_alpaca_input_and_system_prompts():
    system, messages = read_row({"instruction": "Add.", "input": "1 2", "output": "3"})
    assert (system, messages[0]["content"]) == ("", "Add.\n\n1 2")
    turns = [{"role": "system", "content": "Be brief. "}, *PAIR]
    assert read_row({"messages": turns}) == ("Be brief.", PAIR)
    assert read_row({"instruction": "Hi", "output": "Hello", "system": "S"}) == ("S", PAIR)
    assert read_row({"conversations": PAIR, "system": " S"}) == ("S", PAIR)
    assert read_row({"messages": turns, "system_prompt": "S"}) == ("Be brief.", PAIR)


def test_several_turns():
    assert read_row({"messages": PAIR * 3})[1] == PAIR * 3


@pytest.mark.parametrize(
    ("row", "rule", "value"),
    [
        ([], "shape", "list"),
        (None, "shape", "NoneType"),
        ({}, "shape", "no fields"),
        ({"text": "x", "id": 1}, "shape", "text, id"),
        ({"instruction": 3, "output": "x"}, "type", "instruction is int"),
        ({"instruction": None, "output": "x"}, "type", "instruction is NoneType"),
        ({"instruction": "x", "output": float("nan")}, "type", "output is float"),
        ({"instruction": " \n", "output": "x"}, "empty_instruction", "message 1"),
        ({"instruction": "x", "output": ""}, "empty_response", "message 2"),
        (
            {"instruction": "\ud800", "output": "x"},
            "encoding",
            "instruction: surrogates not allowed",
        ),
        ({"messages": "Hi"}, "type", "str"),
        ({"messages": []}, "roles", "none"),
        ({"messages": PAIR[:1]}, "roles", "user"),
        ({"messages": PAIR[::-1]}, "roles", "assistant user"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "roles", "tool"),
        ({"messages": [{"role": "user"}]}, "type", "{'role': 'user'}"),
        ({"messages": ["Hi"]}, "type", "Hi"),
        ({"prompt": PAIR[:1], "completion": "Hello"}, "type", "str"),
        ({"messages": PAIR, "system": 3}, "type", "system is int"),
    ],
)
def test_bad_rows_say_what_is_wrong(row, rule, value):
    with pytest.raises(BadRow) as raised:
        read_row(row)
    assert (raised.value.rule, raised.value.value) == (rule, value)
    assert raised.value.expected
