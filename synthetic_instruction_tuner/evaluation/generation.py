"""Generated answers: greedy, in the prompt of the trial, in resumable batches.

The engine lays a soft prompt directly before each text and aligns rows at their right end, so an
answer does not depend on its neighbours or the batch size. (Padding between soft prompt and text,
as plain batched generation has it, changes answers: https://github.com/huggingface/peft/issues/1093)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.config import SamplingConfig
from synthetic_instruction_tuner.evaluation import asking
from synthetic_instruction_tuner.evaluation.trial import Trial
from synthetic_instruction_tuner.models.chat import tokenize
from synthetic_instruction_tuner.models.engines.protocol import Request
from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.training.students import Student

CHUNK = 4
"""Batches of the configured size in one journal entry: the engine refills rows that end early."""


@dataclass(frozen=True)
class Generated:
    """One answer.

    Attributes:
        text: The answer without special tokens and reasoning; white space as the model wrote it,
            because a stop string of a benchmark may be just that.
        tokens: Tokens drawn, the end token included.
        finish: "stop", or "length" if it was cut at `max_new_tokens`.
    """

    text: str
    tokens: int
    finish: str


def render(student: Student, messages: Sequence[dict[str, str]], templated: bool) -> str:
    """Render a conversation as the prompt of the next answer.

    Args:
        student: Whose chat template is used.
        messages: The turns so far.
        templated: Use the template; else the turns' texts, one a paragraph.
    """
    if not templated:
        return "\n\n".join(turn["content"] for turn in messages) + "\n"
    return student.chat.prompt_text(messages)


def asked(trial: Trial, messages: Sequence[dict[str, str]]) -> str:
    """Render a conversation in the trial's prompt: the template, or plain text for the base."""
    if trial.prompt.layout is None:
        return render(trial.student, messages, trial.templated)
    return asking.render(trial.prompt.layout, trial.examples, messages)


def continue_texts(
    student: Student,
    texts: Sequence[str],
    max_new_tokens: int,
    limit: int,
    batch_size: int,
    stops: Sequence[str] = (),
) -> list[Generated]:
    """Continue texts greedily, in order.

    Args:
        student: The model.
        texts: Rendered prompts; too long ones lose their beginning.
        max_new_tokens: Most tokens an answer may have.
        limit: Longest prompt and answer together, in tokens.
        batch_size: Answers side by side.
        stops: Texts before which an answer is cut.
    """
    engine = TransformersEngine(student.wrapped, student.tokenizer)
    sampling = SamplingConfig(temperature=0.0, max_new_tokens=max_new_tokens)
    room = _room(limit, max_new_tokens)
    prompts = [tokenize(student.tokenizer, text)[-room:] for text in texts]
    until = _ends_at(student, stops) if stops else None
    ends = student.chat.stop_ids
    requests = [Request(prompt, 0, sampling, ends, until=until) for prompt in prompts]
    completions = engine.generate(requests, batch_size)
    return [
        Generated(asking.cut(student.chat.spoken(one.tokens), stops), len(one.tokens), one.finish)
        for one in completions
    ]


TAIL = 8
"""Tokens among which a text that ends an answer appears: none is longer."""


def _ends_at(student: Student, stops: Sequence[str]) -> Callable[[Sequence[int]], bool]:
    """Return what tells whether tokens hold a text before which their answer is cut."""
    decode = student.tokenizer.decode

    def found(tokens: Sequence[int]) -> bool:
        if not any(stop in decode(tokens[-TAIL:]) for stop in stops):
            return False
        text: str = decode(tokens, skip_special_tokens=True).lstrip()
        return asking.cut(text, stops) != text

    return found


def _room(limit: int, max_new_tokens: int) -> int:
    return max(limit - max_new_tokens, 1)


def answer(trial: Trial, texts: Sequence[str]) -> tuple[list[Generated], float]:
    """Answer rendered prompts; finished chunks survive a kill.

    Returns:
        The answers in the order of the prompts, and the seconds they took over all sessions.
    """
    size = trial.settings.answer_batch_size * CHUNK
    order = sorted(range(len(texts)), key=lambda one: (-len(texts[one]), one))
    chunks = [order[start : start + size] for start in range(0, len(order), size)]
    journal = trial.journal([digest(list(texts)), trial.settings.max_new_tokens, size])
    found: dict[int, Generated] = {}
    for number, chunk in enumerate(chunks):
        _answer_chunk(trial, [texts[one] for one in chunk], str(number), journal)
        for place, values in zip(chunk, journal.get(str(number)), strict=True):
            found[place] = Generated(*values)
        trial.progress.update(len(found), len(texts), "answers")
    seconds = journal.seconds
    journal.close()
    return [found[place] for place in range(len(texts))], seconds


def _answer_chunk(trial: Trial, texts: list[str], name: str, journal: Journal) -> None:
    if journal.get(name) is not None:
        return
    settings = trial.settings
    with journal.recording(name) as result:
        answers = continue_texts(
            trial.student, texts, settings.max_new_tokens, trial.limit,
            settings.answer_batch_size, trial.stops,
        )  # fmt: skip
        result.append([[one.text, one.tokens, one.finish] for one in answers])


def measurements(
    trial: Trial, texts: Sequence[str], answers: Sequence[Generated]
) -> dict[str, Any]:
    """Count what was generated, and the prompts that were too long."""
    room = _room(trial.limit, trial.settings.max_new_tokens)
    cut = sum(len(tokenize(trial.student.tokenizer, text)) > room for text in texts)
    return trial.tell_cut(cut, len(texts)) | {
        "generated_tokens": sum(one.tokens for one in answers),
        "cut_answers": sum(one.finish == "length" for one in answers),
    }
