"""What was found, in sentences that follow the verdicts: an open question is never told as a win.

All sentences are templates (see `reporting.store`): they hold no numbers of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.analysis.verdicts import named_base
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.subject import BASE


def headline(results: Results) -> str:
    """Say the result of the study in one line."""
    found = recommendation(results, "balance")
    once = "" if results.data["terms"]["seeds"] > 1 else ", as trained here with one seed,"
    if found["state"] == "chosen":
        return f"{results.label(found['winner'])}{once} is the best choice overall for its cost"
    base = named_base(results.data)
    if found["state"] == "none":
        behind = [results.label(arm) for arm in found.get("behind", ())]
        if behind and len(behind) == len(results.arms):
            each = ", each trained with one seed" if once else ""
            return f"{base[:1].upper()}{base[1:]} is better than every arm overall{each}"
        verb = "is" if len(behind) == 1 else "are"
        worse = f", and {' and '.join(behind)}{once} {verb} worse" if behind else ""
        familiar = _ahead_on_familiar(results)
        if familiar:
            return (
                f"{' and '.join(familiar)}{once} beat{'s' if len(familiar) == 1 else ''} {base} on "
                f"tasks like those trained on; overall no gain is shown{worse}"
            )
        return f"No arm is shown to be better than {base} overall{worse}"
    return "Not everything is measured yet, so there is no overall result"


def _ahead_on_familiar(results: Results) -> list[str]:
    """Name the arms that are better than the base on tasks like those trained on."""
    keys = [key for key, one in results.data["benchmarks"].items() if one["in_distribution"]]
    return [
        results.label(arm)
        for arm in results.arms
        if any(
            (cell := results.difference(arm, BASE, key)) and cell["verdict"] == "better"
            for key in keys
        )
    ]


def recommendation(results: Results, use_case: str) -> Mapping[str, Any]:
    """Return the recommendation of a use case."""
    found = results.data["recommendations"]
    return next(one for one in found if one["use_case"] == use_case)


def summary(results: Results) -> list[str]:
    """Tell the study in a handful of sentences: answers, arm by arm, method against method."""
    sentences = [answers(results)]
    sentences += [against_base(results, arm) for arm in results.arms]
    sentences += method_against_method(results)
    return [one for one in sentences if one]


def answers(results: Results) -> str:
    """Tell what training did to the share of right answers."""
    key = results.answers
    if key is None:
        return "No benchmark was part of this study."
    label = results.benchmark(key)
    known = [arm for arm in results.arms if results.measured(arm, key)]
    if not known or not results.measured(BASE, key):
        return f"{label}: not measured for the base and an arm, so nothing can be said."
    best = max(known, key=lambda arm: (results.get(f"scores/{arm}/{key}/score"), arm))
    cell = results.difference(best, BASE, key)
    verdict = cell["verdict"] if cell else "inconclusive"
    base = named_base(results.data, key)
    scores = (
        f"[[scores/{best}/{key}/score|percent]] (interval {_interval(f'scores/{best}/{key}')}) "
        f"against [[scores/{BASE}/{key}/score|percent]] of {base}"
    )
    if verdict == "better":
        return f"{label}: {results.label(best)} reaches the highest score, {scores}."
    if verdict == "worse":
        return f"{label}: every arm is behind; the highest, {results.label(best)}, has {scores}."
    return (
        f"{label}: no arm is shown to be better than {base}. The best arm, {results.label(best)}, "
        f"scores {scores}; the verdict is {verdict}."
    )


def against_base(results: Results, arm: str) -> str:
    """Count an arm's verdicts against the base over all benchmarks."""
    pair = f"{arm}-vs-{BASE}"
    tally = results.get(f"tallies/{pair}") or {}
    label = results.label(arm)
    if not tally.get("measured"):
        return f"{label}: not measured."
    parts = [
        f"{word} on [[tallies/{pair}/{word}|count]]"
        for word in ("better", "worse", "equivalent", "identical", "inconclusive")
        if tally[word]
    ]
    return (
        f"{label} against the base, on [[tallies/{pair}/measured|count]] "
        f"benchmark{'' if tally['measured'] == 1 else 's'}: "
        f"{', '.join(parts)}."
    )


