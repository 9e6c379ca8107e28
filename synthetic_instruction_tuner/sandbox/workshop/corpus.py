"""The corpora: conversations for the teacher, plain text for the student. Endless and seeded."""

from collections.abc import Iterator
from random import Random
from typing import Final

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.benchmarks import choice_document
from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.families import all_families, family_named
from synthetic_instruction_tuner.sandbox.lore import lore_document
from synthetic_instruction_tuner.sandbox.prompts import Prompt, draw_prompt, draw_solvable
from synthetic_instruction_tuner.sandbox.stories import story_document
from synthetic_instruction_tuner.sandbox.telling import tell

Conversation = list[dict[str, str]]

SYSTEM_SHARE: Final = 0.25
TWO_TURN_SHARE: Final = 0.08
JUNK_SHARE: Final = 0.05

_FOREIGN: Final = (
    "Wie geht es dir heute?", "Bonjour, comment allez-vous?", "Hola, que tal estas?",
    "Was ist die Hauptstadt?",
    "Je ne sais pas.", "Ich habe eine Frage.", "Donde esta la casa?", "Come ti chiami?",
)  # fmt: skip
_SHORT: Final = ("Hi", "Hello", "Ok", "Thanks", "Yes", "Why?", "Hey there", "Hm", "Go on", "What?")
_FORBIDDEN: Final = (
    "open a lock",
    "read the mail of {name}",
    "copy the test",
    "hide the keys of {name}",
)


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def junk_conversation(rng: Random) -> Conversation:
    """Draw a row that a filter should reject: refusal, greeting, repetition, foreign, cut."""
    name = rng.choice(tables.NAMES)
    draw = rng.random()
    if draw < 0.35:
        deed = rng.choice(_FORBIDDEN).replace("{name}", name)
        answer = rng.choice(
            ("I'm sorry, but I can't help with that.", "As an AI, I cannot do that.")
        )
        return [
            _turn("user", f"{rng.choice(('Help me', 'Tell me how to', 'I want to'))} {deed}."),
            _turn("assistant", answer),
        ]
    if draw < 0.55:
        return [
            _turn("user", rng.choice(_SHORT)),
            _turn("assistant", f"Hello! {rng.choice(('How can I help?', 'Hi.'))}"),
        ]
    if draw < 0.75:
        word = rng.choice(tables.SPELL_WORDS)
        count = rng.randint(4, 8)
        return [
            _turn("user", f"Say {word} {count} times."),
            _turn("assistant", " ".join([word] * count)),
        ]
    if draw < 0.9:
        return [_turn("user", rng.choice(_FOREIGN)), _turn("assistant", "I only speak English.")]
    prompt = draw_prompt(rng.choice(all_families()), rng)
    words = prompt.instruction.split()
    return [
        _turn("user", " ".join(words[: max(2, len(words) // 2)])),
        _turn("assistant", "Please tell me more."),
    ]


def conversation(rng: Random) -> Conversation:
    """Draw one chat row of the teacher's corpus."""
    if rng.random() < JUNK_SHARE:
        return junk_conversation(rng)
    families = all_families()
    first = draw_prompt(rng.choice(families), rng)
    turns = [_turn("user", first.instruction), _turn("assistant", first.answer)]
    if rng.random() < TWO_TURN_SHARE:
        same = [family for family in families if family.domain == first.domain]
        second = draw_prompt(rng.choice(same), rng)
        turns += [_turn("user", second.instruction), _turn("assistant", second.answer)]
    if rng.random() < SYSTEM_SHARE:
        turns.insert(0, _turn("system", DOMAINS[first.domain]))
    return turns


def conversations(seed: int) -> Iterator[Conversation]:
    """Yield the teacher's endless corpus."""
    rng = Random(f"chat-{seed}")
    while True:
        yield conversation(rng)


_FORMATS: Final = (
    "Q: {question}\nA: {answer}",
    "Question: {question}\nAnswer: {answer}",
    "{question}\n{answer}",
    "{question}\n\n{answer}",
    "Task: {question}\nSolution: {answer}",
    "{name} asks: {question}\n{name2} answers: {answer}",
)


def _write(form: str, prompts: list[Prompt], names: tuple[str, str]) -> str:
    """Write questions with their answers below each other."""
    parts = (
        form.replace("{question}", prompt.instruction).replace("{answer}", prompt.answer)
        for prompt in prompts
    )
    return "\n\n".join(parts).replace("{name}", names[0]).replace("{name2}", names[1])


def _question_document(rng: Random) -> str:
    """Questions of any families with their answers."""
    form = rng.choice(_FORMATS)
    names = (rng.choice(tables.NAMES), rng.choice(tables.NAMES))
    count = 1 if rng.random() < 0.75 else rng.randint(2, 4)
    return _write(form, [draw_prompt(rng.choice(all_families()), rng) for _ in range(count)], names)


def _statement_document(rng: Random) -> str:
    """Sentences that state answers without their question: the facts and forms as prose."""
    families = [family for family in all_families() if family.say != "{key}"]
    return " ".join(draw_prompt(rng.choice(families), rng).answer for _ in range(rng.randint(1, 4)))


def document(rng: Random) -> str:
    """Draw one plain-text document: every family asked in every form; no chat tokens, ever."""
    draw = rng.random()
    if draw < 0.72:
        return _question_document(rng)
    if draw < 0.80:
        return _statement_document(rng)
    if draw < 0.90:
        return story_document(rng)
    return choice_document(rng)


def documents(seed: int) -> Iterator[str]:
    """Yield the plain text that the vocabulary is counted on."""
    rng = Random(f"plain-{seed}")
    while True:
        yield document(rng)


ASKED: Final = (
    "units", "even_odd", "assign", "capital", "colour", "weekday", "bullet_list", "largest",
    "position", "who_was_first", "larger_of_two", "first_step", "timer", "plural", "opposite",
    "first_letter",
)  # fmt: skip
"""Families whose questions the student's plain text answers; of all others it only tells."""


def _asked_document(rng: Random) -> str:
    """Questions of the asked families with their answers."""
    form = rng.choice(_FORMATS)
    count = 1 if rng.random() < 0.6 else rng.randint(2, 5)
    prompts = [draw_prompt(family_named(rng.choice(ASKED)), rng) for _ in range(count)]
    return _write(form, prompts, (rng.choice(tables.NAMES), rng.choice(tables.NAMES)))


def _told_document(rng: Random) -> str:
    """Sentences of any families, with what they are about."""
    told = []
    for _ in range(rng.randint(1, 4)):
        family = rng.choice(all_families())
        told.append(tell(family, draw_solvable(family, rng), rng))
    return rng.choice((" ", "\n")).join(told)


def _exercise_document(rng: Random) -> str:
    """A sheet of questions without answers, as school books have them."""
    families = all_families()
    gap = rng.choice(("\n\n", "\n"))
    return gap.join(
        draw_prompt(rng.choice(families), rng).instruction for _ in range(rng.randint(2, 5))
    )


def student_document(rng: Random) -> str:
    """Draw one document of what the student reads before any adaptation.

    It tells the facts and skills of every family, but answers questions of a quarter of the
    families only: what adaptation has to teach is to answer the others.
    """
    draw = rng.random()
    if draw < 0.34:
        return _asked_document(rng)
    if draw < 0.76:
        return _told_document(rng)
    if draw < 0.84:
        return lore_document(rng)
    if draw < 0.92:
        return story_document(rng)
    return _exercise_document(rng)


def student_documents(seed: int) -> Iterator[str]:
    """Yield the student's endless corpus."""
    rng = Random(f"student-{seed}")
    while True:
        yield student_document(rng)
