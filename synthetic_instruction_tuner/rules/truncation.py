"""Truncation: text that was cut at the token limit, or that visibly stops in the middle."""

from __future__ import annotations

import re

from pydantic import Field

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import count_words

ORDER = 10

LAST_WORD = re.compile(
    r"\b(a|an|the|of|to|and|or|with|for|in|is|are|by|that|this|its|their|some|your|my|our|into)$",
    re.IGNORECASE,
)
"""Hardly any English text ends on these words without a mark behind them."""
OPEN_END = re.compile(
    r"(?:[,;(\[{=^&\\]|\s[+<*/-]|\b(?:the|an|of|and|or|with|from|its|their|because|not))$"
)
"""Marks and operators that announce more, and words on which not even a list entry ends."""
DOLLAR = re.compile(r"(?<!\\)\$")
PRICE = re.compile(r"(?<![\\$])\$\d[\d,]*(?:\.\d+)?(?=[\s.,;:!?)]|$)")
"""A dollar sign that opens no formula: "$5", "$10,000."."""
FORMULAS = ((r"\[", r"\]"), (r"\(", r"\)"), (r"\begin{", r"\end{"))
"""How LaTeX opens and closes what it sets apart."""


class Config(RuleConfig):
    """What counts as cut where nothing says how the text ended."""

    imported_response_words: int = Field(default=40, ge=1)
    """An imported response of this many words must end in a sentence mark, a bracket, a formula,
    code or a short last line; drawn responses are judged by how the model ended them."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if its instruction or its response was cut."""
    for part in ("instruction", "response"):
        if getattr(sample, f"{part}_finish") == "length":
            return Violation(f"{part} ended at the token limit", "ended by the model")
    for turn in sample.user_turns:
        ending = stub_ending(turn)
        if ending:
            return Violation(f"instruction ends with {ending!r}", "a finished instruction")
    if sample.response_finish == "imported":
        for turn in sample.assistant_turns:
            if count_words(turn) >= config.imported_response_words and stops_in_sentence(turn):
                return Violation(f"response ends with {turn[-30:]!r}", "a finished sentence")
    return None


def stub_ending(instruction: str) -> str | None:
    """Return the end of an instruction that announces something that does not come."""
    if not instruction.strip():
        return None
    last = instruction.rstrip().splitlines()[-1]
    if ends_in_formula(last):
        return last[-20:].strip()
    if last.endswith((":", ",")):
        return last[-20:].strip()
    word = LAST_WORD.search(last)
    return word.group() if word and count_words(instruction) > 3 else None


def stops_in_sentence(response: str) -> bool:
    """Tell whether a response stops where no sentence, list entry, formula or code block ends."""
    if response.count("```") % 2:
        return True
    if "```" not in response and any(opens_more(response, *pair) for pair in FORMULAS):
        return True
    last = response.rstrip().splitlines()[-1].strip()
    if OPEN_END.search(last) or ends_in_formula(last):
        return True
    if not (last[-1].isalnum() or last[-1] in ":-"):
        return False
    return count_words(last) > 8 or last.startswith("#")


def ends_in_formula(line: str) -> bool:
    """Tell whether a line ends within dollar signs, which set a formula apart, or begin a price."""
    return all(len(DOLLAR.findall(text)) % 2 for text in (line, PRICE.sub("", line)))


def opens_more(text: str, opening: str, closing: str) -> bool:
    """Tell whether more is opened than closed."""
    return text.count(opening) > text.count(closing)
