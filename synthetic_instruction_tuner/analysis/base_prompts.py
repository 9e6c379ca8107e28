"""The base in its best prompt: in which form it counts, chosen on items that are not measured.

A base that was never trained on the template may know the answer and not the form. So it counts in
the form in which it answers best (OLMES, arXiv 2406.08446, takes the better of two forms for every
model), and its score in the template stands beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.analysis.aggregate import macro_means
from synthetic_instruction_tuner.analysis.cells import (
    NOT_MEASURED,
    Sampled,
    Terms,
    sample,
    score,
)
from synthetic_instruction_tuner.analysis.results import (
    Measured,
    find_difference,
    load_results,
    mean,
    read_measured,
)
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.config.base_prompts import TEMPLATE, base_prompt
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.run import NO_ITEMS, RANKED
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE, Reading, benchmark_key

SEPARATE, SAME, ONLY = "separate items", "the measured items", "the only prompt"
"""On what a form was chosen."""


@dataclass(frozen=True)
class Forms:
    """The base on one benchmark, asked in several forms.

    Attributes:
        measured: By form, on the items on which all models are measured.
        selection: By form, on the items that choose.
        left_out: Why the base was not asked in a form.
        missing: Forms that were not measured yet.
    """

    measured: dict[str, Measured]
    selection: dict[str, Measured]
    left_out: dict[str, str]
    missing: tuple[str, ...]

    @property
    def chosen(self) -> str | None:
        """The form in which the base counts: the best one, of equal ones the first."""
        rows = self.selection or self.measured
        known = [name for name in self.measured if name in rows]
        return max(known or self.measured, key=lambda name: _score(rows, name), default=None)

    @property
    def chosen_on(self) -> str:
        """What the choice rests on; the measured items themselves favour the base."""
        if len(self.measured) < 2:
            return ONLY
        return SEPARATE if self.selection else SAME


def _score(rows: Mapping[str, Measured], name: str) -> float:
    one = rows[name]
    return mean(one.values) if one.result.higher_is_better else -mean(one.values)


Prompts = Mapping[str, Forms]
"""By benchmark whose answers models write."""


def load_fair_results(study: Study) -> tuple[dict[str, dict[str, Measured]], dict[str, Forms]]:
    """Read every result, the base's in its best prompt.

    Returns:
        Results by benchmark and model, and the forms in which the base was asked.

    Raises:
        StageError: If a file contradicts itself, or two readings were measured on unequal terms.
    """
    results = load_results(study)
    prompts = {}
    for benchmark in study.config.evaluation.benchmarks:
        key = benchmark_key(benchmark)
        forms = load_forms(study, benchmark, results[key])
        if forms is not None:
            prompts[key] = forms
            if forms.chosen is not None:
                results[key] = {BASE: forms.measured[forms.chosen]} | {
                    name: one for name, one in results[key].items() if name != BASE
                }
    return results, prompts


def load_forms(
    study: Study, benchmark: BenchmarkConfig, results: Mapping[str, Measured]
) -> Forms | None:
    """Read the base on one benchmark in every form; None if there is one form only.

    Args:
        study: The study.
        benchmark: The benchmark.
        results: All models in the template.
    """
    template = results.get(BASE)
    wanted = [one for one in study.readings if one.benchmark == benchmark]
    forms = Forms({} if template is None else {TEMPLATE: template}, {}, {}, ())
    missing = [] if template is not None else [TEMPLATE]
    for one in wanted:
        manifest = study.store.find(study.reading(one))
        if manifest is None:
            missing.append(one.prompt)
        elif (reason := manifest.facts.get("left_out")) is not None:
            forms.left_out.setdefault(one.prompt, "" if reason == NO_ITEMS else str(reason))
        else:
            found = read_measured(manifest, BASE, benchmark_key(benchmark))
            (forms.selection if one.selecting else forms.measured)[one.prompt] = found
    if not wanted or RANKED in forms.left_out.values():
        return None
    for name, found in forms.measured.items():
        _require_equal_items(study, Reading(benchmark, name, False), results, found)
    left_out = {name: reason for name, reason in forms.left_out.items() if reason}
    ordered = tuple(name for name in dict.fromkeys(one.prompt for one in wanted) if name in missing)
    return Forms(forms.measured, forms.selection, left_out, ordered)


def _require_equal_items(
    study: Study, reading: Reading, results: Mapping[str, Measured], found: Measured
) -> None:
    reference = next(iter(results.values()), found)
    difference = find_difference(reference, found, prompts=False)
    if difference:
        raise StageError(
            f"{study.store.folder(study.reading(reading))}: {reading.prompt} and the template "
            f"cannot be compared: {difference}; delete it and evaluate again"
        )


def counted(study: Study, benchmark: BenchmarkConfig) -> Artifact:
    """Return the artifact of the base in the form in which it counts."""
    template = study.result(study.subject(BASE), benchmark)
    manifest = study.store.find(template)
    found = {} if manifest is None else {BASE: read_measured(manifest, BASE, benchmark.key)}
    forms = load_forms(study, benchmark, found)
    if forms is None or forms.chosen in (None, TEMPLATE):
        return template
    return study.reading(Reading(benchmark, str(forms.chosen), False))


def describe_prompts(
    prompts: Prompts, terms: Terms, strata: Container[str] = ()
) -> dict[str, dict[str, Any]]:
    """Describe in which forms the base was asked, and in which it counts.

    Args:
        prompts: The forms by benchmark.
        terms: Error rate and seed.
        strata: Benchmarks whose groups of items are strata.

    Returns:
        By benchmark: "chosen", "chosen_on", "missing", and "forms" with the label, the score and
        interval on the measured items, and the score on those that choose; a form that does not
        apply has its "reason".
    """
    return {key: _describe(key, forms, terms, key in strata) for key, forms in prompts.items()}


def _describe(key: str, forms: Forms, terms: Terms, strata: bool) -> dict[str, Any]:
    names = dict.fromkeys(
        [TEMPLATE, *forms.measured, *forms.selection, *forms.left_out, *forms.missing]
    )
    return {
        "chosen": forms.chosen,
        "chosen_on": forms.chosen_on,
        "missing": list(forms.missing),
        "left_out": next(iter(forms.left_out.values()), None),
        "forms": {name: _form(key, name, forms, terms, strata) for name in names},
    }


def _form(key: str, name: str, forms: Forms, terms: Terms, strata: bool) -> dict[str, Any]:
    cell: dict[str, Any] = dict(NOT_MEASURED)
    if name in forms.measured:
        one = forms.measured[name]
        sampled = sample(key, {BASE: one}, terms.seed, strata=strata)
        cell = dataclasses.asdict(score(sampled, BASE, terms.alpha))
    elif name in forms.left_out:
        cell = {"status": "left out", "reason": forms.left_out[name]}
    chose = forms.selection.get(name)
    return cell | {
        "label": label(name),
        "counts": name == forms.chosen,
        "selection_score": None if chose is None else mean(chose.values),
        "selection_items": None if chose is None else len(chose.items),
    }


def label(name: str) -> str:
    """Name a form for readers."""
    prompt = base_prompt(name)
    if prompt.layout is None:
        return "chat template"
    plain = f"{prompt.layout.question} … {prompt.layout.answer}"
    return f"{plain} after {prompt.examples} examples" if prompt.examples else plain


def template_scores(
    prompts: Prompts, scores: Mapping[str, Mapping[str, Any]], described: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the base's cells in the template; what is ranked has one form, and that one."""
    return {
        key: described[key]["forms"][TEMPLATE] if key in prompts else cell
        for key, cell in scores[BASE].items()
    }


