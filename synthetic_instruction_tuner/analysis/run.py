"""The comparison: everything reports show, computed once from result files into one store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.analysis import base_prompts, gates, seeds, tuning, votes
from synthetic_instruction_tuner.analysis import yardsticks as floors
from synthetic_instruction_tuner.analysis.aggregate import Means, macro_means
from synthetic_instruction_tuner.analysis.benchmarks import describe_benchmarks
from synthetic_instruction_tuner.analysis.cells import NOT_MEASURED, Sampled, Terms, sample, score
from synthetic_instruction_tuner.analysis.chosen import describe_settings
from synthetic_instruction_tuner.analysis.dataset import describe_dataset, describe_preference
from synthetic_instruction_tuner.analysis.differences import compare_all, dump, tally
from synthetic_instruction_tuner.analysis.efficiency import efficiency
from synthetic_instruction_tuner.analysis.frames import catalogue
from synthetic_instruction_tuner.analysis.frames.scores import items as scored_items
from synthetic_instruction_tuner.analysis.pareto import fronts
from synthetic_instruction_tuner.analysis.provenance import (
    describe_inputs,
    describe_machines,
    describe_study,
    find_warnings,
    renewed,
)
from synthetic_instruction_tuner.analysis.recommendations import recommend
from synthetic_instruction_tuner.analysis.results import Results, mean
from synthetic_instruction_tuner.analysis.runs import describe_run, load_adapters, load_runs
from synthetic_instruction_tuner.analysis.scorers import describe_scorers
from synthetic_instruction_tuner.analysis.skills import describe_agents, describe_constraints
from synthetic_instruction_tuner.analysis.subjects import (
    all_pairs,
    declared_pairs,
    describe_subjects,
    headline,
    primary_benchmarks,
    runs_of,
)
from synthetic_instruction_tuner.analysis.transcripts import choose_transcripts, describe_character
from synthetic_instruction_tuner.analysis.verdicts import Store
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE
from synthetic_instruction_tuner.version import __version__

if TYPE_CHECKING:
    import pandas

SCHEMA = 1
COMPARISON = "comparison.json"
PARTS = (
    *("gates", "efficiency", "recommendations", "scores", "comparisons", "yardsticks"),
    *("base_prompts", "base_in_template"),
)
"""Parts of the store that have a file of their own, too."""


def compare(study: Study) -> Manifest:
    """Compute statistics, gates, efficiency and recommendations from what was measured.

    What is missing stays missing: it is null or "not measured" in every output. A comparison made
    from other inputs than those that are there now is made again.

    Raises:
        StageError: If results contradict themselves or were measured on unequal terms.
    """
    inputs = describe_inputs(study)
    manifest = renewed(study, study.comparison, inputs)
    if manifest is not None:
        return manifest
    started = time.monotonic()
    store, items = build_store(study)
    with study.store.writing(study.comparison) as folder:
        write_json(folder / COMPARISON, store)
        for part in PARTS:
            write_json(folder / f"{part}.json", store[part])
        catalogue.write(folder / catalogue.FOLDER, store, items)
    return study.store.commit(study.comparison, {"made_from": inputs}, time.monotonic() - started)


def build_store(study: Study) -> tuple[dict[str, Any], pandas.DataFrame]:
    """Compute the results store: nested mappings whose every leaf a report may cite by path.

    Returns:
        The store, and the score of every trained model on every item.
    """
    (results, prompts), runs = base_prompts.load_fair_results(study), load_runs(study)
    primary, adapters = primary_benchmarks(study), load_adapters(study)
    settings = study.config.evaluation
    terms = Terms(
        settings.alpha, settings.equivalence_margin, study.config.seed, settings.loss_margin
    )
    by_seed = runs_of(study)
    benchmarks = describe_benchmarks(study, results, primary)
    names = [one.name for one in headline(study)]
    arms = [name for name in names if name != BASE]
    sampled = {
        key: sample(key, results[key], terms.seed, by_seed, one["groups"] == "strata")
        for key, one in benchmarks.items()
        if results.get(key)
    }
    subjects = describe_subjects(study)
    scores = _scores(names, benchmarks, sampled, terms.alpha)
    yardsticks = floors.describe(sampled, results, list(benchmarks), names, terms.alpha)
    measuring = {key: one for key, one in sampled.items() if yardsticks[key].measures}
    means = _means(measuring, benchmarks, names, terms.alpha)
    unlike = {key: one for key, one in measuring.items() if not benchmarks[key]["in_distribution"]}
    elsewhere = _means(unlike, benchmarks, names, terms.alpha)
    strata = [key for key, one in benchmarks.items() if one["groups"] == "strata"]
    described = base_prompts.describe_prompts(prompts, terms, strata)
    pairs, declared = all_pairs(study), declared_pairs(study)
    cells = compare_all(sampled, pairs, declared, primary, terms)
    single = _by_run(results, benchmarks)
    costs = efficiency(subjects, runs, results, study.config.costs, by_seed)
    in_template = partial(_in_template, results, prompts, sampled, benchmarks, terms)
    store: dict[str, Any] = {
        "schema": SCHEMA,
        "study": describe_study(study),
        "terms": _terms(terms, len(study.config.seeds)),
        "subjects": subjects,
        "benchmarks": benchmarks,
        "dataset": describe_dataset(study),
        "preference": describe_preference(study),
        "training": {name: describe_run(run, adapters.get(name)) for name, run in runs.items()},
        "scores": scores,
        "base_prompts": described,
        "base_in_template": {
            "scores": base_prompts.template_scores(prompts, scores, described),
            "mean": in_template(means),
            "elsewhere": in_template(elsewhere),
        },
        "yardsticks": floors.dump(yardsticks),
        "comparisons": dump(cells, pairs, declared, primary),
        "declared": [pair.key for pair in declared],
        "aggregate": means.dump(),
        "elsewhere": elsewhere.dump(),
        "runs": single,
        "seeds": _plain(seeds.between_seeds(subjects, single, list(benchmarks))),
        "efficiency": costs,
        "pareto": _plain(fronts(costs, means, arms)),
        "transcripts": _transcripts(study, results, names),
        "character": describe_character(results, names),
        "agents": describe_agents(results, names, terms.alpha),
        "constraints": describe_constraints(results, names, terms.alpha),
        "scorers": describe_scorers(results, names),
        "votes": votes.describe(study, terms.alpha),
        "provenance": describe_inputs(study),
        "software": {"version": __version__},
        "settings": describe_settings(study.config),
        "machines": describe_machines(study),
    }
    if study.config.training.tuning is not None:
        store["tuning"] = tuning.describe(study)
    store["tallies"] = tally(cells)
    store["warnings"] = find_warnings(store, runs)
    store["gates"] = [vars(one) for one in gates.evaluate(store, study.config.gates)]
    store["recommendations"] = [vars(one) for one in recommend(store, names, means, elsewhere)]
    return store, scored_items(sampled, results, prompts)


def _in_template(
    results: Results,
    prompts: base_prompts.Prompts,
    sampled: Mapping[str, Sampled],
    benchmarks: Mapping[str, Store],
    terms: Terms,
    means: Means,
) -> Store | None:
    """Average the base's scores in the template over the benchmarks of these means."""
    chosen = {key: sampled[key] for key in means.benchmarks}
    return base_prompts.template_mean(results, prompts, chosen, benchmarks, terms)