def method_against_method(results: Results) -> list[str]:
    """Tell the declared comparisons between arms on the benchmark of right answers."""
    key = results.answers
    if key is None:
        return []
    return [
        contrast(results, cell, key)
        for pair in results.data["declared"]
        if not pair.endswith(f"-vs-{BASE}")
        and (cell := results.get(f"comparisons/{pair}/{key}"))
        and cell["status"] == "measured"
    ]


def contrast(results: Results, cell: Mapping[str, Any], key: str) -> str:
    """Tell one comparison of two models."""
    left, right = results.label(cell["challenger"]), results.label(cell["reference"])
    path = f"comparisons/{cell['challenger']}-vs-{cell['reference']}/{key}"
    size = f"[[{path}/delta|delta]] points, interval {_interval(path, 'delta')}"
    label = results.benchmark(key)
    if cell["verdict"] in ("better", "worse"):
        return f"{left} is {cell['verdict']} than {right} on {label} ({size})."
    if cell["verdict"] == "identical":
        return f"{left} and {right} score identically on every item of {label}."
    if cell["verdict"] == "equivalent":
        return (
            f"{left} and {right} are equivalent on {label}: the difference ({size}) stays within "
            "[[terms/margin|points]]."
        )
    if cell["p"] < results.data["terms"]["alpha"]:
        missed = (
            f"On its own the difference would be significant (p [[{path}/p|p]]); corrected for the "
            f"number of comparisons it is not (p [[{path}/p_corrected|p]])."
        )
    elif cell["mde"] is None:
        missed = "There are too few groups of items to find any difference."
    else:
        missed = (
            f"A true difference of [[{path}/mde|points]] or more would probably have been found."
        )
    return f"Whether {left} or {right} is better on {label} stays open: {size}. {missed}"


def _interval(path: str, form: str = "percent") -> str:
    return f"[[{path}/low|{form}]] to [[{path}/high|{form}]]"


def costs(results: Results) -> list[str]:
    """Tell the range of training time and memory."""
    sentences = []
    for path, form, what in (
        ("chain_seconds", "seconds", "Training time"),
        ("memory/train", "bytes", "Peak training memory"),
        ("adapter_bytes", "bytes", "The file to ship"),
    ):
        known = {
            arm: value
            for arm in results.arms
            if (value := results.get(f"efficiency/{arm}/{path}")) is not None
        }
        if len(known) < 2:
            continue
        least = min(known, key=lambda arm: (known[arm], arm))
        most = max(known, key=lambda arm: (known[arm], arm))
        sentences.append(
            f"{what} goes from [[efficiency/{least}/{path}|{form}]] ({results.label(least)}) to "
            f"[[efficiency/{most}/{path}|{form}]] ({results.label(most)})."
        )
    return sentences


def preference(results: Results) -> list[str]:
    """Tell what preference training learned on held-out pairs."""
    sentences = []
    for arm in results.preference_arms:
        path, label = f"training/{arm}", results.label(arm)
        if results.get(f"{path}/last/accuracy") is None:
            sentences.append(f"{label}: preference accuracy not measured.")
            continue
        before = (
            "Before training it equals the model it is compared with and cannot prefer either "
            "answer."
            if results.get(f"{path}/first/accuracy") is None
            else f"Before training it ranked [[{path}/first/accuracy|percent]] correctly."
        )
        sentences.append(
            f"{label} ranks [[{path}/last/accuracy|percent]] of the held-out pairs correctly after "
            f"training, with a mean margin of [[{path}/last/margin|ratio]]. {before}"
        )
    return sentences


