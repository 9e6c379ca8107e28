"""Every constraint has responses that obey it and responses that do not."""

import pytest

from synthetic_instruction_tuner.evaluation.instructions import drawing
from synthetic_instruction_tuner.evaluation.instructions.checks import REPEAT
from synthetic_instruction_tuner.evaluation.instructions.constraints import CONSTRAINTS
from synthetic_instruction_tuner.evaluation.instructions.kinds import KINDS, kind_of
from synthetic_instruction_tuner.evaluation.kinds import instructions as scoring

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"

# name: (settings, responses that obey, responses that do not)
FIXTURES = {
    "exact_sentences": (
        {"count": 2},
        ["It rains. I stay.", "Really? Yes!", "One line\nTwo lines"],
        ["It rains.", "A. B. C.", ""],
    ),
    "one_sentence": (
        {"count": 1},
        ["It rains today.", "Why", "Stop!", "Pi is 3.14 at example.org, Dr. Ho says."],
        ["It rains. I stay.", "", "One\nTwo"],
    ),
    "most_sentences": (
        {"count": 2},
        ["One.", "One. Two.", "Is it? Yes."],
        ["One. Two. Three.", "", "A\nB\nC"],
    ),
    "exact_lines": (
        {"count": 3},
        ["a\nb\nc", "a\n\nb\n\nc\n", " x \n y \n z "],
        ["a\nb", "a\nb\nc\nd", ""],
    ),
    "exact_paragraphs": (
        {"count": 2},
        ["One.\n\nTwo.", "a\nb\n\nc", "x\n \n\ny"],
        ["One.", "a\n\nb\n\nc", "a\nb"],
    ),
    "exact_words": (
        {"count": 3},
        ["one two three", "It's so well-made.", "Yes, no, maybe!"],
        ["one two", "one two three four", ""],
    ),
    "one_word": ({"count": 1}, ["Paris", "well-known.", "It's"], ["New York", "", "a b"]),
    "least_words": (
        {"count": 3},
        ["one two three", "a b c d", "one, two; three."],
        ["one two", "", "well-made thing"],
    ),
    "most_words": (
        {"count": 3},
        ["one", "one two three", "Yes, no!"],
        ["one two three four", "", "..."],
    ),
    "words_between": (
        {"low": 2, "high": 4},
        ["a b", "a b c", "a b c d"],
        ["a", "a b c d e", ""],
    ),
    "most_characters": (
        {"count": 10},
        ["short", "exactly 10", " 1234567890 "],
        ["eleven char", "", "a much longer answer"],
    ),
    "numbered_list": (
        {"count": 2},
        ["1. a\n2. b", "1) a\n2) b", "1. a\n\n2. b"],
        ["1. a\n3. b", "a\nb", "Sure:\n1. a\n2. b"],
    ),
    "bullet_list": (
        {"count": 2},
        ["- a\n- b", "– a\n– b", "- a\n\n- b"],
        ["- a", "- a\nb", "Here:\n- a\n- b", "* a\n* b", "• a\n• b"],
    ),
    "json_object": (
        {"keys": ["name", "size"]},
        [
            '{"name": 1, "size": 2}',
            '```json\n{"size": "x", "name": []}\n```',
            '{"size":1,"name":2} ',
        ],
        [
            '{"name": 1}',
            '["name", "size"]',
            "name: 1, size: 2",
            '{"name": 1, "name": 2, "size": 3}',
            '{"name": NaN, "size": 3}',
            '{"name": ' * 50_000,
        ],
    ),
    "json_array": (
        {"count": 2},
        ["[1, 2]", '["a", {"b": 1}]', "```\n[1,\n2]\n```"],
        ["[1]", "1, 2", '{"a": 1, "b": 2}', "[1, Infinity]", "[" * 100_000],
    ),
    "comma_separated": (
        {"count": 3},
        ["a, b, c", "red, green, dark blue.", "1,2,3"],
        ["a, b", "a, b,", "a,\nb, c"],
    ),
    "table_columns": (
        {"count": 2},
        [TABLE, TABLE + "\n| 3 | 4 |", "| x | y |\n| :- | -: |\n| 1 | 2 |"],
        [
            "a | b",
            "| a | b |\n|---|---|",
            TABLE.replace("| 2 |", "| 2 | 3 |"),
            "Here it is:\n" + TABLE,
            TABLE + "\nDone.",
        ],
    ),
    "code_block": (
        {},
        ["```\nx = 1\n```", "```c++\nmain();\n```", "\n```\na\nb\n```\n"],
        ["x = 1", "Here:\n```\nx\n```", "```\na\n```\n```\nb\n```"],
    ),
    "yes_or_no": (
        {"options": ["yes", "no"]},
        ["yes", "No.", " YES "],
        ["yes, it is", "maybe", "yes no", "agree"],
    ),
    "agree_or_disagree": (
        {"options": ["agree", "disagree"]},
        ["agree", "Disagree.", " AGREE "],
        ["I agree", "yes", "agree, disagree"],
    ),
    "bracketed_title": (
        {},
        ["<<Rain>>\nIt rains.", "<<A b>>\n\nText", " <<x>> \ny"],
        ["<<Rain>>", "Rain\nIt rains.", "It rains.\n<<Rain>>"],
    ),
    "first_word": (
        {"word": "today"},
        ["Today it rains.", "today", '"Today", she said.'],
        ["It rains today.", "", "Todays news"],
    ),
    "repeats_request": (
        {"request": "Say hello."},
        ["Say hello. Hello!", "Say hello.\nHi there", " Say hello. Good morning"],
        [
            "Hello!",
            "Say hello.",
            "say hello. Hello!",
            "Say hello. ...",
            f"Say hello. {REPEAT}",
            f"Say hello. {REPEAT} Hello!",
        ],
    ),
    "in_quotes": (
        {},
        ['"Rain is good."', ' "a" ', '"one\ntwo"'],
        ["Rain", '"a" and "b"', '""', '"""', '""a""', '" "'],
    ),
    "last_phrase": (
        {"phrase": "The end."},
        ["It rained. The end.", "The end.", "x The end.\n"],
        ["The end. Bye.", "the end.", "The end"],
    ),
    "is_question": (
        {},
        ["Why?", "It rains. Do you mind?", "Really? "],
        ["Why.", "Why? Because.", ""],
    ),
    "postscript": (
        {},
        ["Hello.\nP.S. Bye.", "a\nb\nP.S. c", "x\n\nP.S. y\n"],
        ["Hello. P.S. Bye.", "P.S. Bye.", "Hello.\nP.S."],
    ),
    "two_answers": (
        {},
        ["a\n******\nb", "One.\n\n ****** \n\nTwo.", "x y\n******\nz"],
        ["a\n******\na", "a\n***\nb", "a\n******\n"],
    ),
    "highlighted": (
        {"count": 2},
        ["*a* and *b*", "*one two* then *three* *four*", "so *very* *good*."],
        ["*a* and b", "**a** and **b**", "* a * b *"],
    ),
    "placeholders": (
        {"count": 2},
        ["[name] and [place]", "Dear [name], [date] [time]", "[a][b]"],
        ["[name]", "(name) (place)", "[]  []"],
    ),
    "has_words": (
        {"keywords": ["river", "bread"]},
        ["Bread by the river.", "river, bread", "The RIVER and the bread!"],
        ["Bread by the rivers.", "river", ""],
    ),
    "lacks_words": (
        {"keywords": ["the", "is"]},
        ["Rain falls.", "This thesis", "Cats sleep"],
        ["The rain", "It IS", ""],
    ),
    "repeats_word": (
        {"word": "river", "count": 2},
        ["River, river.", "a river and the river", "RIVER river rivers"],
        ["river", "river river river", "rivers rivers"],
    ),
    "lower_case": ({}, ["rain falls.", "a 1", "été"], ["Rain", "", "123"]),
    "upper_case": ({}, ["RAIN FALLS.", "A 1", "ÉTÉ"], ["Rain", "", "123"]),
    "capital_words": (
        {"count": 2},
        ["RAIN and SUN", "A BIG, BIG cat", "ÉTÉ ÜBER alles"],
        ["RAIN falls", "A I", "Rain And Sun"],
    ),
    "no_commas": ({}, ["Rain; sun.", "a b", "1.5"], ["a, b", "", ","]),
    "no_digits": ({}, ["two cats", "a", "!?x"], ["2 cats", "", "a1"]),
    "exact_numbers": (
        {"count": 2},
        ["1 and 2", "12 cats, 3.5 dogs", "1,000 or 20"],
        ["1", "1 2 3", "one two"],
    ),
    "letter_at_most": (
        {"letter": "e", "count": 1},
        ["tea", "Cats", "E"],
        ["see", "Eve", ""],
    ),
    "line_initials": (
        {"count": 2, "letter": "s"},
        ["Sun\nsea", "so\n\nSay", " s\n s"],
        ["Sun\nrain", "sun", "s\ns\ns"],
    ),
}


