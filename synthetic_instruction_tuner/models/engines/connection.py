"""The conversation with a completions server: deadlines, limits, retries; it repeats no key."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from synthetic_instruction_tuner.config import CompletionsConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models.engines.rate_limit import RateLimit

if TYPE_CHECKING:
    import httpx

LONGEST_ANSWER = 32 * 2**20
"""Bytes of an answer: 131,072 tokens with their text are a tenth of it."""
TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0
_SHOWN = 200

Answer = dict[str, Any]
"""A JSON object: a request, or what came back."""


class RefusedError(StageError):
    """A server says that a request is wrong; trying again would not help."""


class Failure(NamedTuple):
    """A request without a usable answer.

    Attributes:
        problem: What happened, without the key.
        status: Status of the answer; 0 if there was none, 200 if what came was not JSON.
        wait: Seconds that the server asks to wait; None if it does not say.
    """

    problem: str
    status: int = 0
    wait: float | None = None


class Connection:
    """Asks one server, within `timeout_seconds` a request whatever the server does.

    Args:
        model: The model as the server calls it, for errors.
        server: Address, time-outs, retries, rate.
        sleep: How to wait.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        model: str,
        server: CompletionsConfig,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.url = server.url.rstrip("/")
        self._model, self._server, self._sleep = model, server, sleep
        self._rate = RateLimit(server.requests_per_minute, clock)
        self._key = read_key(server.api_key_variable)
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep connections open for several requests."""
        import httpx

        headers = {"Accept-Encoding": "identity"}  # an answer that unpacks to more has no limit
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        limits = httpx.Limits(max_connections=None)  # `parallel` is the caller's
        timeout = self._server.timeout_seconds
        async with httpx.AsyncClient(timeout=timeout, headers=headers, limits=limits) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    async def ask(self, query: Mapping[str, object], retries: int | None = None) -> Answer:
        """Send a request until it is answered.

        Args:
            query: The request.
            retries: How often it is tried again; None: as the settings say.

        Raises:
            RefusedError: If the server says that the request itself is wrong.
            StageError: If it still does not answer after all retries.
        """
        failure, retries = Failure(""), self._server.retries if retries is None else retries
        for attempt in range(retries + 1):
            answer = await self.try_once(query)
            if not isinstance(answer, Failure):
                return answer
            failure = answer
            if failure.status not in TRY_AGAIN | {0, 200}:
                raise self.refusal(failure)
            if attempt < retries:
                await self.pause(attempt, failure)
        raise self.gave_up(failure, retries)

    async def try_once(self, query: Mapping[str, object]) -> Answer | Failure:
        """Send a request once.

        Raises:
            StageError: If the answer is none that can be read: too long, packed, nested too deep.
        """
        wait = self._rate.take_place()
        if wait > 0:
            await self._sleep(wait)
        answer = await self._exchange("POST", "completions", query)
        if isinstance(answer, Failure):
            return answer
        status, headers, content = answer
        if status != 200:
            said = self.shown(content[: 4 * _SHOWN].decode("utf-8", errors="replace"))
            return Failure(f"status {status}: {said}", status, _retry_after(headers))
        try:
            return dict(json.loads(content, parse_constant=_refuse_constant))
        except RecursionError:
            raise self.error("answered with JSON that is nested too deep") from None
        except OverflowError as problem:  # of `_refuse_constant`
            raise self.error(f"answered with a number that is none: {problem}") from None
        except (ValueError, TypeError) as problem:
            return Failure(self.shown(f"{type(problem).__name__}: {problem}"), 200)

    async def look(self, path: str) -> tuple[Mapping[str, str], Any]:
        """Read what a server says of itself.

        Returns:
            Headers and JSON value; ({}, None) if it says nothing that can be read.
        """
        answer = await self._exchange("GET", path, None)
        if isinstance(answer, Failure) or answer[0] != 200:
            return {}, None
        try:
            return answer[1], json.loads(answer[2])
        except (ValueError, RecursionError):
            return answer[1], None

    async def pause(self, attempt: int, failure: Failure) -> None:
        """Wait before another try: as long as the server asks to, else longer each time."""
        wait = min(2.0**attempt, _LONGEST_WAIT) if failure.wait is None else failure.wait
        await self._sleep(wait)

    def error(self, problem: str) -> StageError:
        """Return an error that names the server and hides the key."""
        return StageError(self._hidden(f"{self.url} {problem}"))

    def gave_up(self, failure: Failure, retries: int) -> StageError:
        """Return the error of a server that did not answer after all retries."""
        return self.error(
            f"failed {retries + 1} times, at last with {failure.problem}; "
            "finished chunks are kept: start again when the server answers"
        )

    def refusal(self, failure: Failure) -> ConfigurationError | RefusedError:
        """Return the error of a request that the server refused."""
        where = f"{self.url} refused the request with {failure.problem}"
        if failure.status in (401, 403):
            return ConfigurationError(
                f"{where}; set its key in the environment variable {self._server.api_key_variable}"
            )
        if failure.status == 404:
            return ConfigurationError(
                f"{where}; check generation.completions.url and that it serves {self._model!r}"
            )
        return RefusedError(where)

    def shown(self, text: str) -> str:
        """Cut what a server says, without the key, which some repeat."""
        return self._hidden(text)[:_SHOWN]

    def _hidden(self, text: str) -> str:
        for spelled in {self._key, repr(self._key)[1:-1], json.dumps(self._key)[1:-1]} - {""}:
            text = text.replace(spelled, "(the key)")
        return text

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, str], bytes] | Failure:
        import httpx

        seconds = self._server.timeout_seconds
        try:
            return await asyncio.wait_for(self._read(method, path, query), seconds)
        except asyncio.TimeoutError:
            return Failure(
                f"no whole answer within {seconds:g} s (generation.completions.timeout_seconds)"
            )
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            httpx.StreamError,
            OSError,
            ValueError,
        ) as problem:
            return Failure(self.shown(f"{type(problem).__name__}: {problem}"))

    async def _read(
        self, method: str, path: str, query: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        assert self._client is not None
        content = bytearray()
        async with self._client.stream(method, f"{self.url}/{path}", json=query) as answer:
            packed = answer.headers.get("content-encoding", "identity").strip().lower()
            if packed not in ("identity", ""):
                raise self.error(f"sent a packed answer ({packed[:20]}), which was asked not to be")
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > LONGEST_ANSWER:
                    raise self.error(
                        f"sent more than {LONGEST_ANSWER // 2**20} MiB as one answer; no "
                        "completion is that long"
                    )
            return answer.status_code, answer.headers, bytes(content)


def read_key(variable: str) -> str:
    """Read the key of a server, without the line end that many files with keys have; "" for none.

    Raises:
        ConfigurationError: If no header can hold it: HTTP libraries would repeat it in their error.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(
            f"the environment variable {variable} holds line breaks or letters that no key has "
            "(not shown here); set it anew"
        )
    return key


def _refuse_constant(text: str) -> object:
    raise OverflowError(f"{text} is not JSON")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait; dates and nonsense count as not said."""
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None
