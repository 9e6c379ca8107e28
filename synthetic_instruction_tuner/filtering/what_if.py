"""What another threshold would have kept, from the draws that are there: nothing is generated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from synthetic_instruction_tuner.config import FilteringConfig, yaml_text
from synthetic_instruction_tuner.config.explained import explain
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.filtering import signals
from synthetic_instruction_tuner.filtering.decision import Decision, decide
from synthetic_instruction_tuner.filtering.embeddings import embedder
from synthetic_instruction_tuner.filtering.run import read_items, settings_of
from synthetic_instruction_tuner.generation.store import read_samples
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.rules import all_rules
from synthetic_instruction_tuner.study.graph import Study

AS_CONFIGURED = "as configured"


class Variant(NamedTuple):
    """What one setting would do.

    Attributes:
        setting: The override, or "as configured".
        passed: Rows that pass everything, beyond the target too.
        gained: Rows that pass here, but not as configured.
        lost: Rows that pass as configured, but not here.
        mean_quality: Mean quality score of the kept rows; None if there are none.
        rejected: Rows by the step that rejects them.
    """

    setting: str
    passed: int
    gained: int
    lost: int
    mean_quality: float | None
    rejected: dict[str, int]


def what_if(study: Study, overrides: Sequence[str], progress: Progress) -> list[Variant]:
    """Filter the draws that are there under other settings, one override at a time.

    Args:
        study: The study; all its draws count.
        overrides: "rule.field=value" ("length.min_words=10"), or another field of `filtering`
            ("duplicates.similarity=0.9", "quality.min_likelihood=-0.2"). Several in one string,
            spaces between, count together.
        progress: Hears of every variant.

    Returns:
        The study's own settings first, then each override.

    Raises:
        ConfigurationError: If a rule, field or value does not exist, or a value is no YAML.
    """
    settings = settings_of(study)
    variants = [(AS_CONFIGURED, settings)]
    variants += [(text, override(settings, text.split())) for text in overrides]
    samples, known = read_samples(study), read_items(study)
    measured = signals.read(study)
    table: list[Variant] = []
    before: set[str] = set()
    for done, (name, config) in enumerate(variants, start=1):
        endless = config.model_copy(update={"target": len(samples) or 1})
        items = known if config.decontaminate else []
        encoder = config.duplicates.embedding
        embed = embedder(encoder) if encoder else None
        reader = config.contamination.embedding
        decision = decide(
            samples,
            endless,
            items,
            study.config.seed,
            embed=embed,
            measured=measured,
            embed_items=embedder(reader) if reader else None,
        )
        passing = {one.id for one in decision.kept}
        before = passing if done == 1 else before
        table.append(_variant(name, decision, passing, before))
        progress.update(done, len(variants), name)
    return table


def _variant(name: str, decision: Decision, passing: set[str], before: set[str]) -> Variant:
    scores = [one.quality for one in decision.kept]
    return Variant(
        setting=name,
        passed=len(passing),
        gained=len(passing - before),
        lost=len(before - passing),
        mean_quality=round(sum(scores) / len(scores), 4) if scores else None,
        rejected=dict(Counter(one.rule for one in decision.rejected)),
    )


def override(settings: FilteringConfig, assignments: Iterable[str]) -> FilteringConfig:
    """Return settings with some fields changed."""
    values = settings.model_dump(mode="json")
    for assignment in assignments:
        path, found, text = assignment.strip().partition("=")
        if not found:
            raise ConfigurationError(f"{assignment!r}; wanted: rule.field=value")
        *parents, field = _full_path(path)
        target = values
        for name in parents:
            target = _inside(target, name, path)
        _inside(target, field, path)
        try:
            target[field] = yaml_text.parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{assignment!r}: {text!r} is not YAML: {error}") from error
    try:
        return FilteringConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(f"filtering.{explain(error, values, FilteringConfig)}") from error


def _full_path(path: str) -> list[str]:
    parts = path.removeprefix("filtering.").split(".")
    return ["rules", *parts] if parts[0] in all_rules() else parts


def _inside(values: dict[str, Any], name: str, path: str) -> Any:
    if name not in values:
        allowed = ", ".join(sorted({*values, *(all_rules() if "rules" in values else ())}))
        raise ConfigurationError(f"{path!r}: there is no {name!r}; allowed: {allowed}")
    return values[name]
