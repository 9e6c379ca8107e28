"""Role leak: what a chat template is made of inside a text: a header, or any control token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.settings import Settings

ORDER = 30

TOKEN = re.compile(
    r"<\|[\w.:/-]{1,60}\|?>|<[\w.:/-]{1,60}\|>|<[｜][^<>\s]{1,60}[｜]>"
    r"|<(?:start|end)_of_\w{1,20}>|<unused\d{1,6}>|<(?:bos|eos|pad|unk|sop)>|<</?SYS>>|</?s>"
    r"|</?think>|</?tool_(?:call|response)>"
    r"|\[(?:/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)|TOOL_CALLS|gMASK)\]"
)
"""Control tokens written out, in the forms that the families of models have."""
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
    """Which tokens count besides those that every family has."""

    tokens: tuple[str, ...] = ()
    """Further control tokens; the teacher's own count anyway."""


Rules = TypeVar("Rules", bound=Settings)


def check(sample: Sample, config: Config) -> Violation | None:
    """Reject a row if a turn contains a role header or a control token."""
    for turn in (*sample.user_turns, *sample.assistant_turns):
        found = spelled(turn, config.tokens) or HEADER.search(CODE.sub("", turn))
        if found:
            return Violation(found.group().strip(), "no role header in the text")
    return None


def spelled(text: str, tokens: tuple[str, ...] = ()) -> re.Match[str] | None:
    """Find a control token written out: of any family, or one of `tokens`."""
    return TOKEN.search(text) or _any_of(tokens).search(text)


def unusual(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return the control tokens of a model that have none of the usual forms."""
    return tuple(sorted(one for one in set(tokens) if not TOKEN.search(one)))


def with_tokens(rules: Rules, tokens: Iterable[str]) -> Rules:
    """Return the settings of all rules with the control tokens of a model added."""
    own: Config = rules.role_leak  # type: ignore[attr-defined]
    known = tuple(sorted({*own.tokens, *tokens}))
    return rules.model_copy(update={"role_leak": own.model_copy(update={"tokens": known})})


@lru_cache
def _any_of(tokens: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
