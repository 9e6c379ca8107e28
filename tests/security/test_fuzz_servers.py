"""Whatever bytes a completions server answers with: a completion or one named line, in time."""

import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzzing import EXAMPLES, JSON, fuzzed, named_error
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.models.engines import Request
from synthetic_instruction_tuner.models.engines.completions import CompletionsEngine

LIMIT = 9
ASKED = Request((0, 7, 8), 123, SamplingConfig(max_new_tokens=LIMIT), (4,))
DEADLINE = 1.0
"""Seconds a request may take in all, as the settings say."""
PATIENCE = 30.0
"""Seconds on a busy machine; without a deadline it would be for ever."""


class Sender:
    """Answers each connection with the bytes it was given last, and closes it or holds it open."""

    def __init__(self):
        self.content, self.holds = b"", False
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        held = []
        while True:
            try:
                accepted, _ = self.socket.accept()
            except OSError:
                return
            with suppress(OSError):
                accepted.recv(1 << 16)
                accepted.sendall(self.content)
            if self.holds:
                held.append(accepted)
            else:
                accepted.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A server, and an engine for it that knows already what the server heeds."""
    folder, server = save_responder(tmp_path_factory.mktemp("fuzzed")), Sender()
    settings = CompletionsConfig(
        url=server.url, requests_per_minute=1e6, retries=0, timeout_seconds=DEADLINE
    )
    engine = CompletionsEngine(ModelConfig(name=str(folder)), settings)
    engine._render = list
    yield server, engine
    server.socket.close()


def told(status, headers, body):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("utf-8", "surrogatepass") + body


IDS = st.lists(st.integers(-2, 200) | JSON, max_size=12)
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=40) | JSON,
        "finish_reason": st.sampled_from(["stop", "length", "eos_token"]) | JSON,
        "token_ids": IDS | JSON,
    },
)
USAGE = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens"]), st.integers(-5, 50) | JSON
)
ANSWER = st.fixed_dictionaries(
    {"choices": st.lists(CHOICE, max_size=2) | JSON}, optional={"usage": USAGE | JSON}
)
BODY = (
    st.binary(max_size=200)
    | (ANSWER | JSON).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"{", b'{"a":' * 50_000, b"[" * 100_000, b"1e999", b'"' + b"\\u0000" * 99])
)
STATUS = st.sampled_from(["200 OK", "200", "204 No", "429 Busy", "500 \xff", "999 ?", "301 Moved"])
NAME = st.sampled_from(
    ["Content-Length", "Transfer-Encoding", "Content-Encoding", "Retry-After", "Location", "X"]
)
VALUE = st.sampled_from(["0", "5", "-1", "1e9", "chunked", "gzip", "nan", "/elsewhere"])
HEADERS = st.lists(st.tuples(NAME, VALUE | st.text(max_size=20)), max_size=4)


def check(asked, content, holds):
    server, engine = asked
    server.content, server.holds = content, holds
    started = time.monotonic()
    with named_error():
        (found,) = engine.generate([ASKED], 1)
        assert len(found.tokens) <= 2 * LIMIT + 9
        assert all(0 <= one < engine._vocabulary for one in found.tokens)
    assert time.monotonic() - started < PATIENCE


@fuzzed
@given(ANSWER)
def test_answers_of_the_right_shape(asked, answer):
    body = json.dumps(answer).encode()
    check(asked, told("200 OK", [("Content-Length", len(body))], body), False)


@fuzzed
@given(STATUS, HEADERS, BODY)
def test_answers_of_any_shape(asked, status, headers, body):
    check(asked, told(status, headers, body), False)


@fuzzed
@given(st.binary(max_size=300))
def test_bytes_that_are_no_answer(asked, content):
    check(asked, content, False)


@settings(fuzzed, max_examples=max(1, EXAMPLES // 25), deadline=None)
@given(HEADERS, st.binary(max_size=30))
def test_an_answer_without_an_end(asked, headers, body):
    check(asked, told("200 OK", [*headers, ("Content-Length", "99999")], body), True)


def test_a_whole_answer_is_still_taken(asked):
    body = json.dumps(
        {"choices": [{"text": "x", "finish_reason": "length", "token_ids": [50] * LIMIT}]}
    ).encode()
    server, engine = asked
    server.content, server.holds = told("200 OK", [("Content-Length", len(body))], body), False
    assert engine.generate([ASKED], 1)[0].tokens == (50,) * LIMIT
