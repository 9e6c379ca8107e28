"""The completions engine against a real HTTP server on loopback."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.generation_study import generation_study
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.generation.run import draw_chunk, missing_spans, read_samples
from synthetic_instruction_tuner.models.engines import Request, close_engine
from synthetic_instruction_tuner.models.engines.completions import CompletionsEngine
from synthetic_instruction_tuner.models.engines.probing import ALWAYS, TRIED_TEMPERATURE
from synthetic_instruction_tuner.models.engines.protocol import later_seed
from synthetic_instruction_tuner.models.engines.rate_limit import RateLimit
from synthetic_instruction_tuner.progress import Silent

STOP = (4,)
SAMPLING = SamplingConfig(max_new_tokens=9, temperature=0.5, top_p=0.8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("served"))


def well_behaved(query):
    """Answer what the engine tries out before it draws; None for anything else."""
    if query.get("temperature") == TRIED_TEMPERATURE:
        return said(token_ids=[50 + query["seed"] % 50] * query["max_tokens"], finish="length")
    if ALWAYS in query.get("logit_bias", {}).values():
        return said("")
    return None


class Server:
    """Answers /v1/completions by a rule; keeps every query."""

    def __init__(self, rule):
        self.queries, self.headers, self.rule = [], [], rule
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                query = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = well_behaved(query)
                if answer is None:
                    server.queries.append(query)
                    server.headers.append(dict(self.headers))
                    answer = server.rule(query, len(server.queries))
                if answer is None:  # the process dies: the connection breaks in the middle
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
                    self.close_connection = True
                    return
                status, body, headers = answer
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def serve():
    servers = []

    def start(rule):
        servers.append(Server(rule))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def said(text="Hi", finish="stop", read=None, **more):
    answer = {"choices": [{"text": text, "finish_reason": finish, **more}]}
    return 200, answer | ({"usage": {"prompt_tokens": read}} if read is not None else {}), {}


def engine_for(folder, server, waits=None, **settings):
    config = CompletionsConfig(
        url=server.url, **({"requests_per_minute": 1e6, "parallel": 4, "retries": 2} | settings)
    )

    async def sleep(seconds):
        if waits is not None:
            waits.append(seconds)

    return CompletionsEngine(ModelConfig(name=str(folder)), config, sleep=sleep)


def ask(engine, *requests):
    return engine.generate(requests or [Request((0, 7, 8), 123, SAMPLING, STOP)], batch_size=8)


def test_token_ids_seed_and_sampling_are_sent(folder, serve):
    server = serve(lambda query, _: said(read=3))
    (completion,) = ask(engine_for(folder, server))
    query = server.queries[-1]
    assert (query["prompt"], query["seed"], query["stop_token_ids"]) == ([0, 7, 8], 123, [4])
    assert (query["temperature"], query["top_p"], query["max_tokens"]) == (0.5, 0.8, 9)
    assert (completion.finish, completion.tokens[-1]) == ("stop", 4)
    assert engine_for(folder, server).tokenizer.decode(completion.tokens[:-1]) == "Hi"


def test_token_ids_of_the_server_are_taken_as_they_are(folder, serve):
    ids = [*range(50, 59)]
    server = serve(lambda *_: said("xx", "length", token_ids=ids))
    (completion,) = ask(engine_for(folder, server))
    assert (completion.tokens, completion.finish) == (tuple(ids), "length")


def test_what_a_server_writes_behind_a_stop_token_is_cut_off(folder, serve):
    server = serve(lambda *_: said("xx", "length", token_ids=[50, 4, 51, 52]))
    (completion,) = ask(engine_for(folder, server))
    assert (completion.tokens, completion.finish) == ((50, 4), "stop")


def test_completions_come_back_in_the_order_of_the_requests(folder, serve):
    server = serve(lambda query, _: said(token_ids=[query.get("seed", 0), 4]))
    requests = [Request((0, n), n, SAMPLING, STOP) for n in range(50, 80)]
    drawn = ask(engine_for(folder, server, parallel=7), *requests)
    assert [one.tokens for one in drawn] == [(n, 4) for n in range(50, 80)]


def test_text_is_sent_where_ids_are_refused(folder, serve):
    def rule(query, _):
        if not isinstance(query["prompt"], str):
            return 400, {"error": "prompt must be a string"}, {}
        return said(read=3)

    server = serve(rule)
    ask(engine_for(folder, server))
    assert server.queries[-1]["prompt"].startswith("<|begin_of_text|>")


def test_a_begin_token_of_the_server_is_not_doubled(folder, serve):
    def rule(query, _):
        if not isinstance(query["prompt"], str):
            return 400, {"error": "prompt must be a string"}, {}
        return said(read=4 if query["prompt"].startswith("<|begin_of_text|>") else 3)

    server = serve(rule)
    ask(engine_for(folder, server))
    assert "<|begin_of_text|>" not in server.queries[-1]["prompt"]


def test_a_server_that_wraps_prompts_in_a_template_is_refused(folder, serve):
    server = serve(lambda *_: said(read=25))
    with pytest.raises(StageError, match="reads 22 tokens more than it is sent"):
        ask(engine_for(folder, server))


def test_failures_are_tried_again_with_growing_waits(folder, serve):
    answers = {2: (503, b"busy", {}), 3: None, 4: (200, b"no json", {})}
    server = serve(lambda _, count: answers.get(count, said()))
    waits = []
    ask(engine_for(folder, server, waits, retries=3))
    assert len(server.queries) == 5  # the first finds out how prompts are taken
    assert [wait for wait in waits if wait >= 0.5] == [1, 2, 4]


def test_a_server_may_say_how_long_to_wait(folder, serve):
    answers = {2: (429, b"slow down", {"Retry-After": "7"}), 3: (429, b"", {"Retry-After": "soon"})}
    server = serve(lambda _, count: answers.get(count, said()))
    waits = []
    ask(engine_for(folder, server, waits))
    assert [wait for wait in waits if wait >= 0.5] == [7, 2]


def test_a_server_that_never_answers_is_given_up(folder, serve):
    server = serve(lambda _, count: said() if count == 1 else (500, b"out of memory", {}))
    with pytest.raises(StageError, match=r"failed 3 times, at last with status 500: out of memory"):
        ask(engine_for(folder, server))


def test_time_outs_count_as_failures(folder, serve):
    hold = threading.Event()

    def rule(_, count):
        if count == 2:
            hold.wait(20)
        return said()

    server = serve(rule)
    try:
        ask(engine_for(folder, server, timeout_seconds=1))
        assert len(server.queries) == 3
    finally:
        hold.set()


def test_no_server_at_all(folder):
    class Nobody:
        url = "http://127.0.0.1:9/v1"

    with pytest.raises(StageError, match=r"127.0.0.1:9/v1 failed 3 times"):
        ask(engine_for(folder, Nobody))


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "environment variable OPENAI_API_KEY"), (404, "check generation.completions.url")],
)
def test_refusals_say_what_to_set(folder, serve, status, message):
    server = serve(lambda *_: (status, b"no", {}))
    with pytest.raises(ConfigurationError, match=message):
        ask(engine_for(folder, server))
    assert len(server.queries) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{"text": "x"}]},
        {"choices": [{"text": "x", "finish_reason": "stop", "token_ids": ["a"]}]},
        {"choices": [{"text": "x", "finish_reason": "stop", "token_ids": 7}]},
        {"choices": [["text"]]},
        {"choices": [{"text": None, "finish_reason": "stop"}]},
        {"choices": [{"text": "x", "finish_reason": "stop"}], "usage": "x"},
    ],
)
def test_answers_in_an_unknown_form_are_shown(folder, serve, answer):
    server = serve(lambda _, count: (200, answer, {}))
    with pytest.raises(StageError, match="answered in an unknown form"):
        ask(engine_for(folder, server))


def test_the_key_is_sent_as_a_header_only(folder, serve, monkeypatch):
    monkeypatch.setenv("MY_KEY", "s3cret")
    server = serve(lambda *_: said())
    ask(engine_for(folder, server, api_key_variable="MY_KEY"))
    assert server.headers[-1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in json.dumps(server.queries)


def test_a_key_that_a_server_repeats_is_not_shown(folder, serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret\n")
    server = serve(lambda *_: (401, b"no such key: Bearer s3cret", {}))
    with pytest.raises(ConfigurationError, match=r"no such key: Bearer \(the key\)") as caught:
        ask(engine_for(folder, server))
    assert server.headers[-1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["s3cret\r\nX-Evil: 1", "s3cret\tx", "s3crét"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(folder, serve, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY holds") as caught:
        engine_for(folder, serve(lambda *_: said()))
    assert "s3cr" not in str(caught.value)


def test_banned_first_tokens_take_a_request_of_their_own(folder, serve):
    def rule(query, _):
        if query["max_tokens"] == 1:
            return said(finish="length", token_ids=[60])
        return said(token_ids=[61, 4])

    server = serve(rule)
    (completion,) = ask(engine_for(folder, server), Request((0, 7), 1, SAMPLING, STOP, (50, 51)))
    first, rest = server.queries[-2:]
    assert first["logit_bias"] == {"50": -100, "51": -100}
    assert (rest["prompt"], rest["max_tokens"], "logit_bias" in rest) == ([0, 7, 60], 8, False)
    assert completion.tokens == (60, 61, 4)
    # with the seed of the first, the second token would meet the same random numbers
    assert (first["seed"], rest["seed"]) == (
        1,
        later_seed(Request((0, 7), 1, SAMPLING, STOP)) % 2**31,
    )


def test_a_ban_holds_where_only_one_token_is_drawn(folder, serve):
    server = serve(lambda *_: said(finish="length", token_ids=[60]))
    one = SAMPLING.model_copy(update={"max_new_tokens": 1})
    (completion,) = ask(engine_for(folder, server), Request((0, 7), 1, one, STOP, (50,)))
    assert (server.queries[-1]["logit_bias"], completion.tokens) == ({"50": -100}, (60,))


def test_what_comes_in_after_a_failure_is_kept(folder, serve):
    refused = threading.Event()

    def rule(query, count):
        if query.get("seed") == 7:
            refused.set()
            return 500, b"out of memory", {}
        if query.get("seed") == 8:  # under way while the other fails
            refused.wait(20)
            time.sleep(0.2)
        return said(token_ids=[query.get("seed", 0), 4])

    server, kept = serve(rule), {}
    engine = engine_for(folder, server, retries=0, parallel=2)
    requests = [Request((0, n), n, SAMPLING, STOP) for n in (7, 8)]
    with pytest.raises(StageError, match="failed 1 times"):
        engine.generate(requests, 8, finished=kept.__setitem__)
    assert {place: one.tokens for place, one in kept.items()} == {1: (8, 4)}


def test_requests_are_spaced_evenly():
    now = [100.0]
    limit = RateLimit(120, lambda: now[0])
    waits = [limit.take_place() for _ in range(3)]
    now[0] = 200.0
    assert [*waits, limit.take_place()] == [0.0, 0.5, 1.0, 0.0]


def test_a_server_that_dies_half_way_loses_no_chunk(folder, serve, tmp_path):
    alive = [True]

    def rule(query, count):
        if count > 12:
            alive[0] = False
        return said(f"Ask {query.get('seed', 0) % 97}") if alive[0] else None

    server = serve(rule)
    settings = {
        "engine": "completions",
        "completions": {"url": server.url, "requests_per_minute": 1e6, "retries": 0, "parallel": 2},
    }
    study = generation_study(tmp_path, folder, **settings)
    draw_chunk(study, 0, 3, Silent())
    with pytest.raises(StageError, match="finished chunks are kept"):
        draw_chunk(study, 4, 7, Silent())
    assert missing_spans(study, 10) == [(4, 7), (8, 9)]
    first = read_samples(study, 4)
    close_engine()
    server.rule = lambda query, _: said(f"Ask {query.get('seed', 0) % 97}")
    for span in missing_spans(study, 10):
        draw_chunk(study, *span, Silent())
    samples = read_samples(study, 10)
    assert samples[:4] == first
    assert len({one.instruction for one in samples}) > 5
    assert all(one.instruction.startswith("Ask ") for one in samples)
    close_engine()
