"""A reward model at work: batches of token rows in, finite numbers out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models.loading import load_causal, load_reward
from synthetic_instruction_tuner.models.memory_errors import free_memory, is_out_of_memory
from synthetic_instruction_tuner.models.rewards.formats import (
    SCORED,
    Encoded,
    Prompt,
    choose_format,
    cut,
    limit_of,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)


class RewardModel:
    """Scores responses.

    Args:
        model: A sequence-classification model with one output, in evaluation mode; for format
            "likelihood" an instruct model, whose mean log-probability a response token, in nats,
            is the reward.

    Attributes:
        name: The format in which it reads.
        halvings: How often a batch was halved because memory ran out.
        step: Rewards closer than this are rounded to one number; 0 in float32.
        tokenizer: Its tokenizer.
        format_name: `preference.reward_format`.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, format_name: str = "auto"
    ) -> None:
        architecture = type(model).__name__
        has_template = getattr(tokenizer, "chat_template", None) is not None
        self._format = choose_format(format_name, architecture, has_template)
        labels = getattr(model.config, "num_labels", 1)
        self.name: str = self._format.name
        if self._format.score_field == "logits" and labels != 1 and self.name != "likelihood":
            raise ConfigurationError(
                f"preference.reward ({architecture}) has {labels} outputs; a reward model has one"
            )
        self._model, self._tokenizer = model, tokenizer
        self._pad: int | None = model.config.get_text_config().pad_token_id
        self._limit = limit_of(tokenizer, model.config)
        self.halvings = 0
        self.step = 0.0

    @classmethod
    def load(cls, config: ModelConfig, format_name: str = "auto") -> RewardModel:
        """Load the reward model that the settings name."""
        load = load_causal if format_name == "likelihood" else load_reward
        model, tokenizer = load(config)
        return cls(model, tokenizer, format_name)

    def encode(self, prompt: Prompt, response: str) -> tuple[Encoded, bool]:
        """Return a row's tokens, and whether its middle had to be cut out to fit the model."""
        whole = self._format.encode(self._tokenizer, prompt, response)
        row = cut(whole, self._limit)
        return row, len(row["input_ids"]) < len(whole["input_ids"])

    def score(self, rows: Sequence[Encoded]) -> list[float]:
        """Score rows side by side; when memory runs out, one half after the other.

        Raises:
            StageError: If not even a single row fits into memory.
        """
        try:
            return self._forward(rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                tokens = len(rows[0]["input_ids"])
                raise StageError(
                    f"the reward model runs out of memory on one row of {tokens} tokens; set "
                    "preference.reward.quantization='int8' or use a smaller preference.reward"
                ) from error
        self.halvings += 1
        logger.warning("out of memory with %d rows side by side: halved", len(rows))
        free_memory()
        half = len(rows) // 2
        return self.score(rows[:half]) + self.score(rows[half:])

    def _forward(self, rows: Sequence[Encoded]) -> list[float]:
        import torch

        batch = pad(rows, self._pad_id(rows))
        inputs = {
            key: torch.tensor(value, device=self._model.device) for key, value in batch.items()
        }
        scored = inputs.pop(SCORED, None)
        with torch.inference_mode():
            output = self._model(**inputs)
        if scored is not None:
            return _mean_log_probabilities(output.logits, inputs["input_ids"], scored)
        scores = output[self._format.score_field].float().reshape(len(rows))
        self._note_steps(scores)
        return [float(score) for score in scores.cpu()]

    def _note_steps(self, scores: Any) -> None:
        """Keep the widest distance of neighbouring numbers at the scores so far."""
        import torch

        if self._model.dtype in (torch.float16, torch.bfloat16):
            largest = float(scores.abs().max())
            self.step = max(self.step, largest * torch.finfo(self._model.dtype).eps)

    def _pad_id(self, rows: Sequence[Encoded]) -> int:
        """Return the padding token: the model's own, whatever the tokenizer would pad with.

        Causal models put the score on the last token that differs from the *model's* padding
        token; padded with another one, the score would depend on the neighbours in the batch.
        A model without one gets a token on which no row ends.
        """
        if self._pad is not None and self._pad >= 0:
            return self._pad
        config = self._model.config.get_text_config()
        ends = {row["input_ids"][-1] for row in rows}
        free = next(one for one in reversed(range(config.vocab_size)) if one not in ends)
        config.pad_token_id = free
        return free


def _mean_log_probabilities(logits: torch.Tensor, ids: torch.Tensor, scored: Any) -> list[float]:
    """Average the log-probabilities of the marked tokens of each row, in float32.

    Args:
        logits: (rows, tokens, vocabulary).
        ids: (rows, tokens).
        scored: (rows, tokens), 1 where a token counts.
    """
    means = []
    for row, tokens, marks in zip(logits, ids, scored, strict=True):
        places = marks[1:].nonzero().flatten()  # the state before a token foretells it
        log_probabilities = row[places].float().log_softmax(-1)
        chosen = log_probabilities.gather(1, tokens[1:][places, None])
        means.append(float(chosen.mean()))
    return means


def pad(rows: Sequence[Encoded], pad_id: int) -> Mapping[str, list[list[int]]]:
    """Pad rows on the right to the longest, with an attention mask."""
    width = max(len(row["input_ids"]) for row in rows)
    batch = {
        key: [
            row[key] + [pad_id if key == "input_ids" else 0] * (width - len(row[key]))
            for row in rows
        ]
        for key in rows[0]
    }
    lengths = [len(row["input_ids"]) for row in rows]
    mask = [[1] * length + [0] * (width - length) for length in lengths]
    return {**batch, "attention_mask": mask}
