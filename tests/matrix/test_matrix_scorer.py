"""The fast scorer on every architecture: each answer as if its item were scored alone."""

import pytest
from support import architectures

from synthetic_instruction_tuner.evaluation.likelihood.batching import Request, plan
from synthetic_instruction_tuner.evaluation.likelihood.scoring import Scorer
from synthetic_instruction_tuner.training.students import Student

PREFIX = tuple(range(20, 34))
CONTEXTS = (
    *((*PREFIX, *range(40, 40 + length)) for length in (1, 3, 20)),  # further than the prefix
    *((*PREFIX, *range(60, 60 + length)) for length in (2, 31)),
)
CONTINUATIONS = ((9,), (9, 9), (100, 3, 100, 5, 6))
REQUESTS = [Request(one, rest) for one in CONTEXTS for rest in CONTINUATIONS]
LIMIT = 48  # the longest contexts lose their first tokens, and with them the shared prefix
ADAPTERS = ("none", "prompt_tuning", "prefix_tuning")


def student_of(name: str, adapter: str) -> Student:
    """Build a student with a random adapter."""
    wrapped = architectures.adapted(name, adapter)
    if adapter == "none":
        return Student(wrapped, None, wrapped)
    virtual = wrapped.active_peft_config.num_virtual_tokens
    return Student(wrapped.get_base_model(), None, wrapped, virtual)


def alone(student: Student, request: Request) -> float:
    """Score a request with one plain forward pass of its own."""
    import torch

    context = request.context[-(LIMIT + 1 - len(request.continuation)) :]
    ids = torch.tensor([context + request.continuation])
    with torch.inference_mode():
        logits = student.wrapped(input_ids=ids).logits[0, -len(request.continuation) - 1 : -1]
    wanted = torch.tensor(request.continuation)[:, None]
    return float(logits.double().log_softmax(-1).gather(1, wanted).sum())


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_every_answer_is_that_of_the_item_alone(name: str, adapter: str) -> None:
    student = student_of(name, adapter)
    scorer = Scorer(student.model, student.soft_prompt())
    expected = [alone(student, one) for one in REQUESTS]
    for size in (5, 64):
        answers = {}
        for batch in plan(REQUESTS, LIMIT, size):
            answers |= scorer.score(batch)
        found = [answers[place].logprob for place in range(len(REQUESTS))]
        assert found == pytest.approx(expected, abs=2e-4), size
