"""Talking to any model of a study: base or arm, in turn, on one base held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.models.engines.protocol import stream_seed
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject
from synthetic_instruction_tuner.training.students import under_test

Turn = dict[str, str]


def answer(
    study: Study,
    subject: Subject,
    turns: Sequence[Turn],
    max_new_tokens: int = 256,
    temperature: float = 0.0,
) -> str:
    """Let a model answer a conversation.

    The base is loaded once a process; adapters are exchanged on it in a fraction of a second, so
    that two arms can answer side by side. The conversation is rendered as for training.

    Args:
        study: The study.
        subject: The base, or a trained arm.
        turns: {"role", "content"} turns, the last one of the user.
        max_new_tokens: Most tokens of the answer.
        temperature: 0 for the likeliest answer; else drawn, equal every time for equal turns.

    Raises:
        StageError: If the arm is not trained yet.
    """
    import torch

    with under_test(study, subject) as student, torch.inference_mode():
        prompt = student.chat.response_prompt(turns)
        ids = torch.tensor([prompt], device=student.model.device)
        torch.manual_seed(stream_seed("chat", subject.name, *(turn["content"] for turn in turns)))
        sampling: dict[str, Any] = {"do_sample": False}
        if temperature > 0:
            sampling = {"do_sample": True, "temperature": temperature, "top_k": 0}
        answered = student.wrapped.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            eos_token_id=list(student.chat.stop_ids),
            pad_token_id=student.tokenizer.pad_token_id,
            **sampling,
        )
        return student.chat.spoken(answered[0, ids.shape[1] :].tolist()).strip()