def template_mean(
    results: Mapping[str, Mapping[str, Measured]],
    prompts: Prompts,
    sampled: Mapping[str, Sampled],
    benchmarks: Mapping[str, Mapping[str, Any]],
    terms: Terms,
) -> dict[str, Any] | None:
    """Average the base's scores as `macro_means` does, in the template everywhere.

    Args:
        results: What was measured, the base in its best prompt.
        prompts: The forms in which the base was asked.
        sampled: The benchmarks that are averaged.
        benchmarks: Descriptions: chance, skill and groups.
        terms: Error rate and seed.
    """
    shared = {key: one for key, one in sampled.items() if BASE in one.values}
    for key, forms in prompts.items():
        if forms.chosen in (None, TEMPLATE) or key not in shared:
            continue
        if TEMPLATE not in forms.measured:
            return None
        models = {**results[key], BASE: forms.measured[TEMPLATE]}
        strata = benchmarks[key]["groups"] == "strata"
        shared[key] = sample(key, models, terms.seed, strata=strata)
    chances = {key: one["chance"] for key, one in benchmarks.items()}
    skills = {key: one["skill"] for key, one in benchmarks.items()}
    found = macro_means(shared, chances, skills, [BASE], terms.alpha).models[BASE]
    return None if found is None else dataclasses.asdict(found)