def test_every_constraint_has_fixtures() -> None:
    assert set(FIXTURES) == set(CONSTRAINTS)
    assert len(CONSTRAINTS) >= 25
    assert all(len(good) >= 3 and len(bad) >= 3 for _, good, bad in FIXTURES.values())


@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_constraint(name: str) -> None:
    settings, good, bad = FIXTURES[name]
    constraint = {"name": name, "settings": settings}
    assert [text for text in good if not scoring.obeys(constraint, text)] == []
    assert [text for text in bad if scoring.obeys(constraint, text)] == []


def test_prompts_are_distinct_seeded_and_cover_every_constraint() -> None:
    prompts = drawing.draw(200, seed=7)
    assert len({one.text for one in prompts}) == len({one.id for one in prompts}) == 200
    assert prompts == drawing.draw(200, seed=7) != drawing.draw(200, seed=8)
    assert {one.cluster for one in prompts} == set(CONSTRAINTS)


def test_no_prompt_combines_constraints_of_one_group_or_more_than_one_whole() -> None:
    for prompt in drawing.draw(300, seed=3):
        groups = [CONSTRAINTS[one["name"]].group for one in prompt.data["constraints"]]
        assert len(set(groups)) == len(groups)
        assert "whole" not in groups or groups == ["whole"]


