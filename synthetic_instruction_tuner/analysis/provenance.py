"""What a comparison was made from, and what a reader must be warned of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.analysis import votes
from synthetic_instruction_tuner.analysis.base_prompts import SAME
from synthetic_instruction_tuner.analysis.chosen import describe_settings
from synthetic_instruction_tuner.generation.store import chunk_manifests
from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest, read_manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study

COMPARABLE = ("device", "device_name", "precision", "quantization")
"""Conditions of training that must agree before times and memory may be ranked."""


def content_of(manifest: Manifest | None) -> str | None:
    """Hash what an artifact holds, None if it is not there."""
    return None if manifest is None else digest(dict(manifest.files))


def describe_inputs(study: Study) -> dict[str, str | None]:
    """Name every artifact the comparison reads, with the hash of its content; None: missing.

    Settings that no identity contains (batch sizes) are printed, so they count as an input.
    Votes of people are there only if somebody imported them.
    """
    found = {one.name: content_of(study.store.find(one)) for one in study.comparison.inputs}
    found["settings"] = digest(describe_settings(study.config))
    imported = study.store.find(votes.artifact(study))
    return found if imported is None else {**found, imported.name: content_of(imported)}


def current(study: Study, artifact: Artifact, made_from: Mapping[str, Any]) -> Manifest | None:
    """Return the artifact's manifest if it was made from exactly these inputs, else None.

    Identities follow from settings alone, so an artifact made while a result was missing has the
    same identity as one made later; what it was made from tells them apart.
    """
    manifest = study.store.find(artifact)
    if manifest is None or manifest.facts.get("made_from") != dict(made_from):
        return None
    return manifest


def renewed(study: Study, artifact: Artifact, made_from: Mapping[str, Any]) -> Manifest | None:
    """Return the artifact if it is current; else set it aside, so that it can be made again."""
    manifest = current(study, artifact, made_from)
    if manifest is None and study.store.find(artifact) is not None:
        folder = study.store.folder(artifact)
        study.store.set_aside(folder, "it was made from other results than are there now")
    return manifest


def describe_machines(study: Study) -> list[dict[str, object]]:
    """List the machines that made what the comparison reads, and which stages each of them ran.

    Artifacts of before machines were written down are in none.
    """
    folders = [study.store.folder(one) for one in study.comparison.inputs]
    manifests = [*chunk_manifests(study), *map(read_manifest, folders)]
    stages: dict[str, Counter[str]] = {}
    machines = {}
    for one in manifests:
        if one is not None and one.machine:
            key = digest(dict(one.machine))
            machines[key] = one.machine
            stages.setdefault(key, Counter())[one.stage] += 1
    return [
        {"stages": dict(sorted(stages[key].items())), **machines[key]} for key in sorted(machines)
    ]


def describe_study(study: Study) -> dict[str, Any]:
    """Return what identifies the study and its models."""
    config = study.config
    return {
        "name": config.name,
        "title": config.title,
        "seed": config.seed,
        "seeds": list(config.seeds),
        "source": config.generation.source,
        "teacher": config.generation.teacher.name,
        "student": config.training.student.name,
        "reward": config.preference.reward.name if study.uses_preference else None,
        "responders": [study.responder_model(one).name for one in config.preference.responders]
        if study.uses_preference
        else [],
        "embedded": config.training.student.name.startswith("sandbox:"),
        "max_length": config.training.max_length,
        "prices": config.costs.model_dump(mode="json"),
    }


def find_warnings(
    store: Mapping[str, Any], runs: Mapping[str, TrainingRun | None]
) -> list[dict[str, Any]]:
    """List what limits the conclusions: unequal conditions, one seed, floors, missing results."""
    found: list[dict[str, Any]] = [
        {"kind": "unequal", "field": field, "values": values}
        for field in COMPARABLE
        if len(set(map(str, (values := _conditions(runs, field)).values()))) > 1
    ]
    if len(store["study"]["seeds"]) == 1:
        found.append({"kind": "one seed"})
    for state in ("floor", "ceiling"):
        if keys := _unmeasuring(store, state):
            found.append({"kind": state, "benchmarks": keys})
    if cells := _one_answer(store):
        found.append({"kind": "one answer", "cells": cells})
    if keys := _few_clusters(store):
        found.append({"kind": "few clusters", "benchmarks": keys})
    cut = {
        key: {name: one[name] for name in ("requests", "cut_requests")}
        for key, one in store["benchmarks"].items()
        if one.get("cut_requests")
    }
    if cut:
        found.append({"kind": "cut", "benchmarks": cut})
    missing = [
        {"subject": name, "benchmark": key}
        for name in store["subjects"]
        for key in store["benchmarks"]
        if key not in store["runs"].get(name, {})
    ]
    if missing:
        found.append({"kind": "missing", "cells": missing})
    found += _prompt_warnings(store["base_prompts"])
    untrained = [name for name, run in runs.items() if run is None]
    if untrained:
        found.append({"kind": "untrained", "arms": untrained})
    return found


def _prompt_warnings(prompts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List benchmarks where the base has one prompt, or not all of them, or is favoured."""
    kinds = {
        "one prompt": [key for key, one in prompts.items() if one["left_out"]],
        "prompts missing": [key for key, one in prompts.items() if one["missing"]],
        "prompt chosen on items": [key for key, one in prompts.items() if one["chosen_on"] == SAME],
    }
    return [{"kind": kind, "benchmarks": keys} for kind, keys in kinds.items() if keys]


def _unmeasuring(store: Mapping[str, Any], state: str) -> list[str]:
    """List benchmarks that are at their floor, or at the ceiling."""
    return [key for key, one in store["yardsticks"].items() if one["state"] == state]


def _one_answer(store: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List models that give one answer to (almost) all items of a benchmark."""
    return [
        {"subject": name, "benchmark": key}
        for key, one in store["yardsticks"].items()
        for name, said in one["answers"].items()
        if said is not None and said["one_answer"]
    ]


def _few_clusters(store: Mapping[str, Any]) -> list[str]:
    """List benchmarks whose clusters are too few for any difference to pass the corrected test."""
    found: dict[str, bool] = {}
    for row in store["comparisons"].values():
        for key, cell in row.items():
            if cell["status"] == "measured" and cell["clusters"] < cell["n"]:
                found[key] = found.get(key, True) and cell["mde"] is None
    return [key for key, hopeless in found.items() if hopeless]


def _conditions(runs: Mapping[str, TrainingRun | None], field: str) -> dict[str, Any]:
    return {
        name: run.conditions[field]
        for name, run in runs.items()
        if run is not None and field in run.conditions
    }
