"""Self-answering: the "instruction" is an answer, or brings its own.

After a bare user header some teachers answer instead of asking: of 800 distinct draws of
Llama-3.1-8B-Instruct, 66 % began with "## Step".
"""

from __future__ import annotations

import re

from synthetic_instruction_tuner.filtering.rule import RuleConfig, Violation
from synthetic_instruction_tuner.filtering.text import user_turns
from synthetic_instruction_tuner.records import Sample

ORDER = 40

STEP = re.compile(r"^\s*(?:#{1,4}\s*|\*\*)?Step\s+(?:1|one)\b\s*[:.\-)*]", re.I | re.M)
"""The first step of a worked solution at the start of a line."""
HEADING = re.compile(r"^\s*#{1,4}\s*Step\b", re.I)
"""The text opens with a step, whatever its number."""
VERDICT = re.compile(
    r"\bthe (?:final|correct|best|right) (?:answer|option|choice) is\b(?! (?:unknown|not))"
    r"|\\boxed\s*\{",
    re.I,
)
"""The sentence that ends a worked solution."""
ANSWER_LINE = re.compile(
    r"\n\s*(?:#{1,4}\s*|\*\*)?(?:Answer|Solution|Explanation|Response|Output)\s*(?:\*\*)?\s*:"
    r"\s*(?:\*\*)?\s*\S",
    re.I,
)
"""A later line that is marked as answer and goes on."""
OPENER = re.compile(
    r"^\s*(?:sure|certainly|of course|absolutely)\s*[,!]\s*(?:here|i|let|the)\b"
    r"|^\s*(?:i'd|i would|i'm|i am) (?:be )?happy to (?:help|assist|provide)\b"
    r"|^\s*here (?:is|are) (?:a|an|some|the|your) .{0,80}:\s*\n",
    re.I,
)
"""How assistants, not users, begin."""

PATTERNS = (HEADING, STEP, VERDICT, ANSWER_LINE, OPENER)


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if an instruction contains its answer."""
    for turn in user_turns(sample):
        for pattern in PATTERNS:
            found = pattern.search(turn)
            if found:
                return Violation(found.group().strip()[:60], "an instruction without its answer")
    return None
