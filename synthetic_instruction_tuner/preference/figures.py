"""What the scored responses and the pairs look like: the figures that gates and report read."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from synthetic_instruction_tuner.preference.pairing import Scored, is_complete, reward_of
from synthetic_instruction_tuner.records import PreferencePair, Rejection, Response

Check = Callable[[str, str], "bool | None"]
"""Judges (instruction, response): right, wrong, or None when it cannot tell."""


def describe(
    scored: Sequence[Scored], pairs: Sequence[PreferencePair], rejections: Sequence[Rejection]
) -> dict[str, Any]:
    """Return counts and figures; what cannot be measured is None."""
    responses = [one for _, some in scored for one in some]
    return {
        "examples": len(scored),
        "responses": len(responses),
        "pairs": len(pairs),
        "train": sum(pair.split == "train" for pair in pairs),
        "validation": sum(pair.split == "validation" for pair in pairs),
        "rejected": len(rejections),
        "rejected_by_rule": dict(sorted(Counter(one.rule for one in rejections).items())),
        "complete_share": _mean(is_complete(one) for one in responses),
        "reward_length_correlation": correlation(
            [float(len(one.text.split())) for one in responses],
            [reward_of(one) for one in responses],
        ),
        "responders": _by_responder(responses, pairs),
        **_of_pairs(pairs),
    }


def _of_pairs(pairs: Sequence[PreferencePair]) -> dict[str, Any]:
    chosen = [len(pair.chosen.split()) for pair in pairs]
    rejected = [len(pair.rejected.split()) for pair in pairs]
    longer = [left > right for left, right in zip(chosen, rejected, strict=True) if left != right]
    return {
        "chosen_above_rejected": _mean(pair.chosen_reward > pair.rejected_reward for pair in pairs),
        "mean_margin": _mean(pair.margin for pair in pairs),
        "median_margin": statistics.median([pair.margin for pair in pairs]) if pairs else None,
        "mean_chosen_reward": _mean(pair.chosen_reward for pair in pairs),
        "mean_rejected_reward": _mean(pair.rejected_reward for pair in pairs),
        "mean_chosen_words": _mean(chosen),
        "mean_rejected_words": _mean(rejected),
        "chosen_longer_share": _mean(longer),
    }


def _by_responder(
    responses: Sequence[Response], pairs: Sequence[PreferencePair]
) -> dict[str, dict[str, Any]]:
    """Return for each responder how often it won and lost, its mean reward and length."""
    names = dict.fromkeys(one.responder for one in responses)
    table = {}
    for name in names:
        own = [one for one in responses if one.responder == name]
        table[name] = {
            "chosen_share": _mean(pair.chosen_responder == name for pair in pairs),
            "rejected_share": _mean(pair.rejected_responder == name for pair in pairs),
            "mean_reward": _mean(reward_of(one) for one in own),
            "mean_words": _mean(len(one.text.split()) for one in own),
            "complete_share": _mean(is_complete(one) for one in own),
        }
    return table


def compare_with_checker(
    scored: Sequence[Scored], pairs: Sequence[PreferencePair], check: Check
) -> dict[str, Any]:
    """Hold the reward model against a checker that knows right from wrong.

    Returns:
        `checker_agreement`: among responses to the same instruction, one right and one wrong: how
        often the right one has the higher reward (equal rewards count half).
        `checker_best_of_k_right`: how often the response with the highest reward is right, beside
        `checker_responder_right` for each responder alone and `checker_any_right`, the most that
        any choice could reach. `checker_inverted_share`: among pairs of a right and a wrong
        response, how often the wrong one is "chosen".
        Empty when the checker can judge no instruction.
    """
    verdicts = {
        one.id: check(one.instruction, one.text) for _, responses in scored for one in responses
    }
    judged = [some for _, some in scored if any(verdicts[one.id] is not None for one in some)]
    if not judged:
        return {}
    best = [max(some, key=reward_of) for some in judged]
    wins = [_agreement(*pair) for some in judged for pair in _right_and_wrong(some, verdicts)]
    return {
        "checker_examples": len(judged),
        "checker_agreement": _mean(wins),
        "checker_comparisons": len(wins),
        "checker_best_of_k_right": _mean(verdicts[one.id] is True for one in best),
        "checker_any_right": _mean(any(verdicts[one.id] for one in some) for some in judged),
        "checker_responder_right": _right_by_responder(judged, verdicts),
        **_check_pairs(pairs, check),
    }


def _right_and_wrong(
    responses: Sequence[Response], verdicts: dict[str, bool | None]
) -> Iterable[tuple[Response, Response]]:
    for one, other in combinations(responses, 2):
        if {verdicts[one.id], verdicts[other.id]} == {True, False}:
            yield (one, other) if verdicts[one.id] else (other, one)


def _agreement(right: Response, wrong: Response) -> float:
    if reward_of(right) == reward_of(wrong):
        return 0.5
    return float(reward_of(right) > reward_of(wrong))


def _right_by_responder(
    judged: Sequence[Sequence[Response]], verdicts: dict[str, bool | None]
) -> dict[str, float | None]:
    names = dict.fromkeys(one.responder for some in judged for one in some)
    return {
        name: _mean(
            verdicts[one.id] is True for some in judged for one in some if one.responder == name
        )
        for name in names
    }


def _check_pairs(pairs: Sequence[PreferencePair], check: Check) -> dict[str, Any]:
    kinds = Counter(
        (check(pair.prompt, pair.chosen), check(pair.prompt, pair.rejected)) for pair in pairs
    )
    upright, inverted = kinds[True, False], kinds[False, True]
    decided = upright + inverted
    return {
        "checker_pairs": {
            "right_over_wrong": upright,
            "wrong_over_right": inverted,
            "both_right": kinds[True, True],
            "both_wrong": kinds[False, False],
            "not_judged": kinds[None, None],
        },
        "checker_inverted_share": inverted / decided if decided else None,
    }


def correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Return Pearson's correlation; None for fewer than two points or a constant side."""
    if len(left) < 2 or len(set(left)) < 2 or len(set(right)) < 2:
        return None
    return statistics.correlation(left, right)


def _mean(values: Iterable[float]) -> float | None:
    kept = [float(value) for value in values]
    return statistics.fmean(kept) if kept else None
