"""The files of `data/filtered` and `data/raw/dataset`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.filtering.decision import Decision
from synthetic_instruction_tuner.filtering.splits import TRAIN, VALIDATION
from synthetic_instruction_tuner.generation.store import chunk_manifests
from synthetic_instruction_tuner.records import Example, Rejection, Sample, write_lines
from synthetic_instruction_tuner.storage import formats
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.graph import Study

NOT_DECONTAMINATED = (
    "Not decontaminated: no row was compared with the benchmark items, so rows may contain them."
)
EXAMPLES, REJECTED = "examples.jsonl", "rejected.jsonl"

FILTERED_COLUMNS = {
    "prompt": "messages",
    "completion": "messages",
    "id": "text",
    "domain": "text",
    "quality": "number",
    "cluster": "text",
}
"""Prompt and completion are conversations: what TRL's SFTTrainer takes as it is."""
RAW_COLUMNS = {
    "instruction": "text",
    "response": "text",
    "messages": "messages",
    "id": "text",
    "index": "integer",
    "domain": "text",
    "system_prompt": "text",
    "instruction_finish": "text",
    "response_finish": "text",
    "instruction_tokens": "integer",
    "response_tokens": "integer",
}


def write_filtered(
    folder: Path,
    study: Study,
    unusable: Sequence[Rejection],
    decision: Decision,
    facts: Mapping[str, Any],
) -> None:
    """Write records, splits for people and tools, and the card."""
    write_lines(folder / EXAMPLES, decision.kept)
    write_lines(folder / REJECTED, (*unusable, *decision.rejected))
    measured = sorted({name for one in decision.kept for name in one.signals})
    for split in (TRAIN, VALIDATION):
        rows = [one for one in decision.kept if one.split == split]
        formats.write_json_rows(folder / f"{split}.json", [for_people(one) for one in rows])
        formats.write_parquet(
            folder / f"{split}.parquet",
            [for_tools(one, measured) for one in rows],
            FILTERED_COLUMNS | _kinds(decision.kept),
        )
    formats.write_card(folder, _filtered_card(study, decision, facts))


def _kinds(rows: Sequence[Example]) -> dict[str, str]:
    """Return the kind of every measured column."""
    found = {name: value for one in rows for name, value in one.signals.items()}
    return {name: "text" if isinstance(found[name], str) else "number" for name in sorted(found)}


def write_raw(study: Study, artifact: Artifact, samples: Sequence[Sample]) -> None:
    """Write the raw rows as a data set of their own."""
    started = time.monotonic()
    with study.store.writing(artifact) as folder:
        formats.write_json_rows(folder / "raw.json", [for_people(one) for one in samples])
        formats.write_parquet(folder / "raw.parquet", [asdict(one) for one in samples], RAW_COLUMNS)
        formats.write_card(folder, _raw_card(study, len(samples)))
        study.store.commit(artifact, {"rows": len(samples)}, time.monotonic() - started)


def for_people(row: Sample | Example) -> dict[str, Any]:
    """Return a row as {"instruction", "output"}; a conversation also with all its turns."""
    values: dict[str, Any] = {"instruction": row.instruction, "output": row.response}
    return values | ({"messages": list(row.messages)} if row.messages else {})


def for_tools(row: Example, measured: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row with prompt and completion as messages, and a column for each measurement."""
    turns = row.messages or (
        {"role": "user", "content": row.instruction},
        {"role": "assistant", "content": row.response},
    )
    columns = {name: row.signals.get(name) for name in measured}
    return asdict(row) | columns | {"prompt": turns[:-1], "completion": turns[-1:]}


def teacher_name(study: Study) -> str | None:
    """Return the id of the model that wrote the rows, None for imported ones."""
    generation = study.config.generation
    return generation.teacher.name if generation.source is None else None


def _origin(study: Study) -> dict[str, Any]:
    teacher = teacher_name(study)
    return {
        "study": study.config.name,
        "generator": teacher or "unknown (imported rows)",
        **(_drawn_with(study) if teacher else {}),
        "seed": study.config.seed,
        "identity of the draws": study.draws.identity,
    }


def _drawn_with(study: Study) -> dict[str, Any]:
    """Return what the draws depend on beside the settings: commit and chat template."""
    facts = [one.facts for one in chunk_manifests(study)]
    commits = {str(one["revision"]) for one in facts if one.get("revision")}
    templates = {str(one["template"]) for one in facts if one.get("template")}
    named = {"generator revision": study.config.generation.teacher.revision}
    named |= {"generator commit": " ".join(sorted(commits))} if commits else {}
    return named | ({"template hash": " ".join(sorted(templates))} if templates else {})


def _filtered_card(study: Study, decision: Decision, facts: Mapping[str, Any]) -> formats.Card:
    target, kept = facts["target"], len(decision.kept)
    warning = "" if facts["decontaminated"] else f"\n\n**{NOT_DECONTAMINATED}**"
    return formats.Card(
        title=f"{study.config.name}: filtered instructions",
        summary=f"{kept} instructions with responses out of {facts['measures']['drawn']} draws; "
        f"{target} were wanted. Rejected rows and reasons are in `{REJECTED}`.{warning}",
        licence=formats.licence_of(teacher_name(study)),
        task="text-generation",
        rows=kept,
        files={TRAIN: f"{TRAIN}.parquet", VALIDATION: f"{VALIDATION}.parquet"},
        tables={
            "Funnel": facts["funnel"],
            "Domains": [
                {"domain": name, **{key: row[key] for key in ("drawn", "kept", "validation")}}
                for name, row in facts["domains"].items()
            ],
            "Benchmark items found in rows (rejected)": [
                {"benchmark": name, "rows": count} for name, count in facts["contamination"].items()
            ],
        },
        facts=_origin(study) | facts["measures"],
    )


def _raw_card(study: Study, rows: int) -> formats.Card:
    return formats.Card(
        title=f"{study.config.name}: raw rows",
        summary="Every row that filtering looked at, as it was drawn or imported.",
        licence=formats.licence_of(teacher_name(study)),
        task="text-generation",
        rows=rows,
        files={TRAIN: "raw.parquet"},
        facts=_origin(study),
    )