LIMITATIONS = {
    "one seed": "Every arm was trained with one seed. All verdicts are about these trained models, "
    "not about the methods: another seed may move a score by more than its interval.",
    "unequal": "The arms were not trained under equal conditions ({field}: {values}). Times and "
    "memory of these arms must not be ranked against each other.",
    "one prompt": "The student brings a chat template, so the base is asked in no other prompt on "
    "{benchmarks}. If no text ever taught it that template, name plain prompts in "
    "evaluation.base_prompts.",
    "prompts missing": "Not in every prompt was the base measured on {benchmarks}: it may be "
    "better than it is shown.",
    "prompt chosen on items": "On {benchmarks} no items are left to choose the base's prompt on; "
    "it is the best one on the measured items, which favours the base.",
    "cut": "Requests longer than what the models are given lost their beginning, solved examples "
    "and instructions included: {benchmarks}.",
    "floor": "No model is shown to be above what guessing or a constant answer scores: "
    "{benchmarks}. Equal scores there are no evidence that the methods are alike; no mean and no "
    "recommendation counts them.",
    "ceiling": "Solved by every model here: {benchmarks}. They tell no differences; no mean and no "
    "recommendation counts them.",
    "one answer": "One answer to (almost) all items: {cells}. Such a score is that of the answer, "
    "not of a skill.",
    "few clusters": "Too few groups of items for any difference to pass the corrected test: "
    "{benchmarks}.",
    "missing": "Some results are missing: {cells}. They read “not measured” everywhere.",
    "untrained": "Not trained, or the record is missing: {arms}.",
}
"""Warnings of the results store, in words."""

STANDING = (
    "A score counts on these items and in this prompt format. Another wording of the prompts can "
    "shift all models.",
    "Synthetic data passes on what its teacher does not know. A filter finds form, repetition and "
    "refusals, not every wrong answer.",
)
"""What limits every study of this kind."""

EMBEDDED = (
    "The models of this study are small ones that come with the software, and their tasks are a "
    "closed world of short, checkable questions, built so that there is something to learn: the "
    "base was told every skill of this world and asked a quarter of them. How much of the rest "
    "each method teaches, and what that costs, was found here. Ranks and costs need not carry over "
    "to large models; that the whole procedure works does."
)


def limitations(results: Results) -> list[str]:
    """List what a reader must keep in mind, the study's own first."""
    own = [_warning(results, one) for one in results.data["warnings"]]
    embedded = [EMBEDDED] if results.get("study/embedded") else []
    return [*own, *embedded, *STANDING]


def _warning(results: Results, warning: Mapping[str, Any]) -> str:
    text, kind = LIMITATIONS[warning["kind"]], warning["kind"]
    if kind == "unequal":
        pairs = (f"{results.label(arm)} {value}" for arm, value in warning["values"].items())
        return text.format(field=warning["field"], values=", ".join(pairs))
    if kind in ("missing", "one answer"):
        cells = (
            f"{results.label(one['subject'])} on {results.benchmark(one['benchmark'])}"
            for one in warning["cells"]
        )
        return text.format(cells="; ".join(cells))
    if kind == "cut":
        cut = (
            f"{one['cut_requests']:,} of {one['requests']:,} of {results.benchmark(key)}"
            for key, one in warning["benchmarks"].items()
        )
        return text.format(benchmarks="; ".join(cut))
    if "benchmarks" in warning:
        return text.format(benchmarks=", ".join(map(results.benchmark, warning["benchmarks"])))
    if kind == "untrained":
        return text.format(arms=", ".join(results.label(arm) for arm in warning["arms"]))
    return text


def conclusion(results: Results) -> list[str]:
    """Draw the conclusion from the recommendations, one sentence a use case that has an answer."""
    sentences = [f"{headline(results)}."]
    for one in results.data["recommendations"]:
        if one["state"] == "chosen" and one["winner"]:
            sentences.append(f"{one['label']}: {results.label(one['winner'])}. {one['reason']}")
    open_cases = [one["label"] for one in results.data["recommendations"] if one["state"] == "none"]
    if open_cases:
        sentences.append(f"No arm can be recommended for: {', '.join(open_cases)}.")
    return sentences
