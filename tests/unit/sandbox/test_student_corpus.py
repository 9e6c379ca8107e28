"""What the student reads: everything is told, a quarter of it is also asked."""

from itertools import islice
from random import Random

import pytest

from synthetic_instruction_tuner.sandbox.checking import check, family_of
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.prompts import draw_solvable
from synthetic_instruction_tuner.sandbox.telling import TOLD, tell
from synthetic_instruction_tuner.sandbox.wording import compile_template, strip_around
from synthetic_instruction_tuner.sandbox.workshop.corpus import ASKED, student_documents

CUES = (("Q: ", "\nA: "), ("Question: ", "\nAnswer: "), ("Task: ", "\nSolution: "))


def _asked(text: str) -> list[tuple[str, str]]:
    """Read the questions of a document that carry a cue, with their answers."""
    pairs = []
    for ask, answer in CUES:
        if text.startswith(ask):
            parts = [part.split(answer) for part in text.split("\n\n") if part.startswith(ask)]
            pairs += [(question.removeprefix(ask), said) for question, said in parts]
    return pairs


def test_only_asked_families_are_answered_and_correctly() -> None:
    pairs = [pair for text in islice(student_documents(3), 4000) for pair in _asked(text)]
    assert len(pairs) > 500
    assert {family_of(question) for question, _ in pairs} == set(ASKED)
    assert all(check(question, answer) is True for question, answer in pairs)


def test_every_domain_is_asked_and_most_families_are_not() -> None:
    families = all_families()
    assert set(ASKED) < {family.name for family in families}
    assert {f.domain for f in families if f.name in ASKED} == {f.domain for f in families}
    assert 0.2 < len(ASKED) / len(families) < 0.3


def test_equal_seeds_give_equal_documents() -> None:
    assert list(islice(student_documents(3), 50)) == list(islice(student_documents(3), 50))
    assert list(islice(student_documents(3), 50)) != list(islice(student_documents(4), 50))


def test_documents_hold_no_chat_tokens_and_no_held_out_wording() -> None:
    held_out = [compile_template(t) for family in all_families() for t in family.held_out]
    for text in islice(student_documents(5), 800):
        assert "<|" not in text
        for line in text.split("\n"):
            asked = strip_around(line.partition(": ")[2] or line)
            assert not any(pattern.fullmatch(asked) for pattern in held_out), line


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_a_statement_tells_the_answer_and_what_it_is_about(family: Family) -> None:
    rng = Random(family.name)
    for _ in range(20):
        slots = draw_solvable(family, rng)
        key = family.key(slots)
        said = tell(family, slots, rng)
        assert key is not None
        assert key in said
        assert "{" not in said.replace(key, "")
        assert "<" not in said.replace(key, "")
        assert family_of(said) is None
        if family.name in TOLD:
            assert len(said) > len(key) + 5


def test_what_has_no_answer_cannot_be_told() -> None:
    family = next(one for one in all_families() if one.name == "capital")
    with pytest.raises(ValueError, match="capital has no answer"):
        tell(family, {"proper": "Atlantis"}, Random(1))
