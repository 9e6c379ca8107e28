"""How a reward model wants to read a question and an answer, and where its score stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.families import find_family
from synthetic_instruction_tuner.models.rendering import Rendering

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FormatName = Literal["pair", "chat", "likelihood"]
SCORED = "scored"
"""Key of the mark, 1 on every token of the response, in rows of format "likelihood"."""
Prompt = str | Sequence[Mapping[str, str]]
"""What is answered: a text, or the turns of a conversation, the last one of the user."""
Encoded = dict[str, list[int]]
"""Token ids and what goes with them, one row, not padded: {"input_ids": [...], ...}."""

SCORE_FIELD: Mapping[str, str] = {"LlamaForRewardModelWithGating": "score"}
"""Output field that holds the reward, by architecture; everything else: "logits".

ArmoRM (https://huggingface.co/RLHFlow/ArmoRM-Llama3-8B-v0.1) has 19 objectives and a gated sum.
"""

PAIR_ARCHITECTURES = frozenset(
    {
        "AlbertForSequenceClassification",
        "BertForSequenceClassification",
        "DebertaForSequenceClassification",
        "DebertaV2ForSequenceClassification",
        "ElectraForSequenceClassification",
        "ModernBertForSequenceClassification",
        "RobertaForSequenceClassification",
        "XLMRobertaForSequenceClassification",
    }
)
"""Encoders: question and answer as a text pair, as in the model card of
https://huggingface.co/OpenAssistant/reward-model-deberta-v3-large-v2."""


@dataclass(frozen=True)
class RewardFormat:
    """Turns a question and an answer into the tokens of one row.

    Encoders read a conversation as one question: the texts of its turns, a paragraph each.

    Attributes:
        name: "pair", "chat" or "likelihood".
        score_field: Field of the model's output that holds the reward.
    """

    name: FormatName
    score_field: str

    def encode(self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: str) -> Encoded:
        """Return the row's tokens, special tokens included, whatever their number.

        What looks like a special token inside the texts stays text.
        """
        return _ENCODERS[self.name](tokenizer, prompt, response)


def choose_format(wanted: str, architecture: str, has_template: bool) -> RewardFormat:
    """Return the format of a reward model.

    Args:
        wanted: `preference.reward_format`.
        architecture: Class name of the model.
        has_template: Whether its tokenizer has a chat template.

    Raises:
        ConfigurationError: If the model cannot be read that way, or it cannot be known how.
    """
    score_field = SCORE_FIELD.get(architecture, "logits")
    if wanted in ("chat", "likelihood") and not has_template:
        raise ConfigurationError(
            f"preference.reward_format={wanted!r}, but the tokenizer of preference.reward has no "
            "chat template; use 'pair' or another model"
        )
    if wanted == "likelihood":
        return RewardFormat("likelihood", score_field)
    if wanted == "pair" or (wanted == "auto" and architecture in PAIR_ARCHITECTURES):
        return RewardFormat("pair", score_field)
    if has_template:
        return RewardFormat("chat", score_field)
    raise ConfigurationError(
        f"preference.reward is a {architecture} without a chat template: it is not known how it "
        "reads question and answer; set preference.reward_format to 'pair' if it takes two texts"
    )


def _turns(prompt: Prompt) -> list[dict[str, str]]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [dict(turn) for turn in prompt]


@lru_cache(maxsize=4)
def _rendering(tokenizer: PreTrainedTokenizerBase) -> Rendering:
    """Return what renders for every other model, too: date fixed, reasoning off, texts as text.

    A prompt has no system turn, which is all that depends on a family.
    """
    return Rendering(tokenizer, find_family("generic", ""))


def _encode_pair(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: str) -> Encoded:
    question = "\n\n".join(turn["content"] for turn in _turns(prompt))
    encoded = tokenizer(question, response, truncation=False, split_special_tokens=True)
    return {key: list(value) for key, value in encoded.items() if key != "attention_mask"}


def _encode_chat(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: str) -> Encoded:
    messages = [*_turns(prompt), {"role": "assistant", "content": response}]
    return {"input_ids": _rendering(tokenizer).ids(messages)}


def _encode_likelihood(
    tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: str
) -> Encoded:
    """Mark what the assistant says and the token that ends its turn."""
    whole = _encode_chat(tokenizer, prompt, response)["input_ids"]
    question = _rendering(tokenizer).ids(_turns(prompt), add_generation_prompt=True)
    pairs = zip(whole, question, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return {"input_ids": whole, SCORED: [0] * shared + [1] * (len(whole) - shared)}


_ENCODERS: Mapping[FormatName, Callable[[Any, Prompt, str], Encoded]] = {
    "pair": _encode_pair,
    "chat": _encode_chat,
    "likelihood": _encode_likelihood,
}


def alone(encoded: Encoded) -> Encoded:
    """Return a marked row without its prompt: the token it begins with, then what is scored."""
    whole, marks = encoded["input_ids"], encoded[SCORED]
    said = [token for token, mark in zip(whole, marks, strict=True) if mark]
    return {"input_ids": [whole[0], *said], SCORED: [0, *[1] * len(said)]}


def limit_of(tokenizer: PreTrainedTokenizerBase, config: Any) -> int:
    """Return how many tokens the model can read at most.

    Tokenizers without a limit say 1e30, so the model's own number of positions counts as well.
    """
    positions = getattr(config, "max_position_embeddings", None) or 0
    stated = int(min(getattr(tokenizer, "model_max_length", 0) or 0, 10**9))
    known = [one for one in (positions, stated) if 0 < one < 10**9]
    if not known:
        raise ConfigurationError(
            "neither tokenizer nor configuration of preference.reward says how much it can read"
        )
    return min(known)


def cut(encoded: Encoded, limit: int) -> Encoded:
    """Shorten a row to the limit: its middle goes, both ends stay.

    The start holds what every row needs ([CLS], the user header, the question); the end holds the
    closing token on which causal reward models put their score.
    """
    length = len(encoded["input_ids"])
    if length <= limit:
        return encoded
    head = limit // 2
    return {key: value[:head] + value[length - (limit - head) :] for key, value in encoded.items()}
