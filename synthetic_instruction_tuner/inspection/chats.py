"""Whether the chat templates of a study can be used, and what its models can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError, TunerError
from synthetic_instruction_tuner.inspection import examples
from synthetic_instruction_tuner.inspection.check import Check
from synthetic_instruction_tuner.study.graph import Study

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def template(name: str, model: ModelConfig, tokenizer: PreTrainedTokenizerBase) -> Check:
    """Check the template of a model that answers."""
    from synthetic_instruction_tuner.models.binding import bind, describe

    name = f"{name} template"
    try:
        chat = bind(tokenizer, model.family)
        told = describe(chat)
    except TunerError as error:
        return Check(name, "problem", str(error))
    found = f"{told['family']}: {told['prefix']!r}, ends with {told['turn_end']}"
    if chat.reasoning == "always":
        remedy = "raise its max_new_tokens: reasoning is drawn and taken out of every response"
        return Check(name, "warning", f"{found}; reasons before every answer", remedy)
    off = "; reasoning is turned off" if chat.reasoning == "off" else ""
    return Check(name, "ok", found + off)


def student(study: Study) -> Iterator[Check]:
    """Check that the student can be trained in its template, and what it can read."""
    from synthetic_instruction_tuner.models.binding import bind_student, describe
    from synthetic_instruction_tuner.models.loading import load_config, load_tokenizer
    from synthetic_instruction_tuner.models.student_templates import OWN

    name = f"student: {study.student.name} template"
    try:
        tokenizer = load_tokenizer(study.student)
        chat = bind_student(tokenizer, study.student.family)
        positions = getattr(load_config(study.student), "max_position_embeddings", None)
        told = describe(chat)
    except MissingModelError:  # told where the model itself is looked at
        return
    except TunerError as error:
        yield Check(name, "problem", str(error))
        return
    layout = "its own" if chat.layout == OWN else f"none of its own, it is given {chat.layout}"
    found = f"{layout}: {told['prefix']!r}, ends with {told['turn_end']}"
    off = "; reasoning is turned off" if chat.reasoning == "off" else ""
    yield Check(name, "ok", found + off)
    yield lengths(study, positions)
    yield from examples.requests(study, room(study, positions), tokenizer)


def room(study: Study, positions: int | None) -> int:
    """Return the tokens that a request may have: soft prompts have their places, too."""
    longest = study.config.evaluation.max_length
    return min(longest, positions or longest) - study.virtual_tokens


def lengths(study: Study, positions: int | None) -> Check:
    """Check what is left for a prompt once an answer and soft prompts have their places.

    Args:
        study: The study.
        positions: Most tokens that the student can read; None: nothing says so.
    """
    settings, most = study.config.evaluation, room(study, positions)
    found = f"requests of up to {most} tokens, {most - settings.max_new_tokens} before an answer"
    if most <= settings.max_new_tokens:
        remedy = "raise evaluation.max_length, or lower evaluation.max_new_tokens"
        return Check("evaluation length", "problem", f"no room for a prompt: {found}", remedy)
    if positions is not None and settings.max_length > positions:
        remedy = "ask with fewer examples, or take a student that reads more; results count them"
        said = f"{found}, fewer than evaluation.max_length={settings.max_length}: longer ones lose"
        return Check("evaluation length", "warning", f"{said} their beginning", remedy)
    return Check("evaluation length", "ok", f"{found}; longer ones lose their beginning")
