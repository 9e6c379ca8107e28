"""The protocol of all engines: token ids in, token ids out, one random stream a request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from synthetic_instruction_tuner.config import SamplingConfig
from synthetic_instruction_tuner.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Request:
    """One prompt to continue.

    Attributes:
        prompt: Token ids, template and begin token included: an engine never adds any.
        seed: 63-bit seed of this request's own random stream (see `stream_seed`).
        sampling: How tokens are drawn.
        stop: Token ids that end the completion. There are no stop strings: they cut real text.
        banned_first: Token ids that may not come first.
        until: Told what was drawn so far: whether that is enough. Spares tokens that the caller
            would cut off; only the transformers engine asks it.
    """

    prompt: tuple[int, ...]
    seed: int
    sampling: SamplingConfig
    stop: tuple[int, ...]
    banned_first: tuple[int, ...] = ()
    until: Callable[[Sequence[int]], bool] | None = None


@dataclass(frozen=True)
class Completion:
    """What was drawn.

    Attributes:
        tokens: Token ids, the one that ended it included.
        finish: "stop" if a stop token ended it, "length" if it was cut at `max_new_tokens`.
    """

    tokens: tuple[int, ...]
    finish: Literal["stop", "length"]


ENGINE_VERSIONS: Mapping[str, int] = {"transformers": 1, "vllm": 2, "completions": 2}
"""Raised when an engine draws otherwise from equal requests; part of every draw's identity."""
Finished: TypeAlias = Callable[[int, Completion], None]
"""Takes the place of a request among the requests, and its completion."""


class Engine(Protocol):
    """Draws completions; what a request yields does not depend on its neighbours or their order."""

    tokenizer: PreTrainedTokenizerBase
    """The model's tokenizer."""
    end_ids: tuple[int, ...]
    """End tokens of the model's generation_config."""
    revision: str | None
    """Commit of the Hub that was loaded; None for a local model, a server, or where unknown."""

    @property
    def device_name(self) -> str:
        """What it runs on, for measurements: "cpu", "Tesla T4", "server"."""

    def generate(
        self,
        requests: Sequence[Request],
        batch_size: int,
        progress: Progress | None = None,
        finished: Finished | None = None,
    ) -> list[Completion]:
        """Continue every prompt.

        Args:
            requests: What to draw, in any order.
            batch_size: Requests under way side by side at most.
            progress: Told how many requests are finished, with tokens a second as the note.
            finished: Given each completion as soon as it ends.

        Returns:
            One completion a request, in the order of the requests.
        """


def stream_seed(*parts: str | int) -> int:
    """Derive the seed of a random stream from what it is for.

    The parts are joined by a character that ids do not contain; sha256 makes streams of different
    parts independent.

    Returns:
        A seed in 0..2**63-1.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def engine_identity(engine: str) -> str:
    """Return what names an engine and its way to draw in the identity of a draw."""
    version = ENGINE_VERSIONS[engine]
    return engine if version == 1 else f"{engine}-{version}"


def later_seed(request: Request) -> int:
    """Return the seed for what follows a first token that took a request of its own.

    Not the request's own: an engine that begins its stream again would draw the second token with
    the random numbers that chose the first.
    """
    return stream_seed(request.seed, "later")
