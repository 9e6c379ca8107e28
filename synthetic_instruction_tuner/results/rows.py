"""What a study's files hold, one mapping a row, as tables show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from synthetic_instruction_tuner.analysis.base_prompts import load_fair_results
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.config.base_prompts import TEMPLATE
from synthetic_instruction_tuner.records import Example, Rejection, TrainingRun
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE

Row = dict[str, object]


def record(one: object) -> Row:
    """Return the fields of a record."""
    assert dataclasses.is_dataclass(one)
    assert not isinstance(one, type)
    return {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}


def kept(one: Example) -> Row:
    """Return a kept row; what models measured on it are columns of their own."""
    values = record(one)
    del values["signals"]
    return {**values, **one.signals}


def rejected(one: Rejection) -> Row:
    """Return a rejected row with its texts beside the rule that it broke."""
    texts = {name: one.row.get(name, "") for name in ("instruction", "response", "domain")}
    return {**record(one), **texts}


def curve(run: TrainingRun) -> Iterator[Row]:
    """Yield every logged step, then every evaluation on the validation split."""
    for split, points in (("train", run.curve), ("validation", run.evaluations)):
        for point in points:
            yield {"model": run.subject, "split": split, **point}


def items(study: Study) -> Iterator[Row]:
    """Yield every item of every benchmark as every model answered it.

    The base is there once for each prompt in which it was asked; `counts` marks the one in which
    it is compared.
    """
    results, prompts = load_fair_results(study)
    for benchmark, measured in results.items():
        forms = prompts.get(benchmark)
        for model, one in measured.items():
            chosen = forms.chosen if forms is not None and model == BASE else None
            yield from _items(benchmark, model, one, chosen or TEMPLATE, True)
        others = {} if forms is None else forms.measured
        for prompt, one in others.items():
            if forms is not None and prompt != forms.chosen:
                yield from _items(benchmark, BASE, one, prompt, False)


def _items(
    benchmark: str, model: str, measured: Measured, prompt: str, counts: bool
) -> Iterator[Row]:
    metric = measured.result.metric
    for one in measured.items:
        yield {
            "benchmark": benchmark,
            "item": one.id,
            "group": one.cluster,
            "model": model,
            "prompt_form": prompt,
            "counts": counts,
            "metric": metric,
            "score": one.scores[metric],
            "prompt": one.detail.get("prompt", one.detail.get("question")),
            "target": one.detail.get("target"),
            "response": one.detail.get("response"),
            "detail": one.detail,
        }
