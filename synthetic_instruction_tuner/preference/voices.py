"""Whoever answers: a model of its own, or an arm of the study (the on-policy side)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from synthetic_instruction_tuner.config import ResponderConfig
from synthetic_instruction_tuner.models.engines import Engine, close_engine, open_engine
from synthetic_instruction_tuner.models.templates import Message, chat_template
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study


class Voice(NamedTuple):
    """A responder that is ready to answer.

    Attributes:
        engine: What draws.
        fingerprint: Names the template, and of an arm the weights: what answers depend on beside
            the settings.
        prompt: Turns a conversation into the tokens that are answered.
        stop: Tokens that end an answer.
        text: Turns the tokens of an answer into its text.
    """

    engine: Engine
    fingerprint: str
    prompt: Callable[[Sequence[Message]], tuple[int, ...]]
    stop: tuple[int, ...]
    text: Callable[[Sequence[int]], str]


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
    template = chat_template(engine.tokenizer, responder.model.family, engine.end_ids)
    yield Voice(
        engine,
        template.fingerprint,
        lambda turns: tuple(template.response_prompt(turns)),
        template.stop_ids,
        template.answer,
    )


@contextmanager
def _arm(study: Study, name: str) -> Iterator[Voice]:
    """Let a trained arm answer, from the very prompts that it was trained on."""
    from synthetic_instruction_tuner.models.chat import render, stop_tokens
    from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine
    from synthetic_instruction_tuner.training.students import adapter_digest, under_test

    close_engine()
    subject = study.subject(name)
    with under_test(study, subject) as student:
        tokenizer, stop = student.tokenizer, stop_tokens(student.tokenizer, student.model)

        def prompt(turns: Sequence[Message]) -> tuple[int, ...]:
            return tuple(render([list(map(dict, turns))], tokenizer, add_generation_prompt=True)[0])

        def text(tokens: Sequence[int]) -> str:
            decoded: str = tokenizer.decode(list(tokens), skip_special_tokens=True)
            return decoded.strip()

        parts = [tokenizer.chat_template, list(stop), adapter_digest(study, subject)]
        engine = TransformersEngine(student.wrapped, tokenizer)
        yield Voice(engine, digest(parts), prompt, stop, text)
