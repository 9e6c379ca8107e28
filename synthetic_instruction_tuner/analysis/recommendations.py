"""What to use when: one recommendation a use case, computed by the rule that is printed with it.

Reasons are templates: [[path|format]] stands for a figure of the results store, so that no number
is ever written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.pareto import cost_of
from synthetic_instruction_tuner.analysis.verdicts import (
    Store,
    contrast,
    is_complete,
    is_useful,
    named_base,
    verdicts,
)
from synthetic_instruction_tuner.study.subject import BASE

CHOSEN, NONE, NOT_MEASURED = "chosen", "none", "not measured"

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

TIE = 0.01
"""Relative difference below which two costs count as equal."""

COST_RULE = (
    "The cheapest arm among those that are better than the base on at least one primary "
    "benchmark and worse on none, all of them measured. Costs that differ by less than one percent "
    "count as equal; then the arm that trains faster is named."
)
SKILL_RULE = (
    "The model that trains fastest among those not worse than the highest score by more than "
    "[[terms/margin|points]] (lower end of the paired interval); an arm must also be better than "
    "the base."
)
BALANCE_RULE = (
    "The arm that trains fastest among those whose mean over all benchmarks is not behind the "
    "highest by more than [[terms/margin|points]] (lower end of the joint interval); it must be "
    "better than the base."
)
HARMLESS_RULE = (
    "All arms that are worse than the base on no benchmark at all, all of them measured."
)


def recommend(store: Store, names: Sequence[str], draws: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compute all recommendations.

    Args:
        store: The results store without recommendations.
        names: The base and the arms that tables show.
        draws: Joint bootstrap draws of the aggregate by model.
    """
    arms = [name for name in names if name != BASE]
    found = [_balance(store, arms, draws)]
    found += [one for case in SKILL_CASES if (one := _by_skill(store, names, *case))]
    found += [_by_cost(store, arms, *case) for case in COST_CASES]
    return [*found, _harmless(store, arms)]


def _case(name: str, label: str, rule: str, state: str, **rest: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"winner": None, "others": [], "reason": ""}
    return {"use_case": name, "label": label, "rule": rule, "state": state, **empty, **rest}


def _by_cost(
    store: Store, arms: Sequence[str], name: str, label: str, cost: str, path: str, form: str
) -> dict[str, Any]:
    costs = {
        arm: value for arm in arms if (value := cost_of(store["efficiency"][arm], cost)) is not None
    }
    if not costs:
        return _case(name, label, COST_RULE, NOT_MEASURED)
    useful = [arm for arm in costs if is_useful(store, arm)]
    if not useful:
        reason = "No arm is shown to be better than the base without losing elsewhere."
        return _case(name, label, COST_RULE, NONE, reason=reason)
    least = min(costs[arm] for arm in useful)
    near = [arm for arm in useful if costs[arm] <= (1 + TIE) * least]
    winner = _fastest(store, near, near[0])
    reason = f"[[efficiency/{winner}/{path}|{form}]]"
    cheaper = [arm for arm in costs if arm not in useful and costs[arm] < costs[winner]]
    reason += "".join(
        f"; {' and '.join(_label(store, arm) for arm in some)} would be cheaper, but {why}"
        for some, why in _useless(store, cheaper)
    )
    others = [arm for arm in near if arm != winner]
    return _case(name, label, COST_RULE, CHOSEN, winner=winner, others=others, reason=reason + ".")


def _useless(store: Store, arms: Sequence[str]) -> list[tuple[list[str], str]]:
    """Say why arms are of no use: no proven gain over the base, or a proven loss somewhere."""
    loses = [arm for arm in arms if "worse" in verdicts(store, arm, primary_only=True)]
    rest = [arm for arm in arms if arm not in loses]
    idle = [arm for arm in rest if is_complete(store, arm, True)]
    found = (
        (idle, "without a proven gain over the base"),
        (loses, "with a proven loss somewhere"),
        ([arm for arm in rest if arm not in idle], "not measured on every primary benchmark"),
    )
    return [(some, why) for some, why in found if some]


def _by_skill(
    store: Store, names: Sequence[str], name: str, label: str, skill: str
) -> dict[str, Any] | None:
    """Recommend for one skill; None if the study has no benchmark of it."""
    keys = [key for key, one in store["benchmarks"].items() if one["skill"] == skill]
    if not keys:
        return None
    key = max(keys, key=lambda one: (store["benchmarks"][one]["items"] or 0, -keys.index(one)))
    measured = [one for one in names if store["scores"][one][key]["status"] == "measured"]
    if not measured:
        return _case(name, label, SKILL_RULE, NOT_MEASURED, benchmark=key)
    best = max(measured, key=lambda one: (store["scores"][one][key]["score"], one))
    margin = store["terms"]["margin"]
    near = [
        one
        for one in measured
        if one == best or ((c := contrast(store, one, best, key)) and c["low"] >= -margin)
    ]
    ahead = [one for one in near if one != BASE and _is_better(store, one, key)]
    if not ahead or BASE in near:
        return _case(
            name, label, SKILL_RULE, NONE, benchmark=key, reason=_no_gain(store, best, key)
        )
    winner = _fastest(store, ahead, best)
    return _case(
        name,
        label,
        SKILL_RULE,
        CHOSEN,
        benchmark=key,
        winner=winner,
        others=[one for one in ahead if one != winner],
        reason=_gain(store, winner, best, key),
    )