def test_a_request_to_be_repeated_is_what_stands_before_the_sentence_that_asks_for_it() -> None:
    found = [one for one in drawing.draw(200, seed=1) if one.cluster == "repeats_request"]
    assert found
    for one in found:
        request = one.data["constraints"][0]["settings"]["request"]
        assert one.text == f"{request} {REPEAT}"
        assert scoring.judge(one, f"{request} It is nice.")[0]["accuracy"] == 1.0
        assert scoring.judge(one, f"{one.text} It is nice.")[0]["accuracy"] == 0.0


def test_yes_and_no_are_asked_of_questions_and_agreement_of_claims() -> None:
    found = [one for seed in range(3) for one in drawing.draw(200, seed)]
    asked = {one.cluster: set() for one in found}
    for one in found:
        asked[one.cluster].add(one.text)
    assert all("? Answer with nothing but yes or no." in text for text in asked["yes_or_no"])
    claims = asked["agree_or_disagree"]
    assert all(". Answer with nothing but agree or disagree." in text for text in claims)
    assert not any("?" in text for text in claims)


def test_every_constraint_is_about_something_and_no_other_name_is() -> None:
    assert set(KINDS) <= set(CONSTRAINTS)
    assert {kind_of(name) for name in CONSTRAINTS} == {"length", "form", "words and signs"}
    assert kind_of("length_constraints:number_words") == "length constraints"


def test_all_some_and_loosely_obeyed() -> None:
    prompt = drawing.prompts.make(
        "instructions",
        "lower_case",
        "Write two lines in lower case.",
        {
            "constraints": [
                {"name": "lower_case", "settings": {}},
                {"name": "exact_lines", "settings": {"count": 2}},
            ]
        },
    )
    scores, detail = scoring.judge(prompt, "rain\nsun")
    assert scores == {"accuracy": 1.0, "constraint_accuracy": 1.0, "accuracy_loose": 1.0}
    scores, detail = scoring.judge(prompt, "Sure, here:\nrain\nsun")
    assert scores == {"accuracy": 0.0, "constraint_accuracy": 0.0, "accuracy_loose": 1.0}
    scores, detail = scoring.judge(prompt, "Rain\nsun")
    assert scores["constraint_accuracy"] == 0.5
    assert detail == {"obeyed": {"lower_case": False, "exact_lines": True}, "right": False}
    assert scoring.judge(prompt, "")[0]["accuracy_loose"] == 0.0
