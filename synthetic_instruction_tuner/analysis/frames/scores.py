"""Tables of what was measured: items, scores, comparisons, means, floors, prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.analysis.base_prompts import Forms, Prompts
from synthetic_instruction_tuner.analysis.cells import Sampled
from synthetic_instruction_tuner.analysis.results import Results
from synthetic_instruction_tuner.analysis.verdicts import Store

if TYPE_CHECKING:
    import pandas

Rows = Iterator[Mapping[str, object]]


def items(sampled: Mapping[str, Sampled], results: Results, prompts: Prompts) -> pandas.DataFrame:
    """Score of every trained model on every item; one column a model and training seed.

    `base` is the base in its best prompt; its other prompts follow as "base, <prompt>". `unit` is
    what counts as drawn: the item itself, or the cluster that items share.
    """
    import pandas

    parts = []
    for key, one in sampled.items():
        reference = next(iter(results[key].values()))
        by_id = {item.id: item.cluster for item in reference.items}
        names = sorted(by_id)
        frame = pandas.DataFrame({"benchmark": key, "item": names})
        frame["group"] = [by_id[name] for name in names]
        frame["unit"] = one.clusters if one.clustered else names
        parts.append(frame.assign(**one.values, **_other_prompts(prompts.get(key), names)))
    if not parts:
        return pandas.DataFrame(columns=["benchmark", "item", "group", "unit"])
    return pandas.concat(parts, ignore_index=True)


def _other_prompts(forms: Forms | None, order: Sequence[str]) -> dict[str, list[float]]:
    """Return the base's scores in the prompts in which it does not count."""
    found: dict[str, list[float]] = {}
    if forms is None:
        return found
    for name, one in forms.measured.items():
        by_id = {item.id: item.scores[one.result.metric] for item in one.items}
        if name != forms.chosen:
            found[f"base, {name}"] = [by_id[item] for item in order]
    return found


def scores(store: Store) -> Rows:
    """Score of every model on every benchmark, a mean over training seeds."""
    for model, row in store["scores"].items():
        for key, cell in row.items():
            yield {"model": model, "benchmark": key, **cell}


def runs(store: Store) -> Rows:
    """Score of every single training."""
    for name, row in store["runs"].items():
        subject = store["subjects"][name]
        for key, value in row.items():
            yield {
                "run": name,
                "arm": subject["arm"],
                "seed": subject["seed"],
                "benchmark": key,
                "score": value,
            }


def seeds(store: Store) -> Rows:
    """Spread of an arm's scores between training seeds."""
    for arm, row in store["seeds"].items():
        for key, cell in row.items():
            yield {"arm": arm, "benchmark": key, **cell}


def comparisons(store: Store) -> Rows:
    """Paired difference of two models on a benchmark, tested, bounded and judged."""
    for row in store["comparisons"].values():
        for key, cell in row.items():
            both = {
                f"{role}_score": store["scores"][cell[role]][key].get("score")
                for role in ("challenger", "reference")
            }
            yield {"benchmark": key, **both, **cell}


MEANS = {"aggregate": "all skills", "elsewhere": "without tasks like those trained on"}


def means(store: Store) -> Rows:
    """Mean over skills, scaled so that guessing is zero; `prompt`: in which the base was asked."""
    for part, over in MEANS.items():
        for model, one in store[part]["models"].items():
            yield {"over": over, "model": model, "prompt": "best", **(one or {})}
        place = "mean" if part == "aggregate" else part
        template = store["base_in_template"][place]
        yield {"over": over, "model": "base", "prompt": "template", **(template or {})}


def weights(store: Store) -> Rows:
    """What enters a mean: the sum of weight * (score - chance) over these benchmarks."""
    for part, over in MEANS.items():
        skills = store[part]["skills"]
        for skill, keys in skills.items():
            for key in keys:
                chance = store["benchmarks"][key]["chance"] or 0.0
                share = 1 / (len(skills) * len(keys) * (1 - chance))
                yield {
                    "over": over, "skill": skill, "benchmark": key, "chance": chance,
                    "weight": share,
                }  # fmt: skip


def gaps(store: Store) -> Rows:
    """Difference of two means; intervals hold for all arms at once."""
    for part, over in MEANS.items():
        for one in store[part]["gaps"].values():
            yield {"over": over, **one}


def benchmarks(store: Store) -> Rows:
    """What each benchmark asks, and whether it measures."""
    for key, one in store["benchmarks"].items():
        told = {name: value for name, value in one.items() if name != "conditions"}
        yardstick = store["yardsticks"][key]
        yield {
            "benchmark": key, **told, "floor": yardstick["floor"], "state": yardstick["state"],
        }  # fmt: skip


def constants(store: Store) -> Rows:
    """Score of every constant answer by the benchmark's own checker."""
    for key, one in store["yardsticks"].items():
        for answer, score in one["constants"].items():
            yield {"benchmark": key, "answer": answer, "score": score}


def commonest(store: Store) -> Rows:
    """Most frequent answer of every model."""
    for key, one in store["yardsticks"].items():
        for model, said in one["answers"].items():
            if said is not None:
                yield {"benchmark": key, "model": model, **said}


def base_prompts(store: Store) -> Rows:
    """Score of the base in every prompt, on measured items and on those that chose."""
    for key, one in store["base_prompts"].items():
        for name, cell in one["forms"].items():
            yield {"benchmark": key, "prompt": name, **cell}


def agents(store: Store) -> Rows:
    """Agent tasks done, by category and level; of the first training seed."""
    for key, models in store["agents"].items():
        for model, one in models.items():
            if one is None:
                continue
            yield {"benchmark": key, "model": model, "part": "all", **one["overall"]}
            for kind in ("category", "level"):
                for part, cell in one[kind].items():
                    yield {"benchmark": key, "model": model, "part": f"{kind} {part}", **cell}


def agent_errors(store: Store) -> Rows:
    """Failed agent tasks that showed an error; of the first training seed."""
    for key, models in store["agents"].items():
        for model, one in models.items():
            for error, count in (one or {}).get("errors", {}).items():
                yield {"benchmark": key, "model": model, "error": error, "episodes": count}


def constraints(store: Store) -> Rows:
    """Share of constraints obeyed, by what they are about; of the first training seed."""
    for key, models in store["constraints"].items():
        for model, found in models.items():
            for name, cell in (found or {}).items():
                yield {"benchmark": key, "model": model, "constraint": name, **cell}


def character(store: Store) -> Rows:
    """How free answers look: length, variety, refusals."""
    for model, one in store["character"]["models"].items():
        if one is not None:
            yield {"benchmark": store["character"]["benchmark"], "model": model, **one}


def votes(store: Store) -> Rows:
    """What people preferred."""
    rows: Sequence[Mapping[str, object]] = store["votes"].get("win_rates", ())
    yield from rows


def scorers(store: Store) -> Rows:
    """How far the fast scorer is from lm-evaluation-harness."""
    for key, one in store["scorers"].items():
        yield {"benchmark": key, **one}
