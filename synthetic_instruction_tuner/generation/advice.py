"""What a first chunk says of the yield, and what would raise it, before the others are drawn."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.generation.limits import tell_cut
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.text import count_words, plain

logger = logging.getLogger(__name__)

LITTLE = 0.9
"""Share of rows that pass from which on nothing is said."""
NOTICEABLE = 0.05
"""Share of the rows that a cause has to take to be named."""
SKIPPED = "skipped"
"""Finish of a response that was not drawn because its instruction was cut or empty."""
REMEDIES: Mapping[str, str] = {
    "empty": "look at the teacher's template (`tuner doctor`)",
    "role_leak": "lower generation.instruction.temperature, or set its top_p to 0.9",
    "self_answering": "lower generation.instruction.temperature: the teacher answers itself",
    "statement": "lower generation.instruction.temperature: the teacher tells instead of asking",
    "repetition": "raise generation.response.temperature: greedy answers run into loops",
    "refusal": "steer by generation.domains with system prompts",
    "identity_leak": "steer by generation.domains with system prompts",
    "language": "lower generation.instruction.temperature, or steer by an English system prompt",
    "harmful": "steer by generation.domains with system prompts",
}
"""What raises the yield where a rule takes much, by rule."""


def tell_yield(config: StudyConfig, samples: Sequence[Sample], rejected: Mapping[str, int]) -> None:
    """Say of a poor yield what would raise it.

    Args:
        config: The study's settings.
        samples: The samples of its first chunk.
        rejected: Rows of it by the rule that rejects them.
    """
    if found := advise(config, samples, rejected):
        logger.info("%s", found)


def tell_limits(config: StudyConfig, samples: Sequence[Sample]) -> None:
    """Warn where much of a chunk is cut at a limit on new tokens."""
    asked = [one.instruction_finish for one in samples]
    said = [one.response_finish for one in samples if one.response_finish != SKIPPED]
    for finishes, what in ((asked, "instruction"), (said, "response")):
        limit = getattr(config.generation, what).max_new_tokens
        setting = f"generation.{what}.max_new_tokens"
        tell_cut(finishes.count("length"), len(finishes), f"{what}s", setting, limit)


def advise(config: StudyConfig, samples: Sequence[Sample], rejected: Mapping[str, int]) -> str:
    """Return what would raise the yield, what takes most first; empty where nothing much would.

    A row counts for the first rule that rejects it, so the gains are at most those shares.
    """
    total = len(samples)
    repeated = total - len({plain(one.instruction) for one in samples})
    causes = [
        (count, rule, remedy)
        for rule, count in rejected.items()
        if (remedy := _remedy(rule, config, samples))
    ]
    causes.append((repeated, "copies", "raise generation.instruction.temperature, or add domains"))
    named = [one for one in sorted(causes, reverse=True) if one[0] >= NOTICEABLE * total]
    passed = total - sum(rejected.values()) - repeated
    if not total or passed >= LITTLE * total or not named:
        return ""
    told = "; ".join(f"{name} takes {count / total:.0%}: {remedy}" for count, name, remedy in named)
    return f"{max(passed, 0) / total:.0%} of the first {total} samples pass. To raise that: {told}"


def _remedy(rule: str, config: StudyConfig, samples: Sequence[Sample]) -> str:
    if rule == "truncation":
        asked = sum(one.instruction_finish == "length" for one in samples)
        said = sum(one.response_finish == "length" for one in samples)
        name = "instruction" if asked > said else "response"
        limit = getattr(config.generation, name).max_new_tokens
        return f"raise generation.{name}.max_new_tokens (now {limit})"
    if rule == "length":
        return _length(config, samples)
    return REMEDIES.get(rule, f"look at filtering.rules.{rule} (`tuner filter --what-if`)")


def _length(config: StudyConfig, samples: Sequence[Sample]) -> str:
    """Tell too short rows from too long ones: what helps is the opposite."""
    bounds = config.filtering.rules.model_dump()["length"]
    sizes = [count_words(one.instruction) + count_words(one.response) for one in samples]
    long = sum(size > bounds["max_words"] for size in sizes)
    short = sum(size < bounds["min_words"] for size in sizes)
    if long >= short:
        return (
            f"{long} rows have more than {bounds['max_words']} words: raise "
            "filtering.rules.length.max_words"
        )
    return (
        f"{short} rows have fewer than {bounds['min_words']} words: lower "
        "filtering.rules.length.min_words, or steer by system prompts that ask for whole answers"
    )
