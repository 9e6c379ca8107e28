"""Best against worse: which of the scored responses to an instruction become a pair."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from synthetic_instruction_tuner.config import PreferenceConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.preference.choosing import opponents
from synthetic_instruction_tuner.records import Example, PreferencePair, Rejection, Response
from synthetic_instruction_tuner.rules import role_leak
from synthetic_instruction_tuner.text import plain

STAGE = "preference"
RULES = (
    "incomplete",
    "control_token",
    "length",
    "identical",
    "similar",
    "tie",
    "margin",
    "surplus",
)
"""Why an instruction yields no pair, in the order in which the reasons are looked for."""

SPLITS = ("train", "validation")
"""What training on pairs needs pairs in."""
Scored = tuple[Example, Sequence[Response]]


def similarity(one: str, other: str) -> float:
    """Return how alike two texts are: Jaccard index of their sets of adjacent word pairs, 0..1.

    The first and the last word pair with the edge of the text, so that single words compare too.
    Pairs of words, not words: sorting the same words another way is another answer.
    """
    left, right = _shingles(one), _shingles(other)
    return len(left & right) / len(left | right)


def _shingles(text: str) -> set[tuple[str, str]]:
    words = plain(text).split()
    return set(zip(["", *words], [*words, ""], strict=True))


def is_complete(response: Response) -> bool:
    """Tell whether the responder ended the text itself and said something."""
    return response.finish == "stop" and bool(response.text.strip())


def require_answers(
    examples: Sequence[Example], responses: Iterable[Response], splits: Sequence[str]
) -> None:
    """Make sure, before anything is scored, that there can be a pair in every split.

    Raises:
        StageError: If no example of a split has two whole answers; says how many answers are cut.
    """
    whole: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    for one in responses:
        whole[one.example] += is_complete(one)
        cut[one.responder] += one.finish == "length"
    for split in splits:
        able = sum(whole[one.id] >= 2 for one in examples if one.split == split)
        if not able:
            counts = ", ".join(f"{name} {number}" for name, number in sorted(cut.items()))
            raise StageError(
                f"no example of the {split} split has two whole answers, so there can be no pair "
                f"(answers that are cut, by responder: {counts}); raise sampling.max_new_tokens of "
                "preference.responders, or draw more samples (generation.draws)"
            )


def require_splits(
    pairs: Sequence[PreferencePair], rejections: Sequence[Rejection], splits: Sequence[str]
) -> None:
    """Make sure, before hours of training, that there are pairs in every split.

    Raises:
        StageError: If a split has none; says why examples gave no pair.
    """
    for split in splits:
        if not any(one.split == split for one in pairs):
            reasons = Counter(one.rule for one in rejections)
            shown = ", ".join(f"{name} {number}" for name, number in reasons.most_common())
            raise StageError(
                f"none of {len(pairs)} pairs is in the {split} split, which training on pairs "
                f"needs; examples that gave no pair: {shown or 'none'}. Draw more samples "
                "(generation.draws), or raise filtering.validation_share"
            )


def reward_of(response: Response) -> float:
    """Return a response's reward.

    Raises:
        StageError: If it was not scored, or the reward is no finite number.
    """
    if response.reward is None or not math.isfinite(response.reward):
        raise StageError(
            f"response {response.id} of {response.responder!r} to example {response.example} has "
            f"reward={response.reward}; a finite number is needed: score the responses again"
        )
    return response.reward


def best_and_worst(
    responses: Iterable[Response], one_side: str | None = None
) -> tuple[Response, Response] | None:
    """Return highest and lowest reward; of equals the first is best and the last is worst.

    Args:
        responses: The responses to one instruction.
        one_side: Responder that must be one of the two: it is set against the best or the worst,
            whichever is further away, against the best in a tie.

    Returns:
        Best and worst; None for fewer than two responses, or if the one side is not among them.
    """
    ranked = sorted(responses, key=reward_of, reverse=True)  # stable: ties keep the given order
    own = next((one for one in ranked if one.responder == one_side), None)
    if len(ranked) < 2 or (one_side is not None and own is None):
        return None
    if own is None or own in (ranked[0], ranked[-1]):
        return ranked[0], ranked[-1]
    above = reward_of(ranked[0]) - reward_of(own)
    below = reward_of(own) - reward_of(ranked[-1])
    return (ranked[0], own) if above >= below else (own, ranked[-1])


def sides_of(
    responses: Sequence[Response], settings: PreferenceConfig, place: int
) -> tuple[Response, Response] | None:
    """Return chosen and rejected of the pair at a place (0, 1, ...) among those of an instruction.

    Returns:
        None if the answers do not give so many pairs.
    """
    choice = settings.choice
    if choice.rejected == "lowest" and choice.max_length_ratio is None and place == 0:
        return best_and_worst(responses, settings.one_side)
    ranked = sorted(responses, key=reward_of, reverse=True)
    found = opponents(ranked, choice) if len(ranked) > 1 else []
    return (ranked[0], found[place]) if place < len(found) else None


def choose(
    example: Example,
    responses: Sequence[Response],
    settings: PreferenceConfig,
    place: int = 0,
    tokens: tuple[str, ...] = (),
) -> PreferencePair | Rejection:
    """Make the pair of one example, or say why there is none.

    Only complete responses without control tokens take part: a truncated best would teach the
    student not to end.

    Args:
        example: The kept instruction.
        responses: All responses to it, scored, in the order of the settings.
        settings: Which pair, its least margin and greatest similarity.
        place: Which of the pairs of the instruction: 0 is the first.
        tokens: Control tokens besides those that every family has.
    """
    for response in responses:
        reward_of(response)
    complete = [response for response in responses if is_complete(response)]
    clean = [one for one in complete if role_leak.spelled(one.text, tokens) is None]
    sides = sides_of(clean, settings, place)
    if sides is None and best_and_worst(clean, settings.one_side) is not None:
        ratio = settings.choice.max_length_ratio or 0.0
        return _reject(example, responses, "length", float(len(clean)), ratio)
    if sides is None and best_and_worst(complete, settings.one_side) is not None:
        return _reject(example, responses, "control_token", float(len(clean)), 2.0)
    if sides is None:
        return _reject(example, responses, "incomplete", float(len(complete)), 2.0)
    chosen, rejected = sides
    margin = round(reward_of(chosen) - reward_of(rejected), 6)
    if plain(chosen.text) == plain(rejected.text):
        return _reject(example, responses, "identical", 1.0, settings.max_similarity)
    alike = similarity(chosen.text, rejected.text)
    if alike > settings.max_similarity:
        return _reject(example, responses, "similar", round(alike, 6), settings.max_similarity)
    if margin <= 0:
        return _reject(example, responses, "tie", margin, 0.0)
    if margin < settings.min_margin:
        return _reject(example, responses, "margin", margin, settings.min_margin)
    return _pair(example, chosen, rejected, margin)


def pair_up(
    scored: Iterable[Scored], settings: PreferenceConfig, tokens: tuple[str, ...] = ()
) -> tuple[list[PreferencePair], list[Rejection]]:
    """Make the pairs of all examples, `settings.pairs` at most, in the order given.

    Returns:
        Pairs and rejections; every example is in exactly one of the two. The first pair of an
        example has its id, further ones a number behind it.
    """
    pairs: list[PreferencePair] = []
    rejections: list[Rejection] = []
    for example, responses in scored:
        several = range(settings.choice.pairs_per_instruction)
        tried = [choose(example, responses, settings, place, tokens) for place in several]
        made = [one for one in tried if isinstance(one, PreferencePair)]
        room = settings.pairs - len(pairs)
        if made and room > 0:
            pairs += [_numbered(one, place) for place, one in enumerate(made[:room])]
        elif made:
            limit = float(settings.pairs)
            rejections.append(_reject(example, responses, "surplus", made[0].margin, limit))
        else:
            rejections += [one for one in tried[:1] if isinstance(one, Rejection)]
    return pairs, rejections


def _numbered(pair: PreferencePair, place: int) -> PreferencePair:
    return dataclasses.replace(pair, id=f"{pair.id}-{place + 1}") if place else pair


def _pair(example: Example, chosen: Response, rejected: Response, margin: float) -> PreferencePair:
    return PreferencePair(
        id=example.id,
        prompt=chosen.instruction,
        chosen=chosen.text,
        rejected=rejected.text,
        chosen_reward=reward_of(chosen),
        rejected_reward=reward_of(rejected),
        margin=margin,
        chosen_responder=chosen.responder,
        rejected_responder=rejected.responder,
        domain=example.domain,
        split=example.split,
        messages=chosen.messages,
    )


def _reject(
    example: Example, responses: Sequence[Response], rule: str, value: float, threshold: float
) -> Rejection:
    row = {
        "instruction": example.instruction,
        "domain": example.domain,
        "split": example.split,
        "responses": [dataclasses.asdict(response) for response in responses],
    }
    return Rejection(example.id, STAGE, rule, value, threshold, row)
