"""Studies side by side: paired by item where both asked the same items on equal terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthetic_instruction_tuner.analysis.base_prompts import load_fair_results
from synthetic_instruction_tuner.analysis.benchmarks import describe_benchmarks
from synthetic_instruction_tuner.analysis.cells import Sampled, Terms, sample, score
from synthetic_instruction_tuner.analysis.differences import Difference, compare_all
from synthetic_instruction_tuner.analysis.results import Measured, Results, find_difference
from synthetic_instruction_tuner.analysis.subjects import Pair, runs_of
from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE, benchmark_key


@dataclass(frozen=True)
class StudyScore:
    """Score of one model of one study on one benchmark, a mean over its training seeds."""

    study: str
    model: str
    benchmark: str
    n: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class StudyDifference:
    """A model of one study against the model of the same name in the first one, item by item.

    Attributes:
        study: The other study.
        against: The first study.
        difference: The paired difference, study - against, tested, bounded and judged; p values
            are corrected over all differences that are shown (Holm).
    """

    study: str
    against: str
    model: str
    benchmark: str
    difference: Difference


@dataclass(frozen=True)
class SideBySide:
    """Several studies side by side.

    Attributes:
        studies: Their names, the first one being what the others are compared with.
        refused: What cannot be compared, and why, in lines.
    """

    studies: tuple[str, ...]
    scores: tuple[StudyScore, ...]
    differences: tuple[StudyDifference, ...]
    refused: tuple[str, ...]


def compare_studies(studies: Sequence[Study]) -> SideBySide:
    """Compare studies with the first of them.

    Error rate and margins are those of the first one's settings.

    Raises:
        ConfigurationError: If there are not two workspaces, or one is named twice.
        StageError: If they have nothing in common that can be compared; says why.
    """
    if len({one.root for one in studies}) < max(2, len(studies)):
        raise ConfigurationError("name two or more workspaces, each of them once")
    names = _names(studies)
    results = {name: load_fair_results(one)[0] for name, one in zip(names, studies, strict=True)}
    first, settings = studies[0], studies[0].config.evaluation
    refused: list[str] = []
    matched = {
        key: one
        for key in describe_benchmarks(first, results[names[0]], [])
        if len(one := _match(key, names, results, refused)) > 0
    }
    runs = {
        (name, model): {seed: _key(name, run) for seed, run in by_seed.items()}
        for name, one in zip(names, studies, strict=True)
        for model, by_seed in runs_of(one).items()
    }
    terms = Terms(
        settings.alpha, settings.equivalence_margin, first.config.seed, settings.loss_margin
    )
    sampled = _sampled(first, matched, runs, terms.seed)
    models = [model for name, model in runs if name == names[0]]
    pairs = {
        Pair(_key(name, model), _key(names[0], model)): (name, model)
        for name in names[1:]
        for model in models
        if (name, model) in runs
    }
    cells = compare_all(sampled, list(pairs), list(pairs), list(sampled), terms)
    found = [
        StudyDifference(name, names[0], model, key, cell)
        for pair, (name, model) in pairs.items()
        for key, cell in cells[pair.key].items()
        if cell is not None
    ]
    if not found:
        raise StageError(f"nothing can be compared: {'; '.join(refused) or 'no common results'}")
    scores = _scores(sampled, runs, terms.alpha)
    return SideBySide(tuple(names), tuple(scores), tuple(found), tuple(refused))


def _names(studies: Sequence[Study]) -> list[str]:
    """Name studies by their own names if these differ, else by their folders."""
    for names in (
        [one.config.name for one in studies],
        [one.root.name for one in studies],
        [str(one.root) for one in studies],
    ):
        if len(set(names)) == len(names):
            break
    return names


def _key(study: str, model: str) -> str:
    return f"{study}: {model}"


def _match(
    benchmark: str, names: Sequence[str], results: Mapping[str, Results], refused: list[str]
) -> dict[str, Measured]:
    """Collect the results of a benchmark that can be paired with those of the first study."""
    own = results[names[0]].get(benchmark, {})
    found: dict[str, Measured] = {}
    for name in names[1:]:
        others = results[name].get(benchmark, {})
        common = [model for model in own if model in others]
        if not common:
            refused.append(f"{benchmark}: {name} and {names[0]} have no model in common on it")
        for model in common:
            why = find_difference(own[model], others[model], prompts=model != BASE)
            if why is not None:
                refused.append(f"{benchmark}, {model} of {name} and {names[0]}: {why}")
                continue
            found[_key(names[0], model)] = own[model]
            found[_key(name, model)] = others[model]
    return found


def _sampled(
    first: Study,
    matched: Mapping[str, Mapping[str, Measured]],
    runs: Mapping[tuple[str, str], Mapping[int | None, str]],
    seed: int,
) -> dict[str, Sampled]:
    """Align the items of all models of a benchmark; strata stay strata."""
    by_model = {_key(*place): by_seed for place, by_seed in runs.items()}
    strata = {
        benchmark_key(one)
        for one in first.config.evaluation.benchmarks
        if benchmark_named(one.name).groups == "strata"
    }
    return {
        key: sample(key, measured, seed, by_model, key in strata)
        for key, measured in matched.items()
    }


def _scores(
    sampled: Mapping[str, Sampled],
    runs: Mapping[tuple[str, str], Mapping[int | None, str]],
    alpha: float,
) -> Iterator[StudyScore]:
    for key, one in sampled.items():
        for name, model in runs:
            if one.seeds(_key(name, model)):
                found = score(one, _key(name, model), alpha)
                yield StudyScore(name, model, key, found.n, found.score, found.low, found.high)
