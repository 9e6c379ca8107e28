"""Identity leak: the text says which model wrote it, who trained it or where its knowledge ends."""

from __future__ import annotations

import re

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import without_quotations

ORDER = 80

_MAKER = (
    r"(?:OpenAI|Anthropic|Google|DeepMind|Meta(?: AI)?|Alibaba(?: Cloud)?|Microsoft|Mistral(?: AI)?"
    r"|DeepSeek|Hugging ?Face|Cohere|xAI|Nvidia)"
)
_MODEL = (
    r"(?:ChatGPT|GPT-\d\w*|Claude|Gemini|Llama|Qwen|Gemma|Mistral|Mixtral|Phi-\d|DeepSeek|Bard)"
)
IDENTITY = re.compile(
    rf"\bI(?:'m| am|,)? (?:an? )?(?:\w+ )?{_MODEL}\b"
    rf"|\bmy name is {_MODEL}\b"
    rf"|\bI(?:'m| am| was| have been|'ve been) (?:\w+ ){{0,6}}"
    rf"(?:trained|created|developed|built|made|designed) by {_MAKER}\b"
    r"|\b(?:as|I am|I'm) (?:just |only )?an? (?:AI (?:language )?model|AI assistant"
    r"|(?:large )?language model|artificial intelligence)\b"
    r"|\bmy (?:knowledge|training data|training)(?: data)? (?:cut-?off|was cut off|only goes"
    r"|goes up to|ends|is current (?:up )?to|extends)"
    r"|\bas of my (?:last|latest|most recent) (?:update|training|knowledge)"
    r"|\bknowledge cut-?off(?: date)? (?:is|of|in|was|:)"
    r"|\bcutting knowledge date\b",
    re.IGNORECASE,
)


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if a turn speaks of its writer as a model; quoted sentences do not count."""
    for turn in (*sample.user_turns, *sample.assistant_turns):
        found = IDENTITY.search(without_quotations(turn.replace("’", "'")))
        if found:
            return Violation(found.group().strip(), "no identity of a model")
    return None
