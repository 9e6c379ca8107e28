"""Tables of how results came about: data, training, costs, criteria, settings, machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from synthetic_instruction_tuner.analysis.frames.scores import Rows
from synthetic_instruction_tuner.analysis.verdicts import Store

KEPT_APART = ("curve", "evaluations", "conditions", "first", "last", "adapter")
"""Parts of a training run that have a table of their own, or repeat one."""


def models(store: Store) -> Rows:
    """Base and arms: method, data, training seed."""
    for name, one in store["subjects"].items():
        yield {"run": name, **{k: v for k, v in one.items() if k != "settings"}}


def training(store: Store) -> Rows:
    """How every training went; loss before and after on validation rows."""
    for name, run in store["training"].items():
        told = {key: value for key, value in run.items() if key not in KEPT_APART}
        for when in ("first", "last"):
            point: Mapping[str, object] = run.get(when) or {}
            told |= {f"{when}_{key}": value for key, value in point.items()}
        yield {"run": name, **told}


def curves(store: Store) -> Rows:
    """Training curves: every point of training and of validation."""
    for name, run in store["training"].items():
        for kind, part in (("training", "curve"), ("validation", "evaluations")):
            for point in run.get(part) or ():
                yield {"run": name, "rows": kind, **point}


def costs(store: Store) -> Rows:
    """What every training cost, and how fast the model writes."""
    for name, one in store["efficiency"].items():
        memory = {f"memory_{phase}": value for phase, value in (one["memory"] or {}).items()}
        rest = {k: v for k, v in one.items() if k not in ("memory", "repeated")}
        yield {"run": name, **rest, **memory}


def pareto(store: Store) -> Rows:
    """Quality against every cost, costs being means over training seeds."""
    for cost, row in store["pareto"].items():
        for model, point in row.items():
            yield {"cost_name": cost, "model": model, **point}


def dataset(store: Store) -> Rows:
    """The data set in figures."""
    yield from figures(store["dataset"], without=("rules", "examples", "generation"))
    generation = store["dataset"].get("generation") or {}
    yield from figures({"generation": generation})


def rules(store: Store) -> Rows:
    """Rows rejected by each rule."""
    for one in store["dataset"].get("rules", ()):
        yield {"stage": one["stage"], "rule": one["rule"], "rows": one["count"]}


def preference(store: Store) -> Rows:
    """The preference pairs in figures."""
    yield from figures(store["preference"])


def figures(values: Store, without: tuple[str, ...] = ()) -> Rows:
    """Write nested values as rows of a figure's path and its value."""
    for name, value in flat(values, ""):
        if name.partition(".")[0] not in without:
            yield {"figure": name, "value": value}


def flat(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield path and value of every leaf; list entries are named by `name`, else by number."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flat(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(one, Mapping) for one in value):
        for place, one in enumerate(value):
            name = one.get("name", place) if isinstance(one, Mapping) else place
            yield from flat(one, f"{path}.{name}")
    else:
        yield path, list(value) if isinstance(value, tuple) else value


def gates(store: Store) -> Rows:
    """Criteria: what was required, what was measured."""
    yield from store["gates"]


def recommendations(store: Store) -> Rows:
    """What to use when, and which models come next, or are behind the base."""
    for one in store["recommendations"]:
        yield {name: value for name, value in one.items() if name not in ("reason", "rule")}


def settings(store: Store) -> Rows:
    """Every setting that the results depend on, its default, and why it departs from it."""
    yield from store["settings"]


def conditions(store: Store) -> Rows:
    """Conditions of every training and every benchmark: device, precision, lengths, versions."""
    for name, run in store["training"].items():
        for path, value in flat({**run.get("conditions", {}), **_adapter(run)}, ""):
            yield {"of": f"training {name}", "condition": path, "value": value}
    for key, one in store["benchmarks"].items():
        for path, value in flat(one["conditions"], ""):
            yield {"of": f"benchmark {key}", "condition": path, "value": value}


def _adapter(run: Store) -> Store:
    return {"adapter": run["adapter"]} if run.get("adapter") else {}


def machines(store: Store) -> Rows:
    """Machines and package versions, by the stages that ran there."""
    for number, one in enumerate(store["machines"], start=1):
        for path, value in flat(one, ""):
            yield {"machine": number, "figure": path, "value": value}


def provenance(store: Store) -> Rows:
    """Hash of every artifact that the results were made from; empty where it is missing."""
    for name, content in store["provenance"].items():
        yield {"artifact": name, "content": content}
