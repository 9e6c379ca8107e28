"""Self-answering: the "instruction" is an answer, or brings its own.

After a bare user header some teachers answer instead of asking: of 800 distinct draws of
Llama-3.1-8B-Instruct, 66 % began with "## Step".
"""

from __future__ import annotations

import re

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
    r"|\\boxed\s*\{(?!\s*\}|\s*\.\.\.|[^}]*\b(?:answer|result|solution)\b)",
    re.I,
)
"""The sentence that ends a worked solution; an empty box only says where the answer shall go."""
ANSWER_LINE = re.compile(
    r"\n[^\S\n]*(?:#{1,4}\s*|\*\*)?(?:Answer|Solution|Explanation|Response|Output)\s*(?:\*\*)?\s*:"
    r"\s*(?:\*\*)?\s*\S",
    re.I,
)
"""A later line that is marked as answer and goes on."""
EXAMPLE = re.compile(
    r"^[^\w\n]*(?:Examples?|Sample|For example)\b[^\n]*\n?[^\n]*Input\b[^\n]*:"
    r".{0,500}?^[^\w\n]*(?:Sample )?Output\b[^\n]*(?:\n[^\w\n]*Explanation\b[^\n]*:)?",
    re.I | re.M | re.S,
)
"""An example of input and output, as programming tasks bring them: no answer."""
OPENER = re.compile(
    r"^\s*(?:sure|certainly|of course|absolutely)\s*[,!]\s*(?:here|i|let|the)\b"
    r"|^\s*(?:i'd|i would|i'm|i am) (?:be )?happy to (?:help|assist|provide)"
    r"(?: you\b| with\b|[.!,])"
    r"|^\s*here (?:is|are) (?:a|an|some|the|your) [^\n]{0,80}:\s*\n(?!.*\?)",
    re.I | re.S,
)
"""How assistants, not users, begin; a user who shows something asks about it."""

PATTERNS = (HEADING, STEP, VERDICT, ANSWER_LINE, OPENER)


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if an instruction contains its answer."""
    for turn in sample.user_turns:
        text = EXAMPLE.sub(" ", turn)
        for pattern in PATTERNS:
            found = pattern.search(text)
            if found:
                return Violation(found.group().strip()[:60], "an instruction without its answer")
    return None
