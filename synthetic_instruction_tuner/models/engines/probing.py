"""What a completions server is and does, found out before anything is drawn from it.

Servers differ in what they take and heed: token ids as prompt, seeds, stop tokens, a limit of
tokens. None refuses what it does not know, so each is tried out once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.engines.connection import (
    TRY_AGAIN,
    Answer,
    Connection,
    Failure,
    RefusedError,
)
from synthetic_instruction_tuner.models.engines.protocol import Request

logger = logging.getLogger(__name__)

Render = Callable[[Sequence[int]], object]
"""Turns the token ids of a prompt into what a server takes."""
TRIED_TOKENS = 24
"""Tokens of a trial; more than the 16 that the API writes where nothing is asked for."""
TRIED_TEMPERATURE = 2.0
"""The API's highest: two texts of different seeds that are equal are then no accident."""
ALWAYS = 100
"""Logit bias that the API defines as a choice without alternative."""
_ABOUT_LOAD = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say nothing about the request."""
_OWNERS = {
    "vllm": "vLLM", "llamacpp": "llama.cpp", "me": "llama-cpp-python", "library": "Ollama",
    "sglang": "SGLang",
}  # fmt: skip
"""What `/v1/models` of common servers gives as the owner of a model."""


@dataclass(frozen=True)
class Read:
    """What an answer says.

    Attributes:
        tokens: Token ids of the continuation, of its text where the server gives no ids.
        finish: "stop" or "length", as the server says.
        counted: Tokens that the server says it wrote; None if it does not say.
    """

    tokens: tuple[int, ...]
    finish: str
    counted: int | None


async def find_render(
    server: Connection,
    forms: Sequence[Render],
    query: Answer,
    prompt: Sequence[int],
    excess: Callable[[Answer, Sequence[int]], int],
    retries: int,
) -> Render:
    """Find the form of prompt that this server takes: the first that is answered as it is.

    Each form is tried once: some servers answer one that they do not know with status 500. Only
    where all fail is the server taken to be down, and asked again later.

    Raises:
        ConfigurationError: If the server wants another key, or has no such model.
        StageError: If it takes none as it is, or does not answer.
    """
    for attempt in range(retries + 1):
        down = Failure("")
        refused = ""
        for render in forms:
            found = await server.try_once({**query, "prompt": render(prompt), "max_tokens": 1})
            if not isinstance(found, Failure):
                more = excess(found, prompt)
                if more <= 0:
                    return render
                refused = f"it reads {more} tokens more than it is sent (begin token or template)"
                continue
            if found.status in (401, 403, 404):
                raise server.refusal(found)
            if found.status in TRY_AGAIN | {0, 200}:
                down = found
                if found.status in _ABOUT_LOAD | {0}:
                    break
            else:
                refused = found.problem
        if not down.problem:
            raise server.error(f"takes no prompt as it is: {refused}")
        if attempt < retries:
            await server.pause(attempt, down)
    raise server.gave_up(down, retries)


async def name_of(server: Connection) -> str:
    """Return the name of the server's software, as far as it can be told."""
    headers, models = await server.look("models")
    try:
        owner = str(models["data"][0]["owned_by"])
    except (LookupError, TypeError):
        owner = ""
    told = _OWNERS.get(owner) or headers.get("server", "") or "an unknown server"
    return server.shown(told)


class Draw(Protocol):
    """Continues the first request's prompt."""

    async def __call__(self, settings: Answer, limit: int, retries: int | None = None) -> Read:
        """Draw up to `limit` tokens with some settings of the request replaced."""


async def examine(server: Connection, draw: Draw, request: Request) -> None:
    """Try out length, seeds and stop tokens before anything is drawn.

    Args:
        server: The server, for its name in what is said.
        draw: Continues the request's prompt.
        request: The first request.

    Raises:
        StageError: If what the server wrote could not be used: it ends before the limit, gives one
            text whatever the seed, or runs past the end of a turn without showing it.
    """
    name = await name_of(server)
    logger.info("%s is %s", server.url, name)
    try:
        await _try_seeds(server, name, draw, request.seed)
    except RefusedError as problem:
        logger.info("seeds were not tried out: %s", problem)
    await _try_stops(server, name, draw, request.stop)


async def _try_seeds(server: Connection, name: str, draw: Draw, seed: int) -> None:
    """Draw with one seed twice and with another; whoever reads the texts sees limits, too."""
    drawn = []
    for one in (seed, seed, seed + 1):
        settings = {"temperature": TRIED_TEMPERATURE, "top_p": 1.0, "seed": one % 2**31}
        drawn.append(await draw(settings, TRIED_TOKENS))
    first, again, other = (read.tokens for read in drawn)
    if len(first) > 1 and first == again == other:
        raise server.error(
            f"({name}) gives the same text for different seeds at temperature {TRIED_TEMPERATURE}: "
            "it drops the seed, and all rows would be one"
        )
    if first != again:
        logger.warning(
            "%s (%s) gives different texts for one seed: it drops the seed, and what is drawn "
            "cannot be drawn again",
            server.url,
            name,
        )
    longest = max(len(read.tokens) for read in drawn)
    if all(read.finish == "stop" for read in drawn) and longest < TRIED_TOKENS // 2:
        logger.warning(
            "%s (%s) ended three random texts after at most %d tokens: look whether it has stop "
            "strings of its own",
            server.url,
            name,
            longest,
        )


async def _try_stops(server: Connection, name: str, draw: Draw, stops: Sequence[int]) -> None:
    """Have the server write each stop token: it must end there, or at least show it."""
    unseen = []
    for stop in stops:
        try:
            read = await draw({"logit_bias": {str(stop): ALWAYS}}, 2, 0)
        except StageError as problem:
            logger.info("stop tokens were not tried out: %s", problem)
            return
        if read.finish == "length" and not read.tokens:
            unseen.append(stop)
    if not unseen:
        return
    fault = f"runs past the end tokens {unseen} and leaves them out of its text"
    if len(unseen) == len(stops):
        raise server.error(f"({name}) {fault}, so that no end of a turn could be found")
    logger.warning("%s (%s) %s", server.url, name, fault)
