"""Answers that were cut are drawn on, while too few instructions have two whole ones.

An answer under a higher limit begins as the one that was cut (its random stream is its own), so
nothing that was drawn is lost, and what ended by itself stays as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.config import PreferenceConfig, ResponderConfig
from synthetic_instruction_tuner.preference.pairing import SPLITS, is_complete
from synthetic_instruction_tuner.preference.responses import (
    RESPONSES,
    draw,
    kept_examples,
)
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Example, Response, read_lines, write_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

Answers = dict[tuple[str, str], Response]
"""Responses by responder and example, in the order in which they are written."""


def lengthen_responses(study: Study, progress: Progress) -> Manifest:
    """Double the limits of cut answers, round by round, until enough instructions can give a pair.

    Only instructions that cannot give one are drawn on; after `preference.lengthen` rounds it ends
    whatever was reached.

    Returns:
        The manifest: `responses.jsonl` holds all responses, `rounds` what each round drew and left.
    """
    done = study.store.find(study.lengthened)
    if done is not None:
        return done
    started = time.perf_counter()
    settings, examples = study.config.preference, kept_examples(study)
    answers = _first_answers(study)
    rounds: list[dict[str, Any]] = []
    spent = 0.0
    for number in range(1, settings.lengthen + 1):
        short = [one for one in examples if not can_pair(one, answers, settings)]
        if enough(examples, short, settings) or not _cut(short, answers):
            break
        found, seconds = _round(study, short, answers, number, progress)
        spent += seconds
        answers |= found
        left = [one for one in short if not can_pair(one, answers, settings)]
        rounds.append(
            {
                "times": 2**number,
                "drawn": len(found),
                "whole": sum(map(is_complete, found.values())),
                "able": len(examples) - len(left),
            }
        )
        logger.info("answers of %d times the limit: %s", 2**number, rounds[-1])
    facts = {"responses": len(answers), "rounds": rounds}
    seconds = time.perf_counter() - started + spent
    with study.store.writing(study.lengthened) as folder:
        write_lines(folder / RESPONSES, answers.values())
        return study.store.commit(study.lengthened, facts, seconds)


def can_pair(example: Example, answers: Answers, settings: PreferenceConfig) -> bool:
    """Tell whether an example has two whole answers, that of `one_side` among them."""
    names = [one.name for one in settings.responders]
    whole = [name for name in names if is_complete(answers[name, example.id])]
    return len(whole) >= 2 and settings.one_side in (None, *whole)


def enough(
    examples: Sequence[Example], short: Sequence[Example], settings: PreferenceConfig
) -> bool:
    """Tell whether as many examples as pairs are wanted can give one, and some in every split."""
    lacking = {one.id for one in short}
    able = [one for one in examples if one.id not in lacking]
    wanted = {one.split for one in examples if one.split in SPLITS}
    return len(able) >= min(settings.pairs, len(examples)) and wanted <= {one.split for one in able}


def _first_answers(study: Study) -> Answers:
    return {
        (responder.name, row.example): row
        for responder in study.config.preference.responders
        for row in read_lines(
            study.store.require(study.responses(responder)).path(RESPONSES), Response
        )
    }


def _cut(examples: Sequence[Example], answers: Mapping[tuple[str, str], Response]) -> bool:
    ids = {one.id for one in examples}
    return any(one.finish == "length" for (_, place), one in answers.items() if place in ids)


def _round(
    study: Study, short: Sequence[Example], answers: Answers, number: int, progress: Progress
) -> tuple[Answers, float]:
    """Draw the cut answers of these examples again under a higher limit, responder by responder.

    Returns:
        What was drawn, and the seconds of sessions that were killed at it.
    """
    found: Answers = {}
    spent = 0.0
    for responder in study.config.preference.responders:
        cut = [one for one in short if answers[responder.name, one.id].finish == "length"]
        if not cut:
            continue
        longer = _with_limit(responder, responder.sampling.max_new_tokens * 2**number)
        name = f"{responder.name}-{number}.jsonl"
        journal = Journal(study.store.staging(study.lengthened) / name)
        spent += journal.seconds
        rows, _ = draw(study, longer, cut, progress, journal)
        found |= {(responder.name, row.example): row for row in rows}
    return found, spent


def _with_limit(responder: ResponderConfig, limit: int) -> ResponderConfig:
    sampling = responder.sampling.model_copy(update={"max_new_tokens": limit})
    return responder.model_copy(update={"sampling": sampling})
