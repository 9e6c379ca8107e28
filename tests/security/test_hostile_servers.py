"""Whatever a completions server sends ends in an answer or in one named line, in bounded time."""

import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.engines import Request, connection
from synthetic_instruction_tuner.models.engines.completions import CompletionsEngine
from synthetic_instruction_tuner.models.engines.probing import ALWAYS, TRIED_TEMPERATURE

STOP = (4,)
PROMPT = (0, 7, 8)
ASKED = Request(PROMPT, 123, SamplingConfig(max_new_tokens=9), STOP)
KEY = "s3cret-of-the-server"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("hostile"))


class RawServer:
    """Hands each request's JSON and connection to a rule, which writes bytes as it likes."""

    def __init__(self, rule):
        self.rule, self.queries = rule, []
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while not self.over.is_set():
            try:
                accepted, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(accepted,), daemon=True).start()

    def _answer(self, accepted):
        with accepted, accepted.makefile("rb") as read:
            first, size = read.readline(), 0
            while (line := read.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            body = read.read(size)
            if len(body) < size:
                return
            query = json.loads(body) if body else {}
            if first.startswith(b"POST"):
                self.queries.append(query)
            with suppress(OSError):  # the client has gone, as it should
                self.rule(accepted, query, self)

    def close(self):
        self.over.set()
        self.socket.close()


@pytest.fixture
def serve():
    servers = []

    def start(rule):
        servers.append(RawServer(rule))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def send(to, content, status="200 OK", headers=""):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    to.sendall(head.encode() + body)


def good(query):
    """Answer as a server does that heeds everything."""
    limit = query.get("max_tokens", 1)
    if ALWAYS in query.get("logit_bias", {}).values():
        return choice([4], "stop")
    ids = [50 + (query.get("seed", 0) + place) % 40 for place in range(limit)]
    return choice(ids, "length")


def choice(ids, finish, text="x", **usage):
    found = {"choices": [{"text": text, "finish_reason": finish, "token_ids": ids}]}
    return found | ({"usage": usage} if usage else {})


def after_trials(answer):
    """Return a rule that is good until the first real request, and answers that as given."""

    def rule(to, query, server):
        if query.get("max_tokens") != 9:
            send(to, good(query))
        elif callable(answer):
            answer(to, query, server)
        else:
            send(to, answer)

    return rule


def draw(folder, server, **settings):
    config = CompletionsConfig(
        url=server.url, **({"requests_per_minute": 1e6, "retries": 0} | settings)
    )
    return CompletionsEngine(ModelConfig(name=str(folder)), config).generate([ASKED], 1)


def drip(to, query, server):
    to.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not server.over.wait(0.05):
        to.sendall(b" ")


def drip_headers(to, query, server):
    to.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.over.wait(0.05):
        to.sendall(b"X: y\r\n")


@pytest.mark.parametrize("rule", [drip, drip_headers])
def test_a_request_has_a_deadline_in_all(folder, serve, rule):
    server, started = serve(after_trials(rule)), time.monotonic()
    with pytest.raises(StageError, match=r"no whole answer within 1 s .*timeout_seconds"):
        draw(folder, server, timeout_seconds=1)
    assert time.monotonic() - started < 30


BAD = {
    "packed": (
        lambda to, *_: send(to, gzip.compress(b" " * 10**6), headers="Content-Encoding: gzip\r\n"),
        "packed answer",
    ),
    "endless": (
        lambda to, *_: to.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 200_000),
        "sent more than",
    ),
    "another vocabulary": (choice([10**9] * 9, "length"), "sent token id 1000000000"),
    "negative id": (choice([-1] * 9, "length"), "unknown form"),
    "ids that are texts": (choice(["7"] * 9, "length"), "unknown form"),
    "ids that are true": (choice([True] * 9, "length"), "unknown form"),
    "more than asked": (choice([50] * 10, "length"), "wrote 10 tokens, but max_tokens=9"),
    "stopped early": (choice([50] * 4, "length"), "stopped early, after 4 of the 9"),
    "counts beyond": (choice(None, "stop", completion_tokens=99), "wrote 99 tokens"),
    "an endless text": (choice(None, "stop", text="a b " * 5000), "but max_tokens=9"),
    "a boundless count": (b'{"choices": [], "usage": {"prompt_tokens": 1e999}}', "unknown form"),
    "NaN": (b'{"choices": NaN}', "NaN is not JSON"),
    "Infinity": (b'{"usage": {"prompt_tokens": Infinity}}', "Infinity is not JSON"),
    "deep": (b'{"a":' * 100_000, "nested too deep"),
    "no object": (b"[1, 2]", "TypeError"),
    "half a character": (b'{"choices": [{"text": "\\ud800", "finish_reason": "stop"}]}', "form"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_completion_can_be_is_one_named_line(folder, serve, name, monkeypatch):
    answer, message = BAD[name]
    monkeypatch.setattr(connection, "LONGEST_ANSWER", 100_000 if name == "endless" else 2**22)
    with pytest.raises(StageError, match=message) as caught:
        draw(folder, serve(after_trials(answer)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "written",
    [
        f"HTTP/1.1 200 OK\r\nBearer {KEY}\r\n\r\n",
        f"HTTP/1.1 {KEY}\r\n\r\n",
        f"Bearer {KEY}\r\n\r\n",
    ],
)
def test_a_key_in_malformed_headers_is_not_shown(folder, serve, monkeypatch, written):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = serve(after_trials(lambda to, *_: to.sendall(written.encode())))
    with pytest.raises(StageError) as caught:
        draw(folder, server)
    seen, chain = "", caught.value
    while chain is not None:  # what a log would show of the causes, too
        seen, chain = seen + repr(chain), chain.__cause__
    assert KEY not in seen


@pytest.mark.parametrize("wait", ["nan", "inf", "-inf", "-5", "1e400"])
def test_a_wait_that_is_no_number_of_seconds(folder, serve, wait):
    failed = []

    def rule(to, query, server):
        if failed:
            return send(to, good(query))
        failed.append(query)
        return send(to, b"busy", "503 Busy", f"Retry-After: {wait}\r\n")

    started = time.monotonic()
    (completion,) = draw(folder, serve(after_trials(rule)), retries=1)
    assert len(completion.tokens) == 9
    assert time.monotonic() - started < 30


def test_ids_refused_with_a_server_error_are_sent_as_text(folder, serve):
    """llama-cpp-python validates the prompt itself and answers ids with status 500."""

    def rule(to, query, server):
        if query and not isinstance(query["prompt"], str):
            return send(to, {"error": {"type": "internal_server_error"}}, "500 Error")
        return send(to, good(query))

    server = serve(rule)
    draw(folder, server, retries=5)
    assert [isinstance(one["prompt"], str) for one in server.queries[:2]] == [False, True]
    assert all(isinstance(one["prompt"], str) for one in server.queries[1:])


def test_one_text_for_all_seeds_is_found_out_before_anything_is_drawn(folder, serve):
    server = serve(lambda to, query, _: send(to, good(query | {"seed": 1})))
    with pytest.raises(StageError, match="same text for different seeds"):
        draw(folder, server)
    assert all(one.get("max_tokens") != 9 for one in server.queries)


def test_a_seed_that_is_dropped_is_said(folder, serve, caplog):
    server = serve(lambda to, query, at: send(to, good(query | {"seed": len(at.queries)})))
    draw(folder, server)
    assert "different texts for one seed" in caplog.text


def test_a_limit_of_the_server_is_found_out_before_anything_is_drawn(folder, serve):
    server = serve(lambda to, query, _: send(to, good(query | {"max_tokens": 1})))
    with pytest.raises(StageError, match="stopped early, after 1 of the 24"):
        draw(folder, server)
    assert all(one.get("max_tokens") != 9 for one in server.queries)


def test_ends_that_are_neither_heeded_nor_shown_are_found_out(folder, serve):
    def rule(to, query, server):
        if ALWAYS in query.get("logit_bias", {}).values():
            return send(to, choice(None, "length", text="", completion_tokens=2))
        return send(to, good(query))

    server = serve(rule)
    with pytest.raises(StageError, match="runs past the end tokens"):
        draw(folder, server)
    assert all(one.get("max_tokens") != 9 for one in server.queries)


def test_a_stop_that_is_repeated_in_the_text_is_cut_off(folder, serve):
    tokenizer_end = "<|eot_id|>"
    server = serve(after_trials(choice(None, "stop", text=f"Hi{tokenizer_end}and on")))
    config = CompletionsConfig(url=server.url, requests_per_minute=1e6)
    engine = CompletionsEngine(ModelConfig(name=str(folder)), config)
    end = engine.tokenizer.convert_tokens_to_ids(tokenizer_end)
    (completion,) = engine.generate([Request(PROMPT, 1, ASKED.sampling, (end,))], 1)
    assert completion.finish == "stop"
    assert engine.tokenizer.decode(completion.tokens) == f"Hi{tokenizer_end}"


def test_a_server_is_named(folder, serve, caplog):
    caplog.set_level("INFO")
    server = serve(
        lambda to, query, _: send(to, good(query) if query else {"data": [{"owned_by": "vllm"}]})
    )
    draw(folder, server)
    assert f"{server.url} is vLLM" in caplog.text


def test_the_highest_temperature_is_that_of_the_trials():
    assert TRIED_TEMPERATURE <= 2


PROGRAM = """
import sys
import time
from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.models.engines import Request
from synthetic_instruction_tuner.models.engines.completions import CompletionsEngine

config = CompletionsConfig(url=sys.argv[2], requests_per_minute=1e6, timeout_seconds=600)
engine = CompletionsEngine(ModelConfig(name=sys.argv[1]), config)
sampling = SamplingConfig(max_new_tokens=9)
try:
    engine.generate([Request((0, 7, 8), n, sampling, (4,)) for n in range(9)], 1)
except KeyboardInterrupt:
    print(time.monotonic())
"""


@pytest.mark.parametrize("rule", [drip, lambda to, query, server: server.over.wait(60)])
def test_ctrl_c_ends_within_two_seconds(folder, serve, rule):
    reached = threading.Event()

    def hold(to, query, server):
        reached.set()
        rule(to, query, server)

    server = serve(after_trials(hold))
    command = [sys.executable, "-c", PROGRAM, str(folder), server.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert reached.wait(120)
        stopped = time.monotonic()  # of the machine, the same in every process
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert float(said) - stopped < 2
    finally:
        process.kill()
