"""The draws that are there: which are missing, reading them, and what earlier settings left."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.records import Sample, read_lines
from synthetic_instruction_tuner.storage.artifacts import (
    MANIFEST,
    Manifest,
    find_damage,
    read_manifest,
)
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

SAMPLES = "samples.jsonl"
CONTROL_TOKENS = "control_tokens"
"""Fact of a chunk: control tokens of its teacher that have none of the usual forms."""
REJECTED = "rejected.jsonl"
_SPAN = re.compile(r"(\d{7,18})-(\d{7,18})")


def missing_spans(study: Study, upto: int) -> list[tuple[int, int]]:
    """List what must be drawn so that samples 0..upto-1 are there.

    What counts is the sample: chunks of any earlier chunk size cover what they contain. Spans end
    at multiples of `generation.chunk_size`, so that the same gaps always give the same spans.

    Returns:
        (first, last) of each chunk to draw, both included, in order; [] if nothing is missing.
    """
    return _gaps(study, committed_spans(study), upto)


def spans_to_draw(study: Study, upto: int) -> list[tuple[int, int]]:
    """Do as `missing_spans`, but only read: damaged chunks stay where they are."""
    whole = [one for one in chunk_manifests(study) if find_damage(one) is None]
    return _gaps(study, [_span_of(one) for one in whole], upto)


def _gaps(study: Study, spans: Iterable[tuple[int, int]], upto: int) -> list[tuple[int, int]]:
    size = study.config.generation.chunk_size
    covered = {index for first, last in spans for index in range(first, last + 1)}
    gaps: list[tuple[int, int]] = []
    for index in range(upto):
        if index in covered:
            continue
        if gaps and gaps[-1][1] == index - 1 and index % size:
            gaps[-1] = (gaps[-1][0], index)
        else:
            gaps.append((index, index))
    return gaps


def committed_spans(study: Study) -> list[tuple[int, int]]:
    """List the chunks of these draws that are there whole and unaltered, in order."""
    return [span for span in _named_spans(study) if study.store.find(study.chunk(*span))]


def read_samples(study: Study, upto: int | None = None) -> list[Sample]:
    """Read verified samples in the order of their index.

    Args:
        study: The study.
        upto: How many draws are wanted. None takes all that are there; imported rows always come
            as a whole.

    Raises:
        StageError: If a wanted sample is missing or its chunk was damaged.
    """
    if study.config.generation.source is not None:
        manifest = study.store.require(study.draws)
        return list(read_lines(manifest.path(SAMPLES), Sample))
    found: dict[int, Sample] = {}
    for span in committed_spans(study):
        manifest = study.store.require(study.chunk(*span))
        for sample in read_lines(manifest.path(SAMPLES), Sample):
            found.setdefault(sample.index, sample)
    wanted = range(upto) if upto is not None else sorted(found)
    missing = [index for index in wanted if index not in found]
    if missing:
        raise StageError(
            f"{len(missing)} of {upto} samples are missing, the first is {missing[0]}; "
            "run the generation stage first"
        )
    return [found[index] for index in wanted]


def chunk_manifests(study: Study) -> list[Manifest]:
    """Return the manifests of all chunks of these draws, in order, without reading the samples."""
    found = []
    for span in _named_spans(study):
        chunk = study.chunk(*span)
        manifest = _manifest_in(study.store.folder(chunk))
        if manifest is not None and manifest.identity == chunk.identity:
            found.append(manifest)
    return found


def _manifest_in(folder: Path) -> Manifest | None:
    """Read the manifest of a chunk once: it is asked for several times at every later chunk."""
    try:
        seen = (folder / MANIFEST).lstat()
    except OSError:
        return read_manifest(folder)
    return _kept_manifest(folder, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


@lru_cache(maxsize=100_000)
def _kept_manifest(folder: Path, *_seen: int) -> Manifest | None:
    return read_manifest(folder)


def control_tokens_of(study: Study) -> tuple[str, ...]:
    """Return the teacher's control tokens of unusual form; none of imported rows."""
    if study.config.generation.source is not None:
        return ()
    told = (one.facts.get(CONTROL_TOKENS, ()) for one in chunk_manifests(study))
    return tuple(sorted({token for tokens in told for token in tokens}))


def indices_of(chunks: Iterable[Manifest]) -> set[int]:
    """Return the indices of the samples that some chunks hold."""
    spans = map(_span_of, chunks)
    return {index for first, last in spans for index in range(first, last + 1)}


def _span_of(chunk: Manifest) -> tuple[int, int]:
    first, _, last = chunk.folder.name.partition("-")
    return int(first), int(last)


def reusable_samples(study: Study) -> dict[str, Sample]:
    """Return finished samples of chunks that other settings left behind, by id.

    Only the limits on new tokens, the shares of the domains and the chunk size may differ for an
    id to be wanted again: whatever else changes, changes the ids.
    """
    current = {manifest.folder for manifest in chunk_manifests(study)}
    folders = [one for one in _left_behind(study) if one not in current]
    manifests = [manifest for one in folders if (manifest := read_manifest(one))]
    return _samples_of(tuple((one.folder, one.identity) for one in manifests))


@lru_cache(maxsize=2)
def _samples_of(chunks: tuple[tuple[Path, str], ...]) -> dict[str, Sample]:
    """Read the samples of chunks; the identities are there to make the cache honest."""
    found: dict[str, Sample] = {}
    for folder, _identity in chunks:
        manifest = read_manifest(folder)
        if manifest is None or SAMPLES not in manifest.files or find_damage(manifest):
            continue
        try:
            found |= {sample.id: sample for sample in read_lines(folder / SAMPLES, Sample)}
        except StageError as error:  # another version's records: nothing to reuse
            logger.info("%s is not reused: %s", folder, error)
    return found


def _left_behind(study: Study) -> Iterator[Path]:
    home = study.root / study.draws.folder
    if home.is_dir():
        yield from sorted(one for one in home.iterdir() if _SPAN.fullmatch(one.name))
    old = study.root / ".superseded"
    if old.is_dir():
        yield from sorted(one for one in old.iterdir() if one.name.startswith("data-raw-chunks-"))


def _named_spans(study: Study) -> list[tuple[int, int]]:
    home = study.root / study.draws.folder
    if not home.is_dir():
        return []
    matches = (_SPAN.fullmatch(one.name) for one in home.iterdir())
    return sorted((int(one[1]), int(one[2])) for one in matches if one)
