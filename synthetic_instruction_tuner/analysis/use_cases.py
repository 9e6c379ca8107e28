"""The use cases that recommendations answer, and the rules by which they are decided.

Every rule can fail: a gain has to be shown, and so has the absence of a loss (non-inferiority
within a declared margin; CONSORT extension, Piaggio et al. 2012, JAMA 308:2594).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["chosen", "none", "not measured"]

COST_CASES = (
    ("least_memory", "Least training memory", "train_memory", "memory/train", "bytes"),
    ("fastest", "Fastest to train", "chain_seconds", "chain_seconds", "seconds"),
    ("smallest_file", "Smallest file to ship", "adapter_bytes", "adapter_bytes", "bytes"),
)
"""Use case, label, cost, where the cost stands in the efficiency table, its format."""

SKILL_CASES = (
    ("right_answers", "Most right answers", "right answers"),
    ("truthfulness", "Most truthful", "truthfulness"),
    ("instruction_following", "Follows instructions best", "instruction following"),
    ("knowledge", "Knows most", "knowledge"),
    ("tools", "Acts with tools best", "acting with tools"),
)
"""Use case, label, the skill of its benchmarks."""

MEASURING = "Benchmarks at their floor or ceiling do not count."
COST_RULE = (
    "The cheapest arm among those that are better than the base on at least one primary benchmark "
    "and shown not to be behind it by [[terms/loss|points]] on any. Costs that differ by no more "
    f"than their scatter count as equal; then the higher mean is named. {MEASURING}"
)
SKILL_RULE = (
    "The model that trains fastest among those not worse than the highest score by more than "
    "[[terms/margin|points]] (lower end of the paired interval); an arm must also be better than "
    f"the base. {MEASURING}"
)
BALANCE_RULE = (
    "The arm that trains fastest among those whose mean over skills is not behind the highest by "
    "more than [[terms/margin|points]]. It must be above the base's, with the tasks like those "
    "trained on and without them; all intervals hold for all arms at once. "
    f"{MEASURING}"
)
HARMLESS_RULE = (
    "All arms that are shown not to be behind the base by [[terms/loss|points]] on any benchmark, "
    f"all of them measured; the error rate is shared among the arms. {MEASURING}"
)


@dataclass(frozen=True)
class Recommendation:
    """The answer to one use case.

    Attributes:
        use_case: Its name.
        label: What a user would say.
        rule: How it is decided; a template.
        state: Whether a model is named, none can be, or nothing was measured.
        winner: The model that is named; None where several are equal, or none.
        others: Models that the rule allows besides, or that are equal.
        reason: Why; a template.
        benchmark: The benchmark that was looked at, where it is one.
        behind: Arms that are shown to be below the base.
    """

    use_case: str
    label: str
    rule: str
    state: State
    winner: str | None = None
    others: list[str] = field(default_factory=list)
    reason: str = ""
    benchmark: str | None = None
    behind: list[str] = field(default_factory=list)
