"""The reward model: the teacher's body, two more layers that compare, and one score.

A causal model knows the next token only in its last layer; to notice that the token which
follows is another one, it needs layers after that. So the teacher's layers stay as they are,
and two new ones on top, which begin as the identity, learn to see whether an answer went
another way. The loss is Bradley-Terry on the last token of right and wrong answers, and, as for
the verifiers of Cobbe et al. (https://arxiv.org/abs/2110.14168), the verdict is also asked at
every answer token.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

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

NEW_LAYERS: Final = 2
PAIRS: Final = 48
OWN_SHARE: Final = 0.65
TOKEN_WEIGHT: Final = 0.5


def new_reward_model(teacher: "LlamaForCausalLM", seed: int) -> "LlamaForSequenceClassification":
    """Put two identity layers and a score head on the teacher's body."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    settings = {**teacher.config.to_dict(), "num_labels": 1, "tie_word_embeddings": False}
    settings["num_hidden_layers"] = teacher.config.num_hidden_layers + NEW_LAYERS
    for name in ("layer_types", "architectures", "id2label", "label2id"):
        settings.pop(name, None)
    settings.pop("num_labels")
    settings |= {"id2label": {0: "reward"}, "label2id": {"reward": 0}}
    torch.manual_seed(seed)
    model = LlamaForSequenceClassification(LlamaConfig(**settings)).to(
        next(teacher.parameters()).device
    )
    model.model.load_state_dict(teacher.model.state_dict(), strict=False)
    for layer in model.model.layers[-NEW_LAYERS:]:
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


def freeze_body(model: "LlamaForSequenceClassification", *, frozen: bool) -> None:
    """Keep the teacher's layers as they are, or let them learn too."""
    model.model.embed_tokens.requires_grad_(not frozen)
    for layer in model.model.layers[:-NEW_LAYERS]:
        layer.requires_grad_(not frozen)


def encode_pairs(
    pairs: Sequence[tuple[str, str, str]], tok: "PreTrainedTokenizerFast", device: Any
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Encode the right answers, then the wrong ones.

    Returns:
        ids (2 x pairs, length), a mask of each answer's tokens and end of turn, that end's index.
    """
    import torch

    rows = [(q, right) for q, right, _ in pairs] + [(q, wrong) for q, _, wrong in pairs]
    encoded = []
    for instruction, answer in rows:
        head = tok.encode(question(instruction), add_special_tokens=False)
        encoded.append(
            (len(head), head + tok.encode(answer.strip() + EOT, add_special_tokens=False))
        )
    length = max(len(ids) for _, ids in encoded)
    ids = torch.full((len(rows), length), int(tok.pad_token_id or 0))
    mask = torch.zeros(len(rows), length)
    last = torch.tensor([len(row) - 1 for _, row in encoded])
    for index, (start, row) in enumerate(encoded):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, start : len(row)] = 1.0
    return ids.to(device), mask.to(device), last.to(device)


def pair_loss(
    model: "LlamaForSequenceClassification",
    ids: "torch.Tensor",
    mask: "torch.Tensor",
    last: "torch.Tensor",
) -> "tuple[torch.Tensor, float]":
    """Bradley-Terry loss plus the verdict's loss at every token; and the share ranked right."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

    scores = model.score(model.model(input_ids=ids, use_cache=False).last_hidden_state)[..., 0]
    final = scores.gather(1, last[:, None])[:, 0]
    right, wrong = final.chunk(2)
    ranking = -logsigmoid(right - wrong).mean()
    labels = torch.zeros_like(scores)
    labels[: len(right)] = 1.0
    verdicts = binary_cross_entropy_with_logits(scores, labels, reduction="none")
    tokens = (verdicts * mask).sum() / mask.sum()
    ends = verdicts.gather(1, last[:, None]).mean()
    return ranking + TOKEN_WEIGHT * (tokens + ends), (right > wrong).float().mean().item()


def train_reward(
    model: "LlamaForSequenceClassification",
    tok: "PreTrainedTokenizerFast",
    pool: Sequence[Judged],
    steps: int,
    *,
    seed: int,
    matrix_rate: float,
    other_rate: float,
) -> Progress:
    """Train in place on pairs drawn from the pool; it ends with the averaged weights."""
    import torch

    rng, device = Random(f"pairs-{seed}"), next(model.parameters()).device
    optimizer, average = Optimizer(model, matrix_rate, other_rate), Average(model)
    start, said, smooth, hits, seen = time.monotonic(), 0.0, 0.0, 0.5, 0
    model.train()
    for step in range(steps):
        # Pairs of like length together: fewer padding tokens.
        if step % 8 == 0:
            drawn = [draw_pair(pool, OWN_SHARE, rng) for _ in range(8 * PAIRS)]
            drawn.sort(key=lambda pair: len(pair[0]) + max(len(pair[1]), len(pair[2])))
            groups = [drawn[i : i + PAIRS] for i in range(0, len(drawn), PAIRS)]
            rng.shuffle(groups)
        ids, mask, last = encode_pairs(groups[step % 8], tok, device)
        loss, hit = pair_loss(model, ids, mask, last)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate_factor(step, step / steps))
        average.update(model, step)
        seen += int(last.sum()) + len(last)
        smooth += (loss.item() - smooth) / min(step + 1, 50)
        hits += (hit - hits) / min(step + 1, 50)
        if time.monotonic() - said > 20:
            said = time.monotonic()
            print(
                f"reward: step {step} of {steps}, loss {smooth:.4f}, ranked right {hits:.3f}",
                flush=True,
            )
    model.load_state_dict(average.weights)
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
