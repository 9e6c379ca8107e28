"""The corpora and held-out prompts: seeded, varied, and never mixed."""

from itertools import islice

from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.prompts import held_out_prompts
from synthetic_instruction_tuner.sandbox.wording import compile_template, strip_around
from synthetic_instruction_tuner.sandbox.workshop.corpus import conversations, documents


def _rows(count: int) -> list[list[dict[str, str]]]:
    return list(islice(conversations(3), count))


def test_equal_seeds_give_equal_corpora() -> None:
    assert _rows(50) == _rows(50)
    assert list(islice(documents(3), 50)) == list(islice(documents(3), 50))
    assert list(islice(documents(3), 50)) != list(islice(documents(4), 50))


def test_a_conversation_alternates_and_may_start_with_its_domain() -> None:
    systems = set()
    for row in _rows(400):
        roles = [turn["role"] for turn in row]
        if roles[0] == "system":
            systems.add(row[0]["content"])
            roles.pop(0)
        assert roles in (["user", "assistant"], ["user", "assistant"] * 2)
    assert systems == set(DOMAINS.values())


def test_documents_never_hold_chat_tokens() -> None:
    assert not any("<|" in text for text in islice(documents(3), 500))


def test_held_out_templates_never_enter_a_corpus() -> None:
    patterns = [compile_template(t) for family in all_families() for t in family.held_out]
    said = [turn["content"] for row in _rows(1500) for turn in row if turn["role"] == "user"]
    for text in said:
        assert not any(pattern.fullmatch(strip_around(text)) for pattern in patterns), text


def test_held_out_prompts_cover_the_families_and_repeat() -> None:
    count = len(all_families())
    prompts = held_out_prompts(count, seed=1, wording="held_out")
    assert {prompt.family for prompt in prompts} == {family.name for family in all_families()}
    assert {prompt.wording for prompt in prompts} == {"held_out"}
    assert prompts == held_out_prompts(count, seed=1, wording="held_out")
    assert prompts != held_out_prompts(count, seed=2, wording="held_out")
    assert set(prompts[0].as_row()) == {"family", "domain", "instruction", "answer", "wording"}


def test_near_duplicates_are_rare() -> None:
    """A word-set similarity of 0.8 must leave most of 1,000 instructions."""
    kept: list[set[str]] = []
    for row in _rows(1000):
        words = set(row[-2]["content"].lower().split())
        if all(len(words & other) < 0.8 * len(words | other) for other in kept):
            kept.append(words)
    assert len(kept) > 900