def _is_better(store: Store, arm: str, benchmark: str) -> bool:
    cell = contrast(store, arm, BASE, benchmark)
    return cell is not None and cell["verdict"] == "better"


def _fastest(store: Store, arms: Sequence[str], best: str) -> str:
    """Choose the shortest training; the highest score where a time was not measured."""
    seconds = {arm: cost_of(store["efficiency"][arm], "chain_seconds") for arm in arms}
    if None in seconds.values():
        return best if best in arms else arms[0]
    return min(arms, key=lambda arm: (seconds[arm], arm != best, arm))


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


def _no_gain(store: Store, best: str, key: str) -> str:
    label = store["benchmarks"][key]["label"]
    floors = (one["benchmarks"] for one in store.get("warnings", ()) if one["kind"] == "floor")
    if any(key in some for some in floors):
        return f"{label}: too hard for every model here, the base and all arms."
    who = "the base itself" if best == BASE else _label(store, best)
    return (
        f"{label}: no arm is shown to be better than {named_base(store, key)} by enough; the "
        f"highest score is "
        f"[[scores/{best}/{key}/score|percent]] ({who})."
    )


def _balance(store: Store, arms: Sequence[str], draws: Mapping[str, Any]) -> dict[str, Any]:
    from synthetic_instruction_tuner.analysis.resampling import percentile_interval

    name, label = "balance", "Best overall for its cost"
    models = store["aggregate"]["models"]
    known = [arm for arm in arms if models.get(arm)]
    if not known or not models.get(BASE):
        return _case(name, label, BALANCE_RULE, NOT_MEASURED)
    alpha, margin = store["terms"]["alpha"], store["terms"]["margin"]
    best = max(known, key=lambda arm: (models[arm]["score"], arm))
    near = [
        arm
        for arm in known
        if percentile_interval(draws[arm] - draws[best], alpha)[0] >= -margin
        and percentile_interval(draws[arm] - draws[BASE], alpha)[0] > 0
    ]
    if not near:
        behind = [
            arm for arm in known if percentile_interval(draws[arm] - draws[BASE], alpha)[1] < 0
        ]
        reason = (
            f"No arm's mean over all benchmarks is shown to be above that of {named_base(store)}"
        )
        reason += f"; {_names(store, behind)} is shown to be below it." if behind else "."
        return _case(name, label, BALANCE_RULE, NONE, reason=reason, behind=behind)
    winner = _fastest(store, near, best)
    reason = (
        f"Mean over all benchmarks [[aggregate/models/{winner}/score|percent]] "
        f"([[aggregate/models/{BASE}/score|percent]] for {named_base(store)}), "
        f"trained in [[efficiency/{winner}/chain_seconds|seconds]]."
    )
    reason += _cheaper_open(store, [arm for arm in known if arm not in near], winner, draws)
    others = [arm for arm in near if arm != winner]
    return _case(name, label, BALANCE_RULE, CHOSEN, winner=winner, others=others, reason=reason)


def _cheaper_open(store: Store, arms: Sequence[str], winner: str, draws: Mapping[str, Any]) -> str:
    """Name arms that train faster and are not shown to be behind, so that a choice stays fair."""
    from synthetic_instruction_tuner.analysis.resampling import percentile_interval

    alpha, cost = store["terms"]["alpha"], cost_of(store["efficiency"][winner], "chain_seconds")
    close = [
        arm
        for arm in arms
        if percentile_interval(draws[arm] - draws[winner], alpha)[1] > 0
        and cost is not None
        and (own := cost_of(store["efficiency"][arm], "chain_seconds")) is not None
        and own < cost
    ]
    if not close:
        return ""
    names = _names(store, close)
    return (
        f" {names} trains faster and is not shown to be behind, but a loss of more than "
        "[[terms/margin|points]] cannot be ruled out."
    )


def _harmless(store: Store, arms: Sequence[str]) -> dict[str, Any]:
    name, label = "harmless", "No loss shown against the base"
    judged = {arm: verdicts(store, arm, primary_only=False) for arm in arms}
    known = {arm: found for arm, found in judged.items() if found}
    if not known:
        return _case(name, label, HARMLESS_RULE, NOT_MEASURED)
    fine = [
        arm
        for arm, found in known.items()
        if "worse" not in found and is_complete(store, arm, False)
    ]
    if not fine:
        reason = (
            "Every arm is worse than the base on at least one benchmark, or was not measured on it."
        )
        return _case(name, label, HARMLESS_RULE, NONE, reason=reason)
    reason = (
        "No benchmark shows a loss against the base; a loss smaller than the detectable difference "
        "may remain."
    )
    winner = fine[0] if len(fine) == 1 else None
    return _case(name, label, HARMLESS_RULE, CHOSEN, winner=winner, others=fine, reason=reason)


def _names(store: Store, arms: Sequence[str]) -> str:
    return " and ".join(_label(store, arm) for arm in arms)


def _label(store: Store, name: str) -> str:
    return str(store["subjects"][name]["label"])
