"""The engine for a server that runs already: any OpenAI-compatible /v1/completions.

vLLM, llama.cpp and most others take token ids as the prompt. A server that takes text only gets
the same prompt decoded, and is refused if it reads more tokens than it was sent: it would add a
second begin token or a template of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.engines.protocol import (
    Completion,
    Finished,
    Request,
    later_seed,
)
from synthetic_instruction_tuner.models.engines.rate_limit import RateLimit
from synthetic_instruction_tuner.progress import Progress, Silent

if TYPE_CHECKING:
    import httpx

_TRY_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0
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
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpx

        self.tokenizer = loading.load_tokenizer(model)
        self.end_ids = loading.load_end_ids(model)
        self._model, self._server, self._sleep = model.name, server, sleep
        self._rate = RateLimit(server.requests_per_minute, sleep, clock)
        self._key = _read_key(server.api_key_variable)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.Client(timeout=server.timeout_seconds, headers=headers)
        self._render: Callable[[Sequence[int]], Any] | None = None

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
        if self._render is None:
            self._render = self._find_render(requests[0].prompt)
        done: dict[int, Completion] = {}
        started, tokens = time.monotonic(), 0
        with ThreadPoolExecutor(self._server.parallel) as pool:
            waiting = {pool.submit(self._complete, one): at for at, one in enumerate(requests)}
            try:
                for future in as_completed(waiting):
                    completion = done[waiting[future]] = future.result()
                    if finished is not None:
                        finished(waiting[future], completion)
                    tokens += len(completion.tokens)
                    rate = tokens / max(time.monotonic() - started, 1e-9)
                    (progress or Silent()).update(len(done), len(requests), f"{rate:.0f} tokens/s")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                _hand_over(waiting, done, finished)
                raise
        return [done[at] for at in range(len(requests))]

    def _complete(self, request: Request) -> Completion:
        """Draw one completion; a ban on first tokens takes a request of its own for that token."""
        limit = request.sampling.max_new_tokens
        if not request.banned_first:
            return self._draw(request, request.prompt, limit, {})
        bias = {str(token): _NEVER for token in request.banned_first}
        begun = self._draw(request, request.prompt, 1, {"logit_bias": bias})
        if begun.finish == "stop" or limit == 1:
            return begun
        later = {"seed": later_seed(request) % 2**31}
        rest = self._draw(request, request.prompt + begun.tokens, limit - 1, later)
        return Completion(begun.tokens + rest.tokens, rest.finish)

    def _draw(
        self, request: Request, prompt: tuple[int, ...], limit: int, more: dict[str, Any]
    ) -> Completion:
        assert self._render is not None
        answer = self._ask(
            {
                "model": self._model,
                "prompt": self._render(prompt),
                "max_tokens": limit,
                "temperature": request.sampling.temperature,
                "top_p": request.sampling.top_p,
                "seed": request.seed % 2**31,
                "stop_token_ids": list(request.stop),
                "skip_special_tokens": False,
                "return_token_ids": True,
                **more,
            }
        )
        return self._read(answer, prompt, request.stop)

    def _read(
        self, answer: dict[str, Any], prompt: Sequence[int], stop: tuple[int, ...]
    ) -> Completion:
        """Turn a server's answer into a completion."""
        excess = self._excess(answer, prompt)
        try:
            choice = answer["choices"][0]
            text, finish = choice["text"], _FINISHES[choice["finish_reason"]]
            tokens = choice.get("token_ids")
            if tokens is None:
                tokens = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            tokens = [int(one) for one in tokens]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._unknown(answer, error) from error
        if excess > 0:
            raise StageError(
                f"{self._server.url} read {excess} tokens more than it was sent: it adds a begin "
                "token or a template to prompts; turn that off, or use another engine"
            )
        end = next((at for at, one in enumerate(tokens) if one in stop), None)
        if end is not None:  # not every server heeds all the tokens that end a turn
            return Completion(tuple(tokens[: end + 1]), "stop")
        if finish == "stop" and stop:
            tokens.append(stop[0])  # the end that servers leave out of what they return
        return Completion(tuple(tokens), "stop" if finish == "stop" else "length")

    def _excess(self, answer: dict[str, Any], prompt: Sequence[int]) -> int:
        """Count the tokens a server read beyond the prompt; 0 if it does not say."""
        try:
            read = (answer.get("usage") or {}).get("prompt_tokens")
            return 0 if read is None else max(0, int(read) - len(prompt))
        except (TypeError, ValueError, AttributeError) as error:
            raise self._unknown(answer, error) from error

    def _unknown(self, answer: dict[str, Any], error: Exception) -> StageError:
        said = self._shown(str(answer))
        return StageError(f"{self._server.url} answered in an unknown form ({error!r}): {said}")

    def _find_render(self, prompt: Sequence[int]) -> Callable[[Sequence[int]], Any]:
        """Find the form of prompt that this server takes: ids, text, or text without begin token.

        Raises:
            StageError: If it takes none as it is.
        """
        begin = self.tokenizer.bos_token or ""

        def as_text(ids: Sequence[int]) -> str:
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

        def without_begin(ids: Sequence[int]) -> str:
            return as_text(ids).removeprefix(begin)

        problem = ""
        for render in (list, as_text, without_begin):
            query = {"model": self._model, "prompt": render(prompt), "max_tokens": 1}
            try:
                excess = self._excess(self._ask(query), prompt)
            except RefusedError as error:
                problem = str(error)
                continue
            if excess <= 0:
                return render
            problem = f"it reads {excess} tokens more than it is sent (begin token or template)"
        raise StageError(f"{self._server.url} takes no prompt as it is: {problem}")

    def _ask(self, query: dict[str, Any]) -> dict[str, Any]:
        """Send a request until it is answered.

        Raises:
            RefusedError: If the server says that the request itself is wrong.
            StageError: If it still does not answer after all retries.
        """
        import httpx

        problem = ""
        for attempt in range(self._server.retries + 1):
            self._rate.wait()
            pause = min(2.0**attempt, _LONGEST_WAIT)
            try:
                answer = self._client.post(
                    f"{self._server.url.rstrip('/')}/completions", json=query
                )
                if answer.status_code == 200:
                    return dict(answer.json())
                problem = f"status {answer.status_code}: {self._shown(answer.text)}"
                if answer.status_code not in _TRY_AGAIN:
                    raise self._refusal(answer.status_code, problem)
                pause = _retry_after(answer, pause)
            except (httpx.TransportError, ValueError, TypeError) as error:
                problem = f"{type(error).__name__}: {error}"
            if attempt < self._server.retries:
                self._sleep(pause)
        raise StageError(
            f"{self._server.url} failed {self._server.retries + 1} times, at last with {problem}; "
            "finished chunks are kept: start again when the server answers"
        )

    def _shown(self, text: str) -> str:
        """Cut what a server says, without the key, which some repeat."""
        return (text.replace(self._key, "(the key)") if self._key else text)[:200]

    def _refusal(self, status: int, problem: str) -> Exception:
        where = f"{self._server.url} refused the request with {problem}"
        if status in (401, 403):
            return ConfigurationError(
                f"{where}; set its key in the environment variable {self._server.api_key_variable}"
            )
        if status == 404:
            return ConfigurationError(
                f"{where}; check generation.completions.url and that it serves {self._model!r}"
            )
        return RefusedError(where)


def _read_key(variable: str) -> str:
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


def _hand_over(
    waiting: Mapping[Future[Completion], int],
    done: Mapping[int, Completion],
    finished: Finished | None,
) -> None:
    """Pass on what came in after another request had failed: it need not be drawn again."""
    for future, place in waiting.items():
        whole = future.done() and not future.cancelled() and future.exception() is None
        if finished is not None and whole and place not in done:
            finished(place, future.result())


class RefusedError(StageError):
    """A server says that a request is wrong; trying again would not help."""


def _retry_after(answer: httpx.Response, default: float) -> float:
    """Read how long a server asks to wait; dates and nonsense count as not said."""
    try:
        return min(max(float(answer.headers["retry-after"]), 0.0), _LONGEST_WAIT)
    except (KeyError, ValueError):
        return default
