"""The reward model: the teacher's body, two more layers that compare, and one score.

A causal model knows the next token only in its last layer; to notice that the token which follows
is another one, it needs layers after that. So the teacher's layers stay as they are, and two new
ones on top (`comparer`) learn to judge where an answer went another way. Three losses:
Bradley-Terry on the last token of right and wrong answers; the verdict at every answer token from
where the two part (as for the verifiers of Cobbe et al., https://arxiv.org/abs/2110.14168, which
judge every token); and, so that the new layers learn to compare well, the teacher's own
log-probability of each answer token and the lowest so far.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from synthetic_instruction_tuner.sandbox import comparer
from synthetic_instruction_tuner.sandbox.answer_pool import Judged, draw_pair
from synthetic_instruction_tuner.sandbox.optimizer import Optimizer
from synthetic_instruction_tuner.sandbox.sampling import question
from synthetic_instruction_tuner.sandbox.tokenizer import EOT
from synthetic_instruction_tuner.sandbox.training import Average, Progress, rate_factor

if TYPE_CHECKING:
    import torch
    from transformers import (
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        PreTrainedTokenizerFast,
    )

PAIRS: Final = 32
_WARM_UP_STEPS: Final = 30
OWN_SHARE: Final = 0.35
TOKEN_WEIGHT: Final = 1.0
COMPARISON_WEIGHT: Final = 5.0
LOWEST: Final = -6.0
MATRIX_RATE: Final = 0.001
OTHER_RATE: Final = 0.0005
CODE_ROWS: Final = 6400


def new_reward_model(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", rows: int, seed: int
) -> "LlamaForSequenceClassification":
    """Build the comparing network on a teacher; only the new layers and the score will learn.

    Args:
        teacher: The model whose body it is built on.
        tok: Its tokenizer.
        rows: Corpus rows on which the codes of tokens are fitted.
        seed: Seed of the rows and of the new layers.
    """
    codes = comparer.fit_codes(comparer.states(teacher, tok, rows, seed), len(tok))
    model = comparer.widened(teacher, codes, seed)
    model.model.embed_tokens.requires_grad_(False)
    for layer in model.model.layers[: -comparer.NEW_LAYERS]:
        layer.requires_grad_(False)
    return model.eval()


class EncodedPairs(NamedTuple):
    """Right answers, then the wrong ones, under the chat template.

    Attributes:
        ids: Token ids, (2 x pairs, length).
        judged: 1 where the verdict is asked: all tokens of a right answer, and of a wrong one
            those from the first that differs.
        answer: 1 on every answer token and the end of the turn.
        last: Index of each row's last token, (2 x pairs).
    """

    ids: "torch.Tensor"
    judged: "torch.Tensor"
    answer: "torch.Tensor"
    last: "torch.Tensor"


def encode_pairs(
    pairs: Sequence[tuple[str, str, str]], tok: "PreTrainedTokenizerFast", device: Any
) -> EncodedPairs:
    """Encode (instruction, right, wrong) rows."""
    import torch

    rights, wrongs = [], []
    for instruction, right, wrong in pairs:
        head = tok.encode(question(instruction), add_special_tokens=False)
        good, bad = (
            head + tok.encode(text.strip() + EOT, add_special_tokens=False)
            for text in (right, wrong)
        )
        same = next(i for i, (a, b) in enumerate(zip_longest(good, bad)) if a != b)
        rights.append((len(head), len(head), good))
        wrongs.append((len(head), min(same, len(bad) - 1), bad))
    rows = rights + wrongs
    length = max(len(row) for _, _, row in rows)
    ids = torch.full((len(rows), length), int(tok.pad_token_id or 0))
    judged, answer = torch.zeros(len(rows), length), torch.zeros(len(rows), length)
    for index, (start, parting, row) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        judged[index, parting : len(row)] = 1.0
        answer[index, start : len(row)] = 1.0
    last = torch.tensor([len(row) - 1 for _, _, row in rows])
    return EncodedPairs(*(part.to(device) for part in (ids, judged, answer, last)))


def likelihoods(teacher: "LlamaForCausalLM", batch: EncodedPairs) -> "torch.Tensor":
    """The teacher's log-probability of each answer token and the lowest so far.

    Returns:
        (2 x pairs, length, 2), in units of `LOWEST`, so between -1 and 0.
    """
    import torch

    with torch.no_grad():
        logits = teacher(input_ids=batch.ids, use_cache=False).logits[:, :-1]
        said = logits.log_softmax(-1).gather(2, batch.ids[:, 1:, None])[..., 0]
    said = torch.nn.functional.pad(said, (1, 0)).clamp(min=LOWEST) * batch.answer
    return torch.stack([said, said.cummin(1).values], dim=-1) / -LOWEST


def pair_loss(
    model: "LlamaForSequenceClassification", batch: EncodedPairs, said: "torch.Tensor"
) -> "tuple[torch.Tensor, float]":
    """Sum the three losses; also the share of pairs ranked rightly."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, smooth_l1_loss

    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
    scores = model.score(hidden)[..., 0]
    final = scores.gather(1, batch.last[:, None])[:, 0]
    right, wrong = final.chunk(2)
    labels = torch.zeros_like(scores)
    labels[: len(right)] = 1.0
    verdicts = binary_cross_entropy_with_logits(scores, labels, reduction="none")
    verdict = (verdicts * batch.judged).sum() / batch.judged.sum()
    compared = smooth_l1_loss(model.compare(hidden), said, reduction="none", beta=0.1).sum(-1)
    comparison = (compared * batch.answer).sum() / batch.answer.sum()
    ranking = -logsigmoid(right - wrong).mean()
    loss = ranking + TOKEN_WEIGHT * verdict + COMPARISON_WEIGHT * comparison
    return loss, (right > wrong).float().mean().item()