def _terms(terms: Terms, seeds: int) -> dict[str, float]:
    return {
        "alpha": terms.alpha,
        "confidence": 1 - terms.alpha,
        "margin": terms.margin,
        "loss": terms.loss,
        "seeds": seeds,
    }


def _plain(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Write a table of records as JSON values."""
    return {name: {key: vars(one) for key, one in row.items()} for name, row in table.items()}


def _scores(
    names: Sequence[str],
    benchmarks: Mapping[str, Any],
    sampled: Mapping[str, Sampled],
    alpha: float,
) -> dict[str, dict[str, Any]]:
    """Bound every score; an arm's is the mean of its training seeds."""
    return {
        name: {
            key: vars(score(sampled[key], name, alpha))
            if key in sampled and sampled[key].seeds(name)
            else dict(NOT_MEASURED)
            for key in benchmarks
        }
        for name in names
    }


def _by_run(results: Results, benchmarks: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Collect the scores of every single training."""
    found: dict[str, dict[str, float]] = {}
    for key in benchmarks:
        for name, one in results.get(key, {}).items():
            found.setdefault(name, {})[key] = mean(one.values)
    return found


def _means(
    sampled: Mapping[str, Sampled],
    benchmarks: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    alpha: float,
) -> Means:
    chances = {key: one["chance"] for key, one in benchmarks.items()}
    skills = {key: one["skill"] for key, one in benchmarks.items()}
    return macro_means(sampled, chances, skills, names, alpha)


def _transcripts(study: Study, results: Results, names: list[str]) -> list[dict[str, Any]]:
    count = study.config.evaluation.transcripts
    return choose_transcripts(results, names, count, study.config.seed)
