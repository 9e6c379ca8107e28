"""The constraints: which checker, how its settings are drawn, how it is said to the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from synthetic_instruction_tuner.evaluation.instructions import checks

Settings = dict[str, Any]

KEYWORDS = (
    "river", "window", "garden", "bread", "stone", "morning", "paper", "music", "winter", "bridge",
    "market", "letter", "candle", "forest", "harbour", "teacher",
)  # fmt: skip
ENDINGS = ("That is all.", "Thank you for reading.", "Is there anything else?", "The end.")
FIRST = ("first", "today", "indeed", "perhaps", "look")
QUESTIONS = (
    "Would most people miss {topic}?", "Can one learn something from {topic}?",
    "Is it easy to draw a picture of {topic}?", "Do children often talk about {topic}?",
)  # fmt: skip
CLAIMS = (
    "Many people would miss {topic}.", "Everybody should know something about {topic}.",
    "It is easy to write a poem about {topic}.", "Nobody can explain {topic} in one minute.",
)  # fmt: skip
KEYS = ("name", "reason", "place", "price", "colour", "size")


@dataclass(frozen=True)
class Constraint:
    """One kind of constraint.

    Attributes:
        check: Function of the response and the settings.
        text: How the model is told; settings are filled in.
        draw: Draws the settings.
        group: Constraints of one group may contradict each other; a prompt has one of a group.
            One of the group "whole" settles the whole answer and stands alone: no prompt asks for
            something that cannot be done.
        tasks: What such a prompt asks, with a place for the topic, where not everything fits.
    """

    check: Callable[..., bool]
    text: str
    draw: Callable[[Random], Settings]
    group: str
    tasks: tuple[str, ...] = ()

    def say(self, settings: Settings) -> str:
        """Word the constraint with its settings."""
        shown = {
            name: ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in settings.items()
        }
        return self.text.format(**shown)


def count(low: int, high: int, step: int = 1) -> Callable[[Random], Settings]:
    """Draw `count` from a range, both ends included."""
    return lambda rng: {"count": rng.randrange(low, high + 1, step)}


def nothing(rng: Random) -> Settings:
    """Draw nothing."""
    return {}


def some(name: str, values: tuple[str, ...], low: int, high: int) -> Callable[[Random], Settings]:
    """Draw some different values."""
    return lambda rng: {name: rng.sample(values, rng.randint(low, high))}


def choice(name: str, values: tuple[str, ...]) -> Callable[[Random], Settings]:
    """Draw one value."""
    return lambda rng: {name: rng.choice(values)}


def both(*draws: Callable[[Random], Settings]) -> Callable[[Random], Settings]:
    """Join several draws."""
    return lambda rng: {name: value for draw in draws for name, value in draw(rng).items()}


def _between(rng: Random) -> Settings:
    low = rng.randrange(10, 40, 5)
    return {"low": low, "high": low + 10}


CONSTRAINTS: Mapping[str, Constraint] = {
    "exact_sentences": Constraint(
        checks.exact_sentences, "Answer in exactly {count} sentences.", count(2, 4), "size"
    ),
    "one_sentence": Constraint(
        checks.exact_sentences, "Answer in one sentence.", lambda rng: {"count": 1}, "whole"
    ),
    "most_sentences": Constraint(
        checks.most_sentences, "Use at most {count} sentences.", count(2, 4), "size"
    ),
    "exact_lines": Constraint(
        checks.exact_lines, "Write exactly {count} lines.", count(2, 5), "size"
    ),
    "exact_paragraphs": Constraint(
        checks.exact_paragraphs,
        "Write exactly {count} paragraphs with a blank line between them.",
        count(2, 3),
        "size",
    ),
    "exact_words": Constraint(
        checks.exact_words, "Answer with exactly {count} words.", count(3, 12), "whole"
    ),
    "one_word": Constraint(
        checks.exact_words, "Answer with a single word.", lambda rng: {"count": 1}, "whole"
    ),
    "least_words": Constraint(
        checks.least_words, "Use at least {count} words.", count(15, 60, 5), "size"
    ),
    "most_words": Constraint(
        checks.most_words, "Use at most {count} words.", count(5, 30, 5), "whole"
    ),
    "words_between": Constraint(
        checks.words_between, "Use between {low} and {high} words.", _between, "size"
    ),
    "most_characters": Constraint(
        checks.most_characters, "Use at most {count} characters.", count(40, 160, 20), "whole"
    ),
    "numbered_list": Constraint(
        checks.numbered_list,
        "Answer only with a numbered list of {count} entries (1., 2., ...).",
        count(2, 5),
        "whole",
    ),
    "bullet_list": Constraint(
        checks.bullet_list,
        "Answer only with {count} bullet points that begin with a dash.",
        count(2, 5),
        "whole",
    ),
    "json_object": Constraint(
        checks.json_object,
        "Answer only with a JSON object that has exactly these keys: {keys}.",
        some("keys", KEYS, 2, 3),
        "whole",
    ),
    "json_array": Constraint(
        checks.json_array,
        "Answer only with a JSON array of {count} elements.",
        count(2, 5),
        "whole",
    ),
    "comma_separated": Constraint(
        checks.comma_separated,
        "Answer with {count} entries on one line, separated by commas.",
        count(2, 6),
        "whole",
    ),
    "table_columns": Constraint(
        checks.table_columns,
        "Answer only with a Markdown table of {count} columns.",
        count(2, 3),
        "whole",
    ),
    "code_block": Constraint(
        checks.code_block, "Put the whole answer in one fenced code block.", nothing, "whole"
    ),
    "yes_or_no": Constraint(
        checks.one_of,
        "Answer with nothing but yes or no.",
        lambda rng: {"options": ["yes", "no"]},
        "whole",
        QUESTIONS,
    ),
    "agree_or_disagree": Constraint(
        checks.one_of,
        "Answer with nothing but agree or disagree.",
        lambda rng: {"options": ["agree", "disagree"]},
        "whole",
        CLAIMS,
    ),
    "bracketed_title": Constraint(
        checks.bracketed_title,
        "Put a title in double angle brackets, like <<title>>, on the first line.",
        nothing,
        "whole",
    ),
    "first_word": Constraint(
        checks.first_word, 'Begin with the word "{word}".', choice("word", FIRST), "start"
    ),
    "repeats_request": Constraint(
        checks.repeats_request,
        checks.REPEAT,
        nothing,
        "whole",
    ),
    "in_quotes": Constraint(
        checks.in_quotes, "Put the whole answer in double quotes.", nothing, "whole"
    ),
    "last_phrase": Constraint(
        checks.last_phrase,
        "End with exactly this phrase: {phrase}",
        choice("phrase", ENDINGS),
        "whole",
    ),
    "is_question": Constraint(checks.is_question, "Answer with a question.", nothing, "end"),
    "postscript": Constraint(
        checks.postscript, "Add a postscript on the last line; begin it with P.S.", nothing, "whole"
    ),
    "two_answers": Constraint(
        checks.two_answers,
        "Give two different answers with a line of six asterisks (******) between them.",
        nothing,
        "whole",
    ),
    "highlighted": Constraint(
        checks.highlighted,
        "Highlight at least {count} words with single asterisks, like *this*.",
        count(2, 3),
        "marks",
    ),
    "placeholders": Constraint(
        checks.placeholders,
        "Use at least {count} placeholders in square brackets, like [name].",
        count(2, 3),
        "marks",
    ),
    "has_words": Constraint(
        checks.has_words,
        "Use these words: {keywords}.",
        some("keywords", KEYWORDS, 1, 3),
        "words",
    ),
    "lacks_words": Constraint(
        checks.lacks_words,
        "Do not use any of these words: {keywords}.",
        some("keywords", ("the", "and", "is", "very", "good", "a"), 1, 3),
        "words",
    ),
    "repeats_word": Constraint(
        checks.repeats_word,
        'Use the word "{word}" exactly {count} times.',
        both(choice("word", KEYWORDS), count(2, 4)),
        "words",
    ),
    "lower_case": Constraint(checks.lower_case, "Write in lower case only.", nothing, "case"),
    "upper_case": Constraint(checks.upper_case, "Write in capital letters only.", nothing, "case"),
    "capital_words": Constraint(
        checks.capital_words,
        "Write at least {count} words in capital letters.",
        count(2, 3),
        "case",
    ),
    "no_commas": Constraint(checks.no_commas, "Do not use any commas.", nothing, "signs"),
    "no_digits": Constraint(checks.no_digits, "Do not use any digits.", nothing, "signs"),
    "exact_numbers": Constraint(
        checks.exact_numbers, "Use exactly {count} numbers, in digits.", count(2, 4), "signs"
    ),
    "letter_at_most": Constraint(
        checks.letter_at_most,
        'Use the letter "{letter}" at most {count} times.',
        both(choice("letter", ("e", "a", "t", "o")), count(0, 6, 2)),
        "whole",
    ),
    "line_initials": Constraint(
        checks.line_initials,
        'Write {count} lines that all begin with the letter "{letter}".',
        both(count(2, 4), choice("letter", ("s", "b", "m", "t"))),
        "whole",
    ),
}
"""Constraints by name."""