def pair_batches(
    pool: Sequence[Judged], tok: "PreTrainedTokenizerFast", device: Any, rng: Random
) -> Iterator[EncodedPairs]:
    """Draw pairs without end; pairs of like length go together, which saves padding."""
    while True:
        drawn = [draw_pair(pool, OWN_SHARE, rng) for _ in range(8 * PAIRS)]
        drawn.sort(key=lambda pair: len(pair[0]) + max(len(pair[1]), len(pair[2])))
        groups = [drawn[i : i + PAIRS] for i in range(0, len(drawn), PAIRS)]
        rng.shuffle(groups)
        for group in groups:
            yield encode_pairs(group, tok, device)


def train_reward(
    model: "LlamaForSequenceClassification",
    teacher: "LlamaForCausalLM",
    tok: "PreTrainedTokenizerFast",
    pool: Sequence[Judged],
    steps: int,
    *,
    seed: int,
    matrix_rate: float = MATRIX_RATE,
    other_rate: float = OTHER_RATE,
) -> Progress:
    """Train in place on pairs drawn from the pool; it ends with the averaged weights."""
    import torch

    device = next(model.parameters()).device
    model.add_module("compare", torch.nn.Linear(model.config.hidden_size, 2).to(device))
    optimizer, average = Optimizer(model, matrix_rate, other_rate), Average(model)
    drawn = pair_batches(pool, tok, device, Random(f"pairs-{seed}"))
    start, said, smooth, hits, seen = time.monotonic(), 0.0, 0.0, 0.5, 0
    model.train()
    for step in range(steps):
        batch = next(drawn)
        loss, hit = pair_loss(model, batch, likelihoods(teacher, batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate_factor(step, step / steps, _WARM_UP_STEPS))
        average.update(model, step)
        seen += int(batch.last.sum()) + len(batch.last)
        smooth += (loss.item() - smooth) / min(step + 1, 50)
        hits += (hit - hits) / min(step + 1, 50)
        if time.monotonic() - said > 20:
            said = time.monotonic()
            print(f"reward: {step} of {steps}, loss {smooth:.4f}, ranked {hits:.3f}", flush=True)
    model.load_state_dict(average.weights)
    del model.compare
    model.eval()
    return Progress("reward", seen, seen, smooth, time.monotonic() - start)


def score(
    model: "LlamaForSequenceClassification",
    tok: "PreTrainedTokenizerFast",
    rows: Sequence[tuple[str, str]],
    batch: int = 128,
) -> list[float]:
    """Score (instruction, answer) rows under the chat template."""
    import torch

    order = sorted(range(len(rows)), key=lambda index: len(rows[index][0]) + len(rows[index][1]))
    scores = [0.0] * len(rows)
    tok.padding_side = "right"
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        texts = [question(rows[i][0]) + rows[i][1].strip() + EOT for i in chosen]
        inputs = tok(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = inputs.to(next(model.parameters()).device)
        with torch.no_grad():
            out = model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits[
                :, 0
            ]
        for index, value in zip(chosen, out.tolist(), strict=True):
            scores[index] = value
    return scores


def load_reward_model(folder: Path, device: str = "cpu") -> "LlamaForSequenceClassification":
    """Load a reward model for computing in single precision."""
    import torch
    from transformers import LlamaForSequenceClassification

    model = LlamaForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return model.to(device).eval()
