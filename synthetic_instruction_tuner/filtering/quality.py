"""Quality score of a row: 0..1, the mean of six parts that anyone can recompute by hand.

The parts are heuristics of form, not of truth: they rank rows that passed the rules and decide
which of several near-duplicates stays. The score rises with every part and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.text import alphabetic_words, count_words

INSTRUCTION_WORDS = (10, 150)
RESPONSE_WORDS = (50, 500)
"""Full marks between these word counts (the study's specification of mean lengths)."""
GRAM = 3
REQUESTS = frozenset((
    "add", "am", "analyse", "analyze", "answer", "are", "arrange", "ask", "break", "bring", "build",
    "calculate", "can", "change", "check", "choose", "classify", "combine", "compare", "complete",
    "compose", "compute", "consider", "convert", "correct", "could", "count", "create", "define",
    "derive", "describe", "design", "determine", "develop", "did", "discuss", "do", "does", "draft",
    "edit", "estimate", "evaluate", "examine", "explain", "extract", "fill", "find", "fix",
    "format", "generate", "get", "give", "go", "has", "have", "help", "how", "identify", "if",
    "imagine", "implement", "improve", "is", "let", "list", "make", "may", "merge", "might", "name",
    "outline", "paraphrase", "perform", "pick", "plan", "please", "predict", "prepare", "present",
    "print", "propose", "prove", "provide", "put", "rank", "recommend", "remove", "rephrase",
    "replace", "reverse", "rewrite", "say", "select", "set", "shall", "should", "show", "simplify",
    "solve", "sort", "spell", "split", "start", "state", "suggest", "sum", "summarise", "summarize",
    "take", "tell", "transform", "translate", "turn", "use", "was", "were", "what", "when", "where",
    "which", "who", "whom", "whose", "why", "will", "work", "would", "write",
))  # fmt: skip
"""Words that open a request or a question."""
WISH = re.compile(
    r"\b(?:please|can you|could you|would you|i need|i want|i would like|i'd like|help me|how (?:to"
    r"|do|can)|wants?|needs?)\b",
    re.IGNORECASE,
)
UNREADABLE = re.compile(r"[^\w\s!-~]")
ENDING = tuple(".!?)]}\"'”’`|$>*")


class Parts(NamedTuple):
    """The parts of the score, each 0..1.

    Attributes:
        request: 1 if the instruction asks (question mark, request word, wish), else 0.5.
        instruction_length: Nearness to 10..150 words: words/10 below, 150/words above.
        response_length: The same for 50..500 words.
        variety: Share of the response's word trigrams that are distinct.
        readability: Share of characters that are letters, digits, spaces or ASCII marks.
        completeness: 1 if the model ended both texts, or if imported text ends like text;
            0.5 if imported text does not; 0 if a text was cut.
    """

    request: float
    instruction_length: float
    response_length: float
    variety: float
    readability: float
    completeness: float


def quality(sample: Sample) -> float:
    """Score a row, rounded to four digits so that equal texts tie on every machine."""
    return round(score(parts(sample)), 4)


def score(found: Parts) -> float:
    """Return the mean of the parts."""
    return sum(found) / len(found)


def parts(sample: Sample) -> Parts:
    """Measure the parts; a conversation counts by the mean length of its turns."""
    asked, said = sample.user_turns, sample.assistant_turns
    response = "\n".join(said)
    return Parts(
        request=1.0 if is_request(sample.instruction) else 0.5,
        instruction_length=length_mark(asked, INSTRUCTION_WORDS),
        response_length=length_mark(said, RESPONSE_WORDS),
        variety=distinct_share(response.casefold().split()),
        readability=readable_share("\n".join((*asked, *said))),
        completeness=completeness(sample),
    )


def is_request(instruction: str) -> bool:
    """Tell whether an instruction asks for something."""
    if "?" in instruction or WISH.search(instruction):
        return True
    sentences = re.split(r"[.!:\n]\s*", instruction.casefold())
    return any(words[0] in REQUESTS for words in map(alphabetic_words, sentences) if words)


def length_mark(turns: Sequence[str], bounds: tuple[int, int]) -> float:
    """Return 1 for a mean length within the bounds, less in proportion outside."""
    words = sum(map(count_words, turns)) / len(turns) if turns else 0.0
    low, high = bounds
    return min(words / low, 1.0) if words < high else high / words


def distinct_share(words: Sequence[str]) -> float:
    """Return the share of trigrams that are distinct; 1 for texts too short to have two."""
    grams = [tuple(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def readable_share(text: str) -> float:
    """Return the share of characters that are letters, digits, white space or ASCII marks."""
    return 1 - len(UNREADABLE.findall(text)) / len(text) if text else 0.0


def completeness(sample: Sample) -> float:
    """Judge how both texts end."""
    ends = (sample.instruction_finish, sample.response_finish)
    if "length" in ends:
        return 0.0
    if sample.response_finish == "imported" and not sample.response.endswith(ENDING):
        return 0.5
    return 1.0
