"""The engine for a server that runs already: any OpenAI-compatible /v1/completions.

vLLM, llama.cpp and most others take token ids as the prompt. A server that takes text only gets
the same prompt decoded, and is refused if it reads more tokens than it was sent: it would add a
second begin token or a template of its own. What it heeds is tried out first (see `probing`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.engines.background import in_background
from synthetic_instruction_tuner.models.engines.connection import Answer, Connection
from synthetic_instruction_tuner.models.engines.probing import Read, Render, examine, find_render
from synthetic_instruction_tuner.models.engines.protocol import (
    Completion,
    Finished,
    Request,
    later_seed,
)
from synthetic_instruction_tuner.progress import Progress, Silent

_FINISHES = {"stop": "stop", "eos_token": "stop", "length": "length"}
_NEVER = -100  # logit bias that the API defines as a ban


class CompletionsEngine:
    """Draws through HTTP, several requests at once, each tried again with growing waits.

    The seed of a request is sent along; whether equal seeds give equal text is up to the server.

    Args:
        model: The model as the server calls it; its tokenizer is loaded here.
        server: Address, time-outs, retries, rate.
        sleep: How to wait (replaced in tests).
        clock: Seconds that never go back.
    """

    device_name = "server"
    revision: str | None = None

    def __init__(
        self,
        model: ModelConfig,
        server: CompletionsConfig,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tokenizer = loading.load_tokenizer(model)
        self.end_ids = loading.load_end_ids(model)
        self._model, self._settings = model.name, server
        self._server = Connection(model.name, server, sleep, clock)
        self._vocabulary = len(self.tokenizer)
        self._render: Render | None = None

    def generate(
        self,
        requests: Sequence[Request],
        batch_size: int,
        progress: Progress | None = None,
        finished: Finished | None = None,
    ) -> list[Completion]:
        """Continue every prompt; see `protocol.Engine`. `parallel` takes the place of the batch.

        Raises:
            StageError: If the server gives up; what has finished was given to `finished`.
        """
        if not requests:
            return []
        done: dict[int, Completion] = {}
        started, tokens = time.monotonic(), 0
        work = in_background(partial(self._draw_all, requests))
        with closing(work):  # whatever interrupts the caller ends the requests under way, too
            for place, completion in work:
                done[place] = completion
                if finished is not None:
                    finished(place, completion)
                tokens += len(completion.tokens)
                rate = tokens / max(time.monotonic() - started, 1e-9)
                (progress or Silent()).update(len(done), len(requests), f"{rate:.0f} tokens/s")
        return [done[at] for at in range(len(requests))]

    async def _draw_all(
        self, requests: Sequence[Request], put: Callable[[tuple[int, Completion]], None]
    ) -> None:
        """Draw all; after a failure those under way end, so that they need not be drawn again."""
        free, failures = asyncio.Semaphore(self._settings.parallel), list[Exception]()

        async def one(place: int) -> None:
            async with free:
                if failures:
                    return
                try:
                    put((place, await self._complete(requests[place])))
                except Exception as error:
                    failures.append(error)

        async with self._server.opened():
            if self._render is None:
                self._render = await self._find_out(requests[0])
            await asyncio.gather(*map(one, range(len(requests))))
        if failures:
            raise failures[0]

    async def _find_out(self, request: Request) -> Render:
        """Find the form of prompt that this server takes, and try out what it heeds.

        Raises:
            StageError: If it takes no prompt as it is, or heeds too little.
        """
        begin = self.tokenizer.bos_token or ""

        def as_text(ids: Sequence[int]) -> str:
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

        def without_begin(ids: Sequence[int]) -> str:
            return as_text(ids).removeprefix(begin)

        forms = (list, as_text, without_begin)
        query, prompt = {"model": self._model}, request.prompt
        render = await find_render(
            self._server, forms, query, prompt, self._excess, self._settings.retries
        )

        async def draw(settings: Answer, limit: int, retries: int | None = None) -> Read:
            return await self._ask(request, render, prompt, limit, settings, retries)

        await examine(self._server, draw, request)
        return render

    async def _complete(self, request: Request) -> Completion:
        """Draw one completion; a ban on first tokens takes a request of its own for that token."""
        limit = request.sampling.max_new_tokens
        if not request.banned_first:
            return await self._draw(request, request.prompt, limit, {})
        bias = {str(token): _NEVER for token in request.banned_first}
        begun = await self._draw(request, request.prompt, 1, {"logit_bias": bias})
        if begun.finish == "stop" or limit == 1:
            return begun
        later = {"seed": later_seed(request) % 2**31}
        rest = await self._draw(request, request.prompt + begun.tokens, limit - 1, later)
        return Completion(begun.tokens + rest.tokens, rest.finish)

    async def _draw(
        self, request: Request, prompt: tuple[int, ...], limit: int, more: Answer
    ) -> Completion:
        assert self._render is not None
        read = await self._ask(request, self._render, prompt, limit, more)
        tokens, stop = list(read.tokens), request.stop
        end = next((at for at, one in enumerate(tokens) if one in stop), None)
        if end is not None:  # not every server heeds all the tokens that end a turn
            return Completion(tuple(tokens[: end + 1]), "stop")
        if read.finish == "stop" and stop:
            tokens.append(stop[0])  # the end that servers leave out of what they return
        return Completion(tuple(tokens), "stop" if read.finish == "stop" else "length")

    async def _ask(
        self,
        request: Request,
        render: Render,
        prompt: tuple[int, ...],
        limit: int,
        more: Answer,
        retries: int | None = None,
    ) -> Read:
        answer = await self._server.ask(
            {
                "model": self._model,
                "prompt": render(prompt),
                "max_tokens": limit,
                "temperature": request.sampling.temperature,
                "top_p": request.sampling.top_p,
                "seed": request.seed % 2**31,
                "stop_token_ids": list(request.stop),
                "skip_special_tokens": False,
                "return_token_ids": True,
                **more,
            },
            retries,
        )
        return self._read(answer, prompt, limit, request.stop)

    def _read(
        self, answer: Answer, prompt: Sequence[int], limit: int, stop: tuple[int, ...]
    ) -> Read:
        """Read an answer and refuse what no completion of this request can be."""
        excess = self._excess(answer, prompt)
        counted = self._counted(answer, "completion_tokens")
        try:
            choice = answer["choices"][0]
            text, finish = choice["text"], _FINISHES[choice["finish_reason"]]
            given = choice.get("token_ids")
            tokens = self._tokens(text) if given is None else [_whole(one) for one in given]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._unknown(answer, error) from None
        if excess > 0:
            raise self._server.error(
                f"read {excess} tokens more than it was sent: it adds a begin "
                "token or a template to prompts; turn that off, or use another engine"
            )
        strange = next((one for one in tokens if not 0 <= one < self._vocabulary), None)
        if strange is not None:
            raise self._server.error(
                f"sent token id {strange}, but the tokenizer of {self._model!r} has "
                f"{self._vocabulary}: it runs another model"
            )
        wrote = len(tokens) if given is not None else counted
        cut = finish == "length" and not set(stop) & set(tokens)
        self._check_length(wrote, len(tokens), limit, cut)
        return Read(tuple(tokens), finish, counted)

    def _check_length(self, wrote: int | None, tokens: int, limit: int, cut: bool) -> None:
        """Compare what was written with the limit; text alone may be cut into other tokens."""
        if (wrote or 0) > limit or tokens > 2 * limit + 8:
            raise self._server.error(
                f"wrote {max(wrote or 0, tokens)} tokens, but max_tokens={limit} was asked for"
            )
        if wrote is not None and cut and wrote < limit - 1:
            raise self._server.error(
                f"stopped early, after {wrote} of the {limit} tokens asked for: it has a limit or "
                "a context of its own; raise that, or lower max_new_tokens"
            )

    def _tokens(self, text: object) -> list[int]:
        if not isinstance(text, str):
            raise TypeError(f"text is {type(text).__name__}")
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _excess(self, answer: Answer, prompt: Sequence[int]) -> int:
        """Count the tokens a server read beyond the prompt; 0 if it does not say."""
        read = self._counted(answer, "prompt_tokens")
        return 0 if read is None else max(0, read - len(prompt))

    def _counted(self, answer: Answer, name: str) -> int | None:
        try:
            value = (answer.get("usage") or {}).get(name)
            return None if value is None else _whole(value)
        except (TypeError, ValueError, AttributeError) as error:
            raise self._unknown(answer, error) from None

    def _unknown(self, answer: Answer, error: Exception) -> StageError:
        problem, said = self._server.shown(repr(error)), self._server.shown(str(answer))
        return self._server.error(f"answered in an unknown form ({problem}): {said}")


def _whole(value: object) -> int:
    """Return a count or an id; JSON's 1e999, true and "7" are none."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no whole number from 0")
    return value
