"""What people prefer, in a study: pairs of its models' answers out, votes in, as an artifact.

An export holds answers of certain results; votes count only as long as those very results are the
study's. The artifact is no part of what a run makes: it is there when somebody imported votes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.analysis.base_prompts import counted, load_fair_results
from synthetic_instruction_tuner.analysis.human import (
    KEY,
    Choice,
    Sides,
    Transcript,
    Vote,
    export_pairs,
    read_key,
    win_rates,
)
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.transcripts import choose_transcripts
from synthetic_instruction_tuner.analysis.vote_files import read_votes
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.records import read_lines, write_lines
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import VERSIONS
from synthetic_instruction_tuner.study.subject import benchmark_key

FOLDER = "human"
"""Folder of the workspace that holds the key and what raters get."""
VOTES, ABOUT = "votes.jsonl", "about.json"


def artifact(study: Study) -> Artifact:
    """Return the imported votes of a study."""
    config = {"name": study.config.name}
    return Artifact("evaluation", "human votes", "evaluation/human", VERSIONS.votes, config)


class Exported(NamedTuple):
    """Pairs that were written for raters.

    Attributes:
        folder: Where they are.
        pairs: How many.
        prompts: From how many prompts.
        models: Answered by how many models, of which every two are compared.
    """

    folder: Path
    pairs: int
    prompts: int
    models: int

    @property
    def same(self) -> int:
        """Pairs that are left out because both answers are the same."""
        return self.prompts * self.models * (self.models - 1) // 2 - self.pairs


def export(study: Study, benchmark: str | None, names: Sequence[str], count: int) -> Exported:
    """Write blinded pairs of the study's own answers.

    Args:
        study: The study; the benchmark must have been measured.
        benchmark: Key of a benchmark with freely written answers; None: the first that has them.
        names: Models to compare, every two of them; none named: the base and all arms of the
            first seed.
        count: Prompts.

    Returns:
        The folder, and what it asks about.

    Raises:
        ConfigurationError: If there is nothing to compare, or the folder holds another export.
    """
    for name in names:
        study.subject(name)
    first = study.config.seeds[0]
    chosen = list(names) or [one.name for one in study.subjects if one.seed in (None, first)]
    key, measured = _answers(study, benchmark, chosen)
    talks = choose_transcripts({key: measured}, chosen, count, study.config.seed)
    transcripts = [
        Transcript(
            one["item"],
            one["prompt"],
            {name: answer["response"] for name, answer in one["answers"].items()},
        )
        for one in talks
    ]
    folder = study.root / FOLDER
    about = {"benchmark": key, "answers": contents(study, key, list(measured))}
    _refuse_another(folder, about, [one.item for one in transcripts])
    export_pairs(folder, transcripts, study.config.seed, "Which answer is better?")
    write_json(folder / ABOUT, about | {"items": [one.item for one in transcripts]})
    return Exported(folder, len(read_key(folder / KEY)), len(transcripts), len(chosen))


def _answers(
    study: Study, benchmark: str | None, names: Sequence[str]
) -> tuple[str, dict[str, Measured]]:
    """Find a benchmark whose answers the models wrote themselves."""
    for key, measured in load_fair_results(study)[0].items():
        if benchmark not in (None, key):
            continue
        found = {name: measured[name] for name in names if name in measured}
        if len(found) > 1 and choose_transcripts({key: found}, names, 1, 0):
            return key, found
    keys = ", ".join(benchmark_key(one) for one in study.config.evaluation.benchmarks)
    raise ConfigurationError(
        f"no two of {', '.join(names)} have freely written answers"
        f"{f' on {benchmark!r}' if benchmark else ''}; benchmarks of this study: {keys}"
    )


def contents(study: Study, key: str, names: Iterable[str]) -> dict[str, str | None]:
    """Return the hashes of the logs that hold the answers, by model; None for one that is gone."""
    benchmark = next(
        (one for one in study.config.evaluation.benchmarks if benchmark_key(one) == key), None
    )
    found: dict[str, str | None] = dict.fromkeys(sorted(names))
    known = {one.name: one for one in study.subjects}
    for name in found:
        if benchmark is not None and name in known:
            one = known[name]
            written = study.result(one, benchmark) if one.arm else counted(study, benchmark)
            manifest = study.store.find(written)
            found[name] = manifest.files.get("items.jsonl") if manifest else None
    return found


def _refuse_another(folder: Path, about: Mapping[str, Any], items: Sequence[str]) -> None:
    """Keep the key of an export whose votes may still come back."""
    if not (folder / KEY).exists():
        return
    if _read_about(folder) != {**about, "items": list(items)}:
        raise ConfigurationError(
            f"{folder} holds another export; import its votes first, then move the folder away"
        )


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads(plain.read(folder / ABOUT))
        return {**about, "benchmark": str(about["benchmark"]), "answers": dict(about["answers"])}
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{folder} holds no export of this study; `tuner human export` makes one ({error})"
        ) from error


@dataclass(frozen=True)
class StoredVote:
    """One vote with what stood on each side; raters are numbered, their names are not kept."""

    pair: str
    choice: Choice
    rater: str
    item: str
    left: str
    right: str


def import_votes(study: Study, paths: Sequence[Path]) -> Manifest:
    """Take the votes of all raters into the study; earlier imported ones are replaced.

    Raises:
        ConfigurationError: If a file is not of this export, or holds no vote.
        StageError: If the answers voted on are no longer the study's.
    """
    folder = study.root / FOLDER
    about, key = _read_about(folder), read_key(folder / KEY)
    if contents(study, about["benchmark"], about["answers"]) != about["answers"]:
        raise StageError(
            f"the answers in {folder} are not those of the study any more; export them anew"
        )
    votes = read_votes(paths, key)
    if not votes:
        raise ConfigurationError(f"no votes in {', '.join(map(str, paths))}")
    raters = {name: f"rater {n}" for n, name in enumerate(sorted({v.rater for v in votes}), 1)}
    stored = [
        StoredVote(one.pair, one.choice, raters[one.rater], **asdict(key[one.pair]))
        for one in sorted(votes, key=lambda one: (one.pair, one.rater))
    ]
    target = artifact(study)
    if study.store.find(target) is not None:
        study.store.set_aside(study.store.folder(target), "newly imported votes replace it")
    with study.store.writing(target) as staging:
        write_lines(staging / VOTES, stored)
    facts = {**about, "pairs": len(key), "votes": len(stored), "raters": len(raters)}
    return study.store.commit(target, facts, 0.0)


def describe(study: Study, alpha: float) -> dict[str, Any]:
    """Return win rates from the imported votes, as far as they are about the present answers.

    Returns:
        "status": "measured", or "not measured" with "why"; "benchmark"; counts; "win_rates", one
        for each two models.
    """
    manifest = study.store.find(artifact(study))
    if manifest is None:
        return {"status": "not measured", "why": "no votes imported"}
    facts = manifest.facts
    if contents(study, facts["benchmark"], facts["answers"]) != facts["answers"]:
        return {"status": "not measured", "why": "the votes are about other answers"}
    stored = list(read_lines(manifest.path(VOTES), StoredVote))
    key = {one.pair: Sides(one.item, one.left, one.right) for one in stored}
    votes = [Vote(one.pair, one.choice, one.rater) for one in stored]
    return {
        "status": "measured",
        "benchmark": facts["benchmark"],
        "prompts": len(facts["items"]),
        "pairs": facts["pairs"],
        "votes": len(votes),
        "raters": len({one.rater for one in votes}),
        "win_rates": [asdict(one) for one in win_rates(votes, key, alpha)],
    }
