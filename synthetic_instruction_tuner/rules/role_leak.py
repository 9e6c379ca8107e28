"""Role leak: a header of the chat template inside the text, so that a turn holds another turn."""

from __future__ import annotations

import re

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation

ORDER = 30

TOKEN = re.compile(
    r"<\|(?:start_header_id|end_header_id|eot_id|begin_of_text|end_of_text|im_start|im_end|im_sep"
    r"|user|assistant|system|end|endoftext)\|>"
    r"|<(?:start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>|</?s>"
)
"""Control tokens written out."""
HEADER = re.compile(
    r"^#{2,3} *(?:Instruction|Response|Input|Human|Assistant|User):? *$"
    r"|^(?:user|assistant|system|model|human) *(?:: *)?$",
    re.MULTILINE,
)
"""Headers of instruction formats, and a line that is a role alone (what is left of a header when
special tokens are skipped in decoding)."""
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
"""A code block, in which such a line may be the key of a settings file."""


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if a turn contains a role header."""
    for turn in (*sample.user_turns, *sample.assistant_turns):
        found = TOKEN.search(turn) or HEADER.search(CODE.sub("", turn))
        if found:
            return Violation(found.group().strip(), "no role header in the text")
    return None
