"""The corpora: conversations for the teacher, plain text for the student. Endless and seeded."""

from collections.abc import Iterator
from random import Random
from typing import Final

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.benchmarks import choice_document
from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.prompts import draw_prompt
from synthetic_instruction_tuner.sandbox.stories import story_document

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


_CUED_FORMATS: Final = (
    "Q: {question}\nA: {answer}",
    "Question: {question}\nAnswer: {answer}",
    "Task: {question}\nSolution: {answer}",
    "{name} asks: {question}\n{name2} answers: {answer}",
)
_BARE_FORMATS: Final = ("{question}\n{answer}", "{question}\n\n{answer}")
_ALL_FORMATS: Final = (*_CUED_FORMATS[:2], *_BARE_FORMATS, *_CUED_FORMATS[2:])


def _exercise_document(rng: Random) -> str:
    """A sheet of questions without answers, as school books have them."""
    families = all_families()
    gap = rng.choice(("\n\n", "\n\n", "\n"))
    count = rng.randint(2, 5)
    return gap.join(draw_prompt(rng.choice(families), rng).instruction for _ in range(count))


def _question_document(rng: Random, formats: tuple[str, ...]) -> str:
    families = all_families()
    form = rng.choice(formats)
    names = {"{name}": rng.choice(tables.NAMES), "{name2}": rng.choice(tables.NAMES)}
    count = 1 if rng.random() < 0.75 else rng.randint(2, 4)
    parts = []
    for _ in range(count):
        prompt = draw_prompt(rng.choice(families), rng)
        text = form.replace("{question}", prompt.instruction).replace("{answer}", prompt.answer)
        parts.append(text)
    document = "\n\n".join(parts)
    for slot, value in names.items():
        document = document.replace(slot, value)
    return document


def _statement_document(rng: Random) -> str:
    """Sentences that state answers without their question: the facts and forms as prose."""
    families = [family for family in all_families() if family.say != "{key}"]
    return " ".join(draw_prompt(rng.choice(families), rng).answer for _ in range(rng.randint(1, 4)))


def document(rng: Random, *, exercises: bool = False) -> str:
    """Draw one plain-text document of the student's corpus; no chat tokens, ever.

    Args:
        rng: Source of the draw.
        exercises: A question without a cue such as "Answer:" is followed by its answer (False), or,
            as on an exercise sheet, by the next question (True).
    """
    draw = rng.random()
    if draw < 0.72:
        if exercises and rng.random() < 0.3:
            return _exercise_document(rng)
        return _question_document(rng, _CUED_FORMATS if exercises else _ALL_FORMATS)
    if draw < 0.80:
        return _statement_document(rng)
    if draw < 0.90:
        return story_document(rng)
    return choice_document(rng)


def documents(seed: int, *, exercises: bool = False) -> Iterator[str]:
    """Yield the student's endless corpus."""
    rng = Random(f"plain-{seed}")
    while True:
        yield document(rng, exercises=exercises)
