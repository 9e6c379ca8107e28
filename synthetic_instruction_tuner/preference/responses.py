"""Responses: each responder answers the kept instructions, a chunk at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.config import ResponderConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.generation.limits import tell_cut
from synthetic_instruction_tuner.generation.store import CONTROL_TOKENS
from synthetic_instruction_tuner.models.engines import (
    Request,
    generate_kept,
    stream_seed,
)
from synthetic_instruction_tuner.models.templates import control_tokens
from synthetic_instruction_tuner.preference.voices import speaking
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Example, Response, read_lines, write_lines
from synthetic_instruction_tuner.rules import role_leak
from synthetic_instruction_tuner.storage.artifacts import Manifest, find_damage, read_manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import VERSIONS
from synthetic_instruction_tuner.training.early import require_rows

EXAMPLES = "examples.jsonl"
RESPONSES = "responses.jsonl"
JOURNAL = "texts.jsonl"
"""Responses of an unfinished chunk that are finished."""


def missing_spans(study: Study, responder_name: str) -> list[tuple[int, int]]:
    """Return the chunks that have not been drawn yet.

    Returns:
        (first, last) of each, both included: positions in the order of the kept examples.
    """
    responder = find_responder(study, responder_name)
    if study.store.find(study.responses(responder)) is not None:
        return []
    return [
        span
        for span in _spans(study)
        if study.store.find(study.response_chunk(responder, *span)) is None
    ]


def draw_responses(
    study: Study, responder_name: str, first: int, last: int, progress: Progress
) -> Manifest:
    """Let one responder answer the kept examples first..last.

    What a response says depends on the responder, its sampling, the run seed and the example
    alone. So a response that already lies in the workspace (drawn in chunks of another size, or
    before other rows were kept) is taken over and not drawn again.

    Raises:
        ConfigurationError: If there is no such responder.
        StageError: If there are no such examples.
    """
    responder = find_responder(study, responder_name)
    artifact = study.response_chunk(responder, first, last)
    done = study.store.find(artifact)
    if done is not None:
        return done
    started = time.perf_counter()
    examples = kept_examples(study)[first : last + 1]
    if len(examples) != last - first + 1:
        raise StageError(f"there are no kept examples {first}..{last}; see missing_spans")
    if first == 0:  # what all answers are for must be there before they are drawn
        require_rows(study, "sft", study.store.require(study.filtered).path(EXAMPLES))
    stream = stream_of(study, responder)
    found, told = _drawn_before(study, responder, stream, examples)
    wanted = [one for one in examples if response_id(stream, one) not in found]
    if wanted:
        journal = Journal(study.store.staging(artifact) / JOURNAL)
        started -= journal.seconds  # of sessions that were killed
        drawn, voice = draw(study, responder, wanted, progress, journal)
        limit = responder.sampling.max_new_tokens
        setting = f"preference.responders.{responder_name}.sampling.max_new_tokens"
        cut = sum(one.finish == "length" for one in drawn)
        tell_cut(cut, len(drawn), f"answers of {responder_name}", setting, limit)
        found |= {one.id: one for one in drawn}
        told.append(voice)
    rows = [found[response_id(stream, one)] for one in examples]
    facts = {
        "stream": stream,
        **_joined(told),
        "responses": len(rows),
        "drawn": len(wanted),
    }
    with study.store.writing(artifact) as folder:
        write_lines(folder / RESPONSES, rows)
        return study.store.commit(artifact, facts, time.perf_counter() - started)


def finish_responses(study: Study, responder_name: str) -> Manifest:
    """Put the chunks of one responder together, in the order of the kept examples.

    Raises:
        StageError: If a chunk is missing.
    """
    responder = find_responder(study, responder_name)
    artifact = study.responses(responder)
    done = study.store.find(artifact)
    if done is not None:
        return done
    started = time.perf_counter()
    chunks = [study.store.require(study.response_chunk(responder, *span)) for span in _spans(study)]
    rows = [row for one in chunks for row in read_lines(one.path(RESPONSES), Response)]
    _check_order(rows, kept_examples(study), responder_name)
    facts = {
        "stream": stream_of(study, responder),
        "templates": [_one_template(responder, chunks)],
        CONTROL_TOKENS: _joined([one.facts for one in chunks])[CONTROL_TOKENS],
        "responses": len(rows),
        "tokens": sum(row.tokens for row in rows),
        "complete": sum(row.finish == "stop" for row in rows),
    }
    seconds = sum(one.seconds for one in chunks) + time.perf_counter() - started
    with study.store.writing(artifact) as folder:
        write_lines(folder / RESPONSES, rows)
        return study.store.commit(artifact, facts, seconds)


def _check_order(rows: Sequence[Response], examples: Sequence[Example], responder: str) -> None:
    if [row.example for row in rows] != [one.id for one in examples]:
        raise StageError(
            f"the {len(rows)} responses of {responder!r} are not those to the {len(examples)} "
            "kept examples; run the preference stage again"
        )


def _one_template(responder: ResponderConfig, chunks: Sequence[Manifest]) -> str:
    """Refuse to mix answers under two templates: a Hub model may have changed under its name."""
    found = sorted({one for chunk in chunks for one in chunk.facts["templates"]})
    if len(found) != 1:
        raise StageError(
            f"the chat template of responder {responder.name!r} has changed while it answered: "
            f"{found}; pin the revision of its model and start a new workspace"
        )
    return str(found[0])


def find_responder(study: Study, name: str) -> ResponderConfig:
    """Return the responder of that name.

    Raises:
        ConfigurationError: If the study has none; names the ones it has.
    """
    for one in study.config.preference.responders:
        if one.name == name:
            return one
    allowed = ", ".join(one.name for one in study.config.preference.responders)
    raise ConfigurationError(f"unknown responder {name!r}; this study has: {allowed}")


def kept_examples(study: Study) -> list[Example]:
    """Return the kept examples in their order.

    Raises:
        StageError: If the filtering stage has not left any.
    """
    manifest = study.store.require(study.filtered)
    examples = list(read_lines(manifest.path(EXAMPLES), Example))
    if not examples:
        raise StageError("filtering kept no example: there is nothing to respond to")
    return examples


def _spans(study: Study) -> list[tuple[int, int]]:
    """Cut the kept examples into (first, last) of a chunk each; the last may be shorter."""
    count, size = len(kept_examples(study)), study.config.preference.chunk_size
    return [(first, min(first + size, count) - 1) for first in range(0, count, size)]


def stream_of(study: Study, responder: ResponderConfig) -> str:
    """Return the identity of all a responder would ever say: who, how drawn, which seed.

    The name is part of it, so that one model may take part twice and answers anew each time. Which
    examples were kept is not, nor the limit on new tokens: other filters leave the responses as
    they are, and a higher limit redoes only what ended at the limit.
    """
    config = dict(study.responses(responder).config)
    config["sampling"] = {k: v for k, v in config["sampling"].items() if k != "max_new_tokens"}
    return digest({"responder": responder.name, "version": VERSIONS.preference, **config})


def response_id(stream: str, example: Example) -> str:
    """Return the identity of a response; its random stream follows from it."""
    parts = {"stream": stream, "example": example.id, "instruction": example.instruction}
    return digest(parts | ({"turns": list(asked(example))} if example.messages else {}))


def _drawn_before(
    study: Study, responder: ResponderConfig, stream: str, examples: Sequence[Example]
) -> tuple[dict[str, Response], list[Mapping[str, Any]]]:
    """Collect what this responder said to these examples when chunks or rows were others.

    Returns:
        Responses by id, and what was noted of who gave them.
    """
    whole = study.store.folder(study.responses(responder))
    current = [study.response_chunk(responder, *span) for span in _spans(study)]
    chunks = study.store.folder(current[0]).parent
    identities = {one.identity for one in current}
    wanted = {response_id(stream, one) for one in examples}
    found: dict[str, Response] = {}
    told: list[Mapping[str, Any]] = []
    for folder in [whole, *(sorted(chunks.iterdir()) if chunks.is_dir() else [])]:
        manifest = read_manifest(folder)
        if manifest is None or manifest.identity in identities:
            continue
        if manifest.facts.get("stream") != stream or find_damage(manifest) is not None:
            continue
        rows = read_lines(manifest.path(RESPONSES), Response)
        useful = {row.id: row for row in rows if row.id in wanted and _holds(row, responder)}
        found |= useful
        told += [manifest.facts] if useful else []
    return found, told


def _joined(told: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Join what was noted of who answered: fingerprints, and control tokens of unusual form."""
    return {
        key: sorted({value for one in told for value in one.get(key, ())})
        for key in ("templates", CONTROL_TOKENS)
    }


