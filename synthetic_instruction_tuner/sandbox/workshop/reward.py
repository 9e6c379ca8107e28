"""The reward model: a network that notices the teacher's surprise, on a scale learned from pairs.

The network (`comparer`) is written, not trained: training its new layers, or all weights of its
score, on judged pairs ranked sampled answers worse in the few short runs tried. What is learned is
the scale of the score, with the Bradley-Terry loss: one unit more means odds of e to one that the
better answer is right.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from synthetic_instruction_tuner.sandbox.workshop import comparer, surprise
from synthetic_instruction_tuner.sandbox.workshop.answer_pool import Judged, draw_pair
from synthetic_instruction_tuner.sandbox.workshop.sampling import question
from synthetic_instruction_tuner.sandbox.workshop.tokenizer import EOT

if TYPE_CHECKING:
    import torch
    from transformers import (
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        PreTrainedTokenizerFast,
    )

CODE_ROWS: Final = 12_800
CODE_STEPS: Final = 6_000
PAIRS: Final = 4_000
OWN_SHARE: Final = 0.6
FIT_STEPS: Final = 400
FIT_RATE: Final = 0.1
BATCH: Final = 128


def new_reward_model(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", rows: int, steps: int, seed: int
) -> "LlamaForSequenceClassification":
    """Build the comparing network on a teacher; its score is at first the mean surprise.

    Args:
        teacher: The model whose body it is built on.
        tok: Its tokenizer.
        rows: Corpus rows on which the codes of tokens are fitted.
        steps: Gradient steps of that fit.
        seed: Seed of the rows and of the remaining weights.
    """
    codes = surprise.fit_codes(surprise.states(teacher, tok, rows, seed), len(tok), steps)
    header = tok.encode(question("What is 1 plus 2?"), add_special_tokens=False)
    mark = tok.convert_tokens_to_ids("assistant")
    return comparer.widened(teacher, codes, header, mark, seed).eval()


def _texts(rows: Sequence[tuple[str, str]]) -> list[str]:
    return [question(instruction) + answer.strip() + EOT for instruction, answer in rows]


def features(
    model: "LlamaForSequenceClassification",
    tok: "PreTrainedTokenizerFast",
    rows: Sequence[tuple[str, str]],
) -> "torch.Tensor":
    """The state from which each (instruction, answer) row is scored, (rows, width)."""
    import torch

    texts = _texts(rows)
    order = sorted(range(len(rows)), key=lambda index: len(texts[index]))
    found = torch.zeros(len(rows), model.config.hidden_size, device=model.device)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        encoded = [tok.encode(texts[index], add_special_tokens=False) for index in chosen]
        length = max(len(ids) for ids in encoded)
        ids = torch.full((len(chosen), length), int(tok.pad_token_id or 0))
        for index, row in enumerate(encoded):
            ids[index, : len(row)] = torch.tensor(row)
        last = torch.tensor([len(row) - 1 for row in encoded], device=model.device)
        with torch.no_grad():
            hidden = model.model(input_ids=ids.to(model.device), use_cache=False).last_hidden_state
        found[chosen] = hidden[torch.arange(len(chosen), device=model.device), last]
    return found


def fit_score(
    model: "LlamaForSequenceClassification",
    tok: "PreTrainedTokenizerFast",
    pool: Sequence[Judged],
    pairs: int,
    seed: int,
) -> float:
    """Fit the score's scale to pairs drawn from the pool; return the share ranked correctly."""
    import torch

    rng = Random(f"pairs-{seed}")
    drawn = [draw_pair(pool, OWN_SHARE, rng) for _ in range(pairs)]
    right = features(model, tok, [(q, answer) for q, answer, _ in drawn])
    wrong = features(model, tok, [(q, answer) for q, _, answer in drawn])
    gap = (right - wrong)[:, comparer.SAME]
    scale = torch.zeros((), device=gap.device, requires_grad=True)
    optimizer = torch.optim.Adam([scale], lr=FIT_RATE)
    for step in range(FIT_STEPS):
        optimizer.param_groups[0]["lr"] = FIT_RATE * (1 - step / FIT_STEPS)
        loss = -torch.nn.functional.logsigmoid(gap * scale.exp()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        model.score.weight[0, comparer.SAME] = scale.exp()
    return float((gap > 0).float().mean())


def score(
    model: "LlamaForSequenceClassification",
    tok: "PreTrainedTokenizerFast",
    rows: Sequence[tuple[str, str]],
) -> list[float]:
    """Score (instruction, answer) rows under the chat template; higher is better."""
    import torch

    with torch.no_grad():
        values: list[float] = model.score(features(model, tok, rows))[:, 0].tolist()
    return values


def load_reward_model(folder: Path, device: str = "cpu") -> "LlamaForSequenceClassification":
    """Load a reward model for computing in single precision."""
    import torch
    from transformers import LlamaForSequenceClassification

    model = LlamaForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return model.to(device).eval()
