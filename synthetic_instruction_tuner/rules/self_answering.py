"""Self-answering: the "instruction" is an answer, or brings its own.

After a bare user header some teachers answer instead of asking: of 800 distinct draws of
Llama-3.1-8B-Instruct, 66 % began with "## Step".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation

ORDER = 40

STEP = re.compile(r"^[^\S\n]*(?:#{1,4}\s*|\*\*)?Step\s+(?:1|one)\b\s*[:.\-)*]", re.I | re.M)
"""The first step of a worked solution at the start of a line."""
HEADING = re.compile(r"^\s*#{1,4}\s*Step\b", re.I)
"""The text opens with a step, whatever its number."""
VERDICT = re.compile(
    r"(?<!why )(?<!whether )(?<!if )(?<!what )"
    r"\bthe (?:final|correct|best|right) (?:answer|option|choice) is\b(?! (?:unknown|not))"
    r"|\\boxed\s*\{(?!\s*\}|\s*\.\.\.|[^}]{0,500}\b(?:answer|result|solution)\b)",
    re.I,
)
"""The sentence that ends a worked solution; an empty box only says where the answer shall go."""
ANSWER_LINE = re.compile(
    r"\n[^\S\n]*(?:#{1,4}\s*|\*\*)?(?:Answer|Solution|Explanation|Response|Output)\s*(?:\*\*\s*)?:"
    r"\s*(?:\*\*\s*)?\S",
    re.I,
)
"""A later line that is marked as answer and goes on."""
EXAMPLE = re.compile(r"\A[^\w\n]*(?:Examples?|Sample|For example)\b", re.I)
INPUT = re.compile(r"Input\b", re.I)
OUTPUT = re.compile(r"\A[^\w\n]*(?:Sample )?Output\b", re.I)
EXPLANATION = re.compile(r"\A[^\w\n]*Explanation\b[^\n]*:", re.I)
"""The lines that an example of input and output is made of; see `without_examples`."""
LONGEST_INPUT = 500
"""Characters between the colon behind "Input" and the line of the output."""
OFFER = re.compile(
    r"\b(?:here are|these are) (?:some|a few|several|\d{1,3}) [^\n:]{0,60}"
    r"\byou (?:can|could|may|might)\b[^\n:]{0,60}:[^\S\n]*\n",
    re.I,
)
"""A list offered to the reader, as assistants do: "Here are some ideas that you can try:"."""
DEFINITION = re.compile(
    r"\b(?:mean|means|meant|meaning)\b[^\n]{0,200}\?[^\S\n]*\n\n?[\"“][^\"“”\n]{1,60}[\"”] "
    r"(?:is|are|means|refers)\b",
    re.I,
)
"""The meaning that was asked for, told in the next line."""
SOLVING = re.compile(
    r"^[^\S\n]*To (?:find|solve|calculate|determine|compute|simplify|answer)\b[^\n]{0,100}?"
    r"\bwe (?:first |now |then )?(?:need to|have to|must|can|will)\b",
    re.I | re.M,
)
"""How worked solutions go on; it counts behind the last question only."""
OPENER = re.compile(
    r"^\s*(?:sure|certainly|of course|absolutely)\s*[,!]\s*(?:here|i|let|the)\b"
    r"|^\s*(?:i'd|i would|i'm|i am) (?:be )?happy to (?:help|assist|provide)"
    r"(?: you\b| with\b|[.!,])"
    r"|^\s*here (?:is|are) (?:a|an|some|the|your) [^\n]{0,80}:[^\S\n]*\n(?!.*\?)",
    re.I | re.S,
)
"""How assistants, not users, begin; a user who shows something asks about it."""

PATTERNS = (HEADING, STEP, VERDICT, ANSWER_LINE, OFFER, DEFINITION, OPENER)
ALLOWED = "an instruction without its answer"


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if an instruction contains its answer."""
    for turn in sample.user_turns:
        text = without_examples(turn)
        for pattern in PATTERNS:
            found = pattern.search(text)
            if found:
                return Violation(found.group().strip()[:60], ALLOWED)
        solved = SOLVING.search(text, text.find("\n", text.rfind("?")) + 1)
        if solved and "\n" in text[: solved.start()]:
            return Violation(solved.group().strip()[:60], ALLOWED)
    return None


def without_examples(text: str) -> str:
    """Put a space in the place of examples of input and output, which are no answer.

    Programming tasks bring them: a line that opens with "Example" or "Sample", "Input ...:" on it
    or on the next, a line that opens with "Output" soon after, and the line of its explanation.
    """
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    outputs = [at for at, line in enumerate(lines) if OUTPUT.match(line)]
    kept, done, number = [], 0, 0
    while number < len(lines):
        last = _last_line(lines, starts, outputs, number)
        if last is None:
            number += 1
            continue
        explained = EXPLANATION.match(lines[last + 1]) if last + 1 < len(lines) else None
        kept += [text[done : starts[number]], " "]
        done = starts[last + 1] + explained.end() if explained else starts[last + 1] - 1
        number = last + 1
    return "".join((*kept, text[done:]))


def _last_line(lines: list[str], starts: list[int], outputs: list[int], number: int) -> int | None:
    """Return the line with the output of the example that begins on a line, None if none does."""
    opening = EXAMPLE.match(lines[number])
    if opening is None:
        return None
    for line, begin in ((number + 1, 0), (number, opening.end())):
        named = INPUT.search(lines[line], begin) if line < len(lines) else None
        colon = lines[line].rfind(":", named.end()) if named else -1
        if colon < 0:
            continue
        place = bisect_right(outputs, line)
        reach = starts[line] + colon + 1 + LONGEST_INPUT
        if place < len(outputs) and starts[outputs[place]] <= reach:
            return outputs[place]
    return None
