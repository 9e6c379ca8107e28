"""What a score must be held against: guessing, constant answers, and what each model says most."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synthetic_instruction_tuner.analysis.cells import Sampled, score
from synthetic_instruction_tuner.analysis.results import Measured

CONSTANTS = "constants"
"""Name among a result's measurements: what constant answers score."""
CEILING = 0.99
"""A benchmark on which all models reach this share tells nothing of their differences."""
ONE_ANSWER = 0.95
"""Share of items from which on a model is said to give one answer to almost all."""
FEW_ITEMS = 20
"""Items below which equal answers are no sign of anything."""
LONGEST = 60
"""Characters of an answer that are shown."""

State = Literal["measures", "floor", "ceiling", "not measured"]


@dataclass(frozen=True)
class Commonest:
    """What a model says most often.

    Attributes:
        answer: The answer, cut to `LONGEST` characters.
        share: Share of the items.
        one_answer: Whether that is (almost) all it says.
    """

    answer: str
    share: float
    one_answer: bool


@dataclass(frozen=True)
class Yardstick:
    """What a benchmark's scores are held against.

    Attributes:
        chance: Score of guessing; None where there is no such thing.
        constant: The constant answer that scores best; None where none was tried.
        constant_score: Its score.
        constants: Scores of all constants.
        floor: The higher of chance and best constant: what shows no skill.
        state: Whether the benchmark measures: "floor" if no model is shown to be above the floor,
            "ceiling" if all are at the top.
        answers: By model, its most frequent answer; None without answers in the log.
    """

    chance: float | None
    constant: str | None
    constant_score: float | None
    constants: dict[str, float]
    floor: float
    state: State
    answers: dict[str, Commonest | None]

    @property
    def measures(self) -> bool:
        """Whether the benchmark may enter means and recommendations."""
        return self.state == "measures"


def describe(
    sampled: Mapping[str, Sampled],
    results: Mapping[str, Mapping[str, Measured]],
    benchmarks: Sequence[str],
    models: Sequence[str],
    alpha: float,
) -> dict[str, Yardstick]:
    """Hold every benchmark against what shows no skill.

    Args:
        sampled: Items by benchmark.
        results: What was measured.
        benchmarks: Keys of the benchmarks that score answers.
        models: Models that tables show.
        alpha: Chance that any model is wrongly said to be above a floor.
    """
    return {
        key: _yardstick(sampled.get(key), results.get(key, {}), models, alpha) for key in benchmarks
    }


def _yardstick(
    sampled: Sampled | None, measured: Mapping[str, Measured], models: Sequence[str], alpha: float
) -> Yardstick:
    first = next(iter(measured.values()), None)
    if sampled is None or first is None:
        return Yardstick(None, None, None, {}, 0.0, "not measured", dict.fromkeys(models))
    constants: dict[str, float] = dict(first.result.measurements.get(CONSTANTS, {}))
    best = max(constants, key=lambda name: (constants[name], name), default=None)
    floor = max(first.result.chance or 0.0, constants[best] if best else 0.0)
    return Yardstick(
        chance=first.result.chance,
        constant=best,
        constant_score=constants[best] if best else None,
        constants=constants,
        floor=floor,
        state=_state(sampled, models, floor, alpha),
        answers={name: commonest(measured.get(name)) for name in models},
    )


def _state(sampled: Sampled, models: Sequence[str], floor: float, alpha: float) -> State:
    """Say whether any model is above the floor, the interval widened for their number."""
    if not sampled.is_share:
        return "measures"
    known = [one for one in models if sampled.seeds(one)]
    if not known:
        return "not measured"
    cells = [score(sampled, one, alpha / len(known)) for one in known]
    if all(cell.score >= CEILING for cell in cells):
        return "ceiling"
    return "measures" if any(cell.low > floor for cell in cells) else "floor"


def commonest(measured: Measured | None) -> Commonest | None:
    """Return the most frequent answer of a model; None if its log holds no answers."""
    items = measured.items if measured else ()
    texts = [one.detail["response"] for one in items if "response" in one.detail]
    if not items or len(texts) < len(items):
        return None
    answer, times = Counter(str(one).strip() for one in texts).most_common(1)[0]
    share = times / len(texts)
    return Commonest(answer[:LONGEST], share, len(texts) >= FEW_ITEMS and share >= ONE_ANSWER)


def dump(yardsticks: Mapping[str, Yardstick]) -> dict[str, dict[str, Any]]:
    """Write as JSON values."""
    return {key: dataclasses.asdict(one) for key, one in yardsticks.items()}
