"""What to use when: one recommendation a use case, computed by the rule that is printed with it.

Reasons are templates: [[path|format]] stands for a figure of the results store, so that no number
is ever written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthetic_instruction_tuner.analysis.aggregate import Gap, Means
from synthetic_instruction_tuner.analysis.costs import cost_of
from synthetic_instruction_tuner.analysis.use_cases import (
    BALANCE_RULE,
    COST_CASES,
    COST_RULE,
    HARMLESS_RULE,
    SKILL_CASES,
    SKILL_RULE,
    Recommendation,
    State,
)
from synthetic_instruction_tuner.analysis.verdicts import (
    Store,
    against_base,
    contrast,
    is_complete,
    is_useful,
    loses_nowhere,
    measuring,
    named_base,
)
from synthetic_instruction_tuner.study.subject import BASE


def recommend(
    store: Store, names: Sequence[str], means: Means, elsewhere: Means
) -> list[Recommendation]:
    """Compute all recommendations.

    Args:
        store: The results store without recommendations.
        names: The base and the arms that tables show.
        means: Means over all skills.
        elsewhere: Means without the benchmarks of tasks like those trained on.
    """
    arms = [name for name in names if name != BASE]
    found = [_balance(store, arms, means, elsewhere)]
    found += [one for case in SKILL_CASES if (one := _by_skill(store, names, means, *case))]
    found += [_by_cost(store, arms, means, *case) for case in COST_CASES]
    return [*found, _harmless(store, arms)]


def _by_cost(
    store: Store,
    arms: Sequence[str],
    means: Means,
    name: str,
    label: str,
    cost: str,
    path: str,
    form: str,
) -> Recommendation:
    costs = {
        arm: value for arm in arms if (value := cost_of(store["efficiency"][arm], cost)) is not None
    }
    if not costs:
        return Recommendation(name, label, COST_RULE, "not measured")
    useful = [arm for arm in costs if is_useful(store, arm)]
    if not useful:
        reason = "No arm is shown to be better than the base and not to lose elsewhere."
        return Recommendation(name, label, COST_RULE, "none", reason=reason)
    least = min(useful, key=lambda arm: costs[arm].mean)
    near = [arm for arm in useful if not costs[least].is_below(costs[arm])]
    winner = _fastest(store, near, means)
    reason = f"[[efficiency/{winner}/{path}|{form}]]"
    others = [arm for arm in near if arm != winner]
    if others:
        reason += f"; {_labels(store, others)} costs as much, within the scatter of measurements"
    cheaper = [arm for arm in costs if arm not in useful and costs[arm].is_below(costs[winner])]
    reason += "".join(
        f"; {_labels(store, some)} would be cheaper, but {why}"
        for some, why in _useless(store, cheaper)
    )
    return Recommendation(name, label, COST_RULE, "chosen", winner, others, reason + ".")


def _useless(store: Store, arms: Sequence[str]) -> list[tuple[list[str], str]]:
    """Say why arms are of no use: a proven loss, no proven gain, or a loss that may be."""
    verdicts = {
        arm: [cell["verdict"] for cell in against_base(store, arm, True).values()] for arm in arms
    }
    loses = [arm for arm in arms if "worse" in verdicts[arm]]
    missing = [arm for arm in arms if arm not in loses and not is_complete(store, arm, True)]
    rest = [arm for arm in arms if arm not in {*loses, *missing}]
    idle = [arm for arm in rest if "better" not in verdicts[arm]]
    found = (
        (idle, "without a proven gain over the base"),
        (loses, "with a proven loss somewhere"),
        (
            [arm for arm in rest if arm not in idle],
            "a loss of more than [[terms/loss|points]] somewhere cannot be ruled out",
        ),
        (missing, "not measured on every primary benchmark"),
    )
    return [(some, why) for some, why in found if some]


def _by_skill(
    store: Store, names: Sequence[str], means: Means, name: str, label: str, skill: str
) -> Recommendation | None:
    """Recommend for one skill; None if the study has no benchmark of it."""
    keys = [key for key, one in store["benchmarks"].items() if one["skill"] == skill]
    if not keys:
        return None
    usable = [key for key in keys if key in measuring(store)]
    key = _chosen(store, usable or keys)
    measured = [one for one in names if store["scores"][one][key]["status"] == "measured"]
    if not measured:
        return Recommendation(name, label, SKILL_RULE, "not measured", benchmark=key)
    if not usable:
        reason = _does_not_measure(store, key)
        return Recommendation(name, label, SKILL_RULE, "none", reason=reason, benchmark=key)
    best = max(measured, key=lambda one: (store["scores"][one][key]["score"], one))
    margin = store["terms"]["margin"]
    near = [
        one
        for one in measured
        if one == best or ((c := contrast(store, one, best, key)) and c["low"] >= -margin)
    ]
    ahead = [one for one in near if one != BASE and _is_better(store, one, key)]
    if not ahead or BASE in near:
        reason = _no_gain(store, best, key)
        return Recommendation(name, label, SKILL_RULE, "none", reason=reason, benchmark=key)
    winner = _fastest(store, ahead, means, best)
    others = [one for one in ahead if one != winner]
    reason = _gain(store, winner, best, key)
    return Recommendation(name, label, SKILL_RULE, "chosen", winner, others, reason, key)


def _chosen(store: Store, keys: Sequence[str]) -> str:
    """Prefer what was declared, then most items, then the order of the settings."""
    found = store["benchmarks"]
    return max(keys, key=lambda k: (found[k]["primary"], found[k]["items"] or 0, -keys.index(k)))


def _is_better(store: Store, arm: str, benchmark: str) -> bool:
    cell = contrast(store, arm, BASE, benchmark)
    return cell is not None and cell["verdict"] == "better"


def _fastest(store: Store, arms: Sequence[str], means: Means, best: str | None = None) -> str:
    """Choose the shortest training; of times that tie, or were not measured, the highest score."""

    def rank(arm: str) -> tuple[bool, float, str]:
        mean = means.models.get(arm)
        return arm == best, mean.score if mean else 0.0, arm

    times = {arm: cost_of(store["efficiency"][arm], "chain_seconds") for arm in arms}
    known = {arm: one for arm, one in times.items() if one is not None}
    if len(known) < len(times):
        return max(arms, key=rank)
    least = min(known, key=lambda arm: (known[arm].mean, arm))
    return max((arm for arm in arms if not known[least].is_below(known[arm])), key=rank)


def _gain(store: Store, winner: str, best: str, key: str) -> str:
    label = store["benchmarks"][key]["label"]
    text = (
        f"{label}: [[scores/{winner}/{key}/score|percent]] against "
        f"[[scores/{BASE}/{key}/score|percent]] of {named_base(store, key)}"
    )
    if winner != best:
        text += (
            f"; the highest score is {_label(store, best)}'s "
            f"[[scores/{best}/{key}/score|percent]], which takes longer to train"
        )
    return text + "."


def _does_not_measure(store: Store, key: str) -> str:
    label = store["benchmarks"][key]["label"]
    if store["yardsticks"][key]["state"] == "ceiling":
        return f"{label}: solved by every model here, the base and all arms."
    return (
        f"{label}: no model here is shown to be above [[yardsticks/{key}/floor|percent]], which "
        "needs no skill."
    )


def _no_gain(store: Store, best: str, key: str) -> str:
    label = store["benchmarks"][key]["label"]
    who = "the base itself" if best == BASE else _label(store, best)
    return (
        f"{label}: no arm is shown to be better than {named_base(store, key)} by enough; the "
        f"highest score is "
        f"[[scores/{best}/{key}/score|percent]] ({who})."
    )


def _balance(store: Store, arms: Sequence[str], means: Means, elsewhere: Means) -> Recommendation:
    name, label = "balance", "Best overall for its cost"

    known = {arm: one for arm in arms if (one := means.models.get(arm)) is not None}
    behind = [arm for arm in known if _gap(means, arm, BASE).high < 0]

    def answer(state: State, reason: str = "") -> Recommendation:
        return Recommendation(name, label, BALANCE_RULE, state, reason=reason, behind=behind)

    if not known or means.models.get(BASE) is None:
        if measuring(store) or not any(row for row in store["comparisons"].values()):
            return answer("not measured")
        return answer("none", "No benchmark of this study measures all models.")
    ahead = [arm for arm in known if _gap(means, arm, BASE).low > 0]
    both = [arm for arm in ahead if _ahead_elsewhere(arm, elsewhere)]
    if not both and ahead:
        gains = _labels(store, ahead)
        where = "only with tasks like those trained on"
        return answer("none", f"{gains}: above {named_base(store)} {where}.")
    if not both:
        verb = "is" if len(behind) == 1 else "are"
        reason = f"No arm's mean over skills is shown to be above that of {named_base(store)}"
        reason += f"; {_labels(store, behind)} {verb} shown to be below it." if behind else "."
        return answer("none", reason)
    best = max(known, key=lambda arm: (known[arm].score, arm))
    margin = store["terms"]["margin"]
    near = [arm for arm in both if arm == best or _gap(means, arm, best).low >= -margin]
    if not near:
        reason = (
            "The arms above the base are behind another arm, or may be by more than the margin."
        )
        return answer("none", reason)
    winner = _fastest(store, near, means, best)
    reason = (
        f"Mean over skills [[aggregate/models/{winner}/score|percent]] "
        f"([[aggregate/models/{BASE}/score|percent]] for {named_base(store)}), "
        f"trained in [[efficiency/{winner}/chain_seconds|seconds]]."
    )
    reason += _cheaper_open(store, [arm for arm in known if arm not in near], winner, means)
    others = [arm for arm in near if arm != winner]
    return Recommendation(name, label, BALANCE_RULE, "chosen", winner, others, reason)


def _gap(means: Means, left: str, right: str) -> Gap:
    """Return the difference of two means; nothing is known where one was not measured."""
    unknown = Gap(left, right, math.nan, -math.inf, math.inf)
    return means.gaps.get(f"{left}-vs-{right}", unknown)


def _ahead_elsewhere(arm: str, elsewhere: Means) -> bool:
    """Whether an arm is above the base without the tasks like those trained on."""
    return _gap(elsewhere, arm, BASE).low > 0


def _cheaper_open(store: Store, arms: Sequence[str], winner: str, means: Means) -> str:
    """Name arms that train faster and are not shown to be behind, so that a choice stays fair."""
    cost = cost_of(store["efficiency"][winner], "chain_seconds")
    close = [
        arm
        for arm in arms
        if _gap(means, arm, winner).high > 0
        and cost is not None
        and (own := cost_of(store["efficiency"][arm], "chain_seconds")) is not None
        and own.is_below(cost)
    ]
    if not close:
        return ""
    return (
        f" {_labels(store, close)} trains faster and is not shown to be behind, but a loss of more "
        "than [[terms/margin|points]] cannot be ruled out."
    )


def _harmless(store: Store, arms: Sequence[str]) -> Recommendation:
    name, label = "harmless", "No loss against the base"
    known = [arm for arm in arms if against_base(store, arm, False)]
    if not known:
        return Recommendation(name, label, HARMLESS_RULE, "not measured")
    alpha = store["terms"]["alpha"] / len(arms)
    fine = [arm for arm in known if loses_nowhere(store, arm, False, alpha)]
    if not fine:
        reason = "For no arm can a loss of [[terms/loss|points]] be ruled out on every benchmark."
        return Recommendation(name, label, HARMLESS_RULE, "none", reason=reason)
    reason = (
        "A loss of [[terms/loss|points]] or more is ruled out on every benchmark that measures."
    )
    winner = fine[0] if len(fine) == 1 else None
    return Recommendation(name, label, HARMLESS_RULE, "chosen", winner, fine, reason)


def _label(store: Store, name: str) -> str:
    return str(store["subjects"][name]["label"])


def _labels(store: Store, names: Sequence[str]) -> str:
    return " and ".join(_label(store, name) for name in names)
