"""Whoever answers: a model of its own, or an arm of the study (the on-policy side)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from synthetic_instruction_tuner.config import ResponderConfig
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.engines import Engine, close_engine, open_engine
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study


class Voice(NamedTuple):
    """A responder that is ready to answer.

    Attributes:
        engine: What draws.
        chat: Its prompts, the tokens that end an answer, and its words.
        fingerprint: Names the template, and of an arm the weights: what answers depend on beside
            the settings.
    """

    engine: Engine
    chat: Chat
    fingerprint: str


@contextmanager
def speaking(study: Study, responder: ResponderConfig) -> Iterator[Voice]:
    """Hold the responder's model in memory, and no other."""
    if responder.model is None:
        with _arm(study, study.subject(str(responder.arm)).name) as voice:
            yield voice
        return
    from synthetic_instruction_tuner.training import students

    students.release()
    engine = open_engine(responder.model)
    chat = bind(engine.tokenizer, responder.model.family, engine.end_ids)
    yield Voice(engine, chat, chat.fingerprint)


@contextmanager
def _arm(study: Study, name: str) -> Iterator[Voice]:
    """Let a trained arm answer, from the very prompts that it was trained on."""
    from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine
    from synthetic_instruction_tuner.training.students import adapter_digest, under_test

    close_engine()
    subject = study.subject(name)
    with under_test(study, subject) as student:
        chat = student.chat
        parts = [chat.tokenizer.chat_template, list(chat.stop_ids), adapter_digest(study, subject)]
        yield Voice(TransformersEngine(student.wrapped, chat.tokenizer), chat, digest(parts))
