"""The engine's draws on every architecture: each as if its request were alone, without a cache."""

import pytest
from support import architectures

from synthetic_instruction_tuner.config import SamplingConfig
from synthetic_instruction_tuner.models.engines.protocol import Request
from synthetic_instruction_tuner.models.engines.running import Row, draw_tokens
from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine

LENGTHS = ((3, 9), (30, 2), (17, 7), (14, 1), (30, 5))  # tokens of the prompt, and to draw
REQUESTS = [
    Request(
        prompt=tuple((7 * number + 3 * place) % 250 + 5 for place in range(prompt)),
        seed=number,
        sampling=SamplingConfig(max_new_tokens=new),
        stop=(),
    )
    for number, (prompt, new) in enumerate(LENGTHS)
]


def alone(model, request: Request) -> tuple[int, ...]:
    """Draw a request's tokens with a whole forward pass for each."""
    import torch

    row = Row(0, request)
    completion = None
    with torch.inference_mode():
        while completion is None:
            logits = model(input_ids=torch.tensor([row.text])).logits[:, -1]
            completion = row.take(draw_tokens([row], logits)[0])
    return completion.tokens


@pytest.mark.parametrize("adapter", ["none", "prompt_tuning"])
@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_every_draw_is_that_of_the_request_alone(name: str, adapter: str) -> None:
    model = architectures.adapted(name, adapter)
    drawn = TransformersEngine(model, None).generate(REQUESTS, batch_size=3)  # two join later
    assert [one.tokens for one in drawn] == [alone(model, one) for one in REQUESTS]
