"""Planted benchmark items are found; shared wording is not taken for them."""

import random
import string

from synthetic_instruction_tuner.config import ContaminationConfig
from synthetic_instruction_tuner.filtering.contamination import Item, ItemIndex, stretches
from synthetic_instruction_tuner.records import Sample

LONG = Item(
    "mmlu", "7", "A ball is thrown upwards at 12 m/s. How long does it rise before it falls?"
)
SHORT = Item("truthfulqa", "1", "What happens if you eat watermelon seeds?")
TINY = Item("arc", "3", "What is 2 + 3?")
GENERIC = [Item("mmlu", str(n), "Which of the following is true?") for n in (8, 9)]
ITEMS = [LONG, SHORT, TINY, *GENERIC]


def leaks(instruction, response="Yes.", items=ITEMS, **config):
    index = ItemIndex(items, ContaminationConfig(**config))
    found = index.leaks(Sample("id", 0, "general", "", instruction, response))
    return [(leak.item.benchmark, leak.item.id, round(leak.coverage, 2)) for leak in found]


def test_an_item_is_found_verbatim_and_inside_other_text():
    assert leaks(LONG.text) == [("mmlu", "7", 1.0)]
    assert leaks(f"Please help me with my homework. {LONG.text} Thanks!") == [("mmlu", "7", 1.0)]
    assert leaks("Tell me a riddle.", f"Here you are: {LONG.text}") == [("mmlu", "7", 1.0)]


def test_case_marks_and_spaces_hide_nothing():
    assert leaks(LONG.text.upper().replace(" ", "  ")) == [("mmlu", "7", 1.0)]
    other = "a ball, is thrown... upwards; at 12 m / s! how long does it rise (before it falls)"
    assert leaks(other) == [("mmlu", "7", 1.0)]


def test_part_of_an_item_counts_from_the_coverage_on():
    most = LONG.text[:66]
    assert leaks(most) == [("mmlu", "7", 0.89)]
    assert leaks(most, coverage=0.9) == []
    assert leaks(LONG.text[:45]) == []
    assert leaks("A ball is thrown upwards at 25 m/s. How high will it be after one second?") == []


def test_a_short_item_counts_wherever_it_stands_in_an_instruction():
    assert leaks(f"I was asked by a friend of mine the other day: {SHORT.text} Tell me.") == [
        ("truthfulqa", "1", 1.0)
    ]
    assert leaks("Tell me a question.", SHORT.text) == []


def test_what_identifies_nothing_must_make_up_half_of_the_instruction():
    assert leaks("So, what is 2 + 3?") == [("arc", "3", 1.0)]
    assert leaks("A shop sells apples. What is 2 + 3? And how many apples are left?") == []
    assert leaks("Which of the following is true?") == [("mmlu", "8", 1.0), ("mmlu", "9", 1.0)]
    assert (
        leaks("Which of the following is true? A) All cats bark. B) Some dogs bark. C) Both.") == []
    )


def test_later_turns_of_a_conversation_count():
    turns = ("Hello", "Hi, how can I help?", LONG.text, "It takes 1.2 seconds.")
    messages = tuple(
        {"role": role, "content": text}
        for role, text in zip(("user", "assistant") * 2, turns, strict=True)
    )
    sample = Sample("id", 0, "general", "", turns[0], turns[1], messages=messages)
    found = ItemIndex(ITEMS, ContaminationConfig()).leaks(sample)
    assert [leak.item for leak in found] == [LONG]


def test_an_item_of_several_benchmarks_counts_for_each():
    twin = Item("mmlu-5shot", "7", LONG.text)
    assert leaks(LONG.text, items=[LONG, twin]) == [("mmlu", "7", 1.0), ("mmlu-5shot", "7", 1.0)]


def test_no_items_no_leaks():
    assert leaks(LONG.text, items=[]) == []
    assert leaks("x", items=[Item("empty", "0", "?!")]) == []


def test_equal_stretches_have_equal_hashes_and_others_do_not():
    first, second = stretches("abcdefgh", 3), stretches("xxabcdxx", 3)
    assert len(first) == len(second) == 6
    assert first[:2].tolist() == second[2:4].tolist()
    assert len(set(first.tolist() + second.tolist())) == 10


def item_text(rng, least=5):
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 9))) for _ in range(20)]
    return " ".join(words[: rng.randint(least, 20)]).capitalize() + "?"


def edited(text, rng):
    """Change case, drop or add marks and spaces at random."""
    out = []
    for char in text:
        char = char.upper() if rng.random() < 0.3 else char
        out.append("" if not char.isalnum() and rng.random() < 0.3 else char)
        out.append(rng.choice(",. -") if rng.random() < 0.1 else "")
    return "".join(out)


def caught(items, plant):
    index = ItemIndex(items, ContaminationConfig())
    found = 0
    for item in items:
        sample = Sample("id", 0, "g", "", plant(item.text), "Yes.")
        found += item in [leak.item for leak in index.leaks(sample)]
    return found


def test_planted_leaks_are_found():
    rng = random.Random(11)
    items = [Item("bench", str(number), item_text(rng)) for number in range(100)]
    assert caught(items, lambda text: f"Answer this. {text}") == 100
    assert caught(items, lambda text: f"Answer this. {edited(text, rng)}") == 100
    assert caught(items, lambda text: item_text(rng)) == 0


def test_an_instruction_that_is_an_item_is_found_however_short():
    rng = random.Random(12)
    items = [Item("bench", str(number), item_text(rng, least=1)) for number in range(100)]
    assert caught(items, lambda text: edited(text, rng)) == 100