def _holds(row: Response, responder: ResponderConfig) -> bool:
    """Tell whether a response would come out the same under the limit that is set now."""
    limit = responder.sampling.max_new_tokens
    return row.tokens <= limit if row.finish == "stop" else row.tokens == limit


def draw(
    study: Study,
    responder: ResponderConfig,
    examples: Sequence[Example],
    progress: Progress,
    journal: Journal,
) -> tuple[list[Response], dict[str, list[str]]]:
    """Draw the responses to examples; return them and what is noted of who answers.

    What the journal holds was drawn before a kill, under the fingerprint that its names tell.
    """
    stream = stream_of(study, responder)
    ids = [response_id(stream, one) for one in examples]
    with speaking(study, responder) as voice:
        requests = [
            Request(
                tuple(voice.chat.response_prompt(asked(one))),
                stream_seed(name),
                responder.sampling,
                voice.chat.stop_ids,
            )
            for name, one in zip(ids, examples, strict=True)
        ]
        names = [f"{identity}/{voice.fingerprint}" for identity in ids]
        size = study.config.preference.batch_size
        drawn = generate_kept(voice.engine, requests, names, size, progress, journal)
        texts = [voice.chat.answer(one.tokens) for one in drawn]
    responses = [
        Response(
            id=identity,
            example=example.id,
            responder=responder.name,
            instruction=asked(example)[-1]["content"],
            text=text,
            finish=completion.finish,
            tokens=len(completion.tokens),
            messages=asked(example) if example.messages else (),
        )
        for identity, example, completion, text in zip(ids, examples, drawn, texts, strict=True)
    ]
    own = role_leak.unusual(control_tokens(voice.chat.tokenizer))
    return responses, {"templates": [voice.fingerprint], CONTROL_TOKENS: list(own)}


def asked(example: Example) -> tuple[dict[str, str], ...]:
    """Return what is answered: the instruction, or a conversation up to its last answer."""
    return tuple(example.messages[:-1]) or ({"role": "user", "content": example.instruction},)
