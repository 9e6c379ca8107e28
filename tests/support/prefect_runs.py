"""Runs in processes of their own, and what tests of a server look at from outside."""

import json
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from support import forking
from support.waiting import wait_for
from typer.testing import CliRunner

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.generation.run import draw_chunk, missing_spans
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.graph import Study
from tuner import deployment_file
from tuner.main import app

OPS = presets.load(
    "sandbox-smoke", ["name=ops", "generation.draws=240", "generation.chunk_size=24"]
)
"""A study whose generation takes ten chunks."""

HOLDER = """
import sys
from pathlib import Path
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.study.workspace import lease, open_study
study = open_study(presets.load("sandbox-smoke", ["name=ops"]), Path(sys.argv[1]))
with lease(study.root):
    print("held", flush=True)
    sys.stdin.read()
"""
"""A program that holds a workspace until its standard input ends."""

TALK = """
import logging
import sys
from prefect import flow
from tasks import watching
@flow
def talk():
    watching.watch("talk")
    logging.getLogger("lm_eval.evaluator").info("lm-eval says")
    logging.getLogger("trl.trainer").info("TRL says")
    import transformers.utils.logging as transformers
    transformers.get_logger("transformers.trainer").info(sys.argv[1])
    transformers.get_logger("transformers.trainer").warning("transformers says")
talk()
"""
"""A run in which libraries log."""


def chunks(root):
    return sorted(root.glob("data/raw/chunks/*-*/samples.jsonl"))


def wait_for_chunks(root, count, process):
    def look():
        assert process.poll() is None, "the run ended by itself"
        return len(chunks(root)) >= count

    wait_for(f"chunk {count} in {root}", look)


def assert_undisturbed(config, root, folder):
    """Every chunk is there, with the bytes of a run that nothing happened to."""
    study = Study(config, folder)
    for first, last in missing_spans(study, config.generation.draws):
        draw_chunk(study, first, last, Silent())
    assert [one.read_bytes() for one in chunks(root)] == [
        one.read_bytes() for one in chunks(folder)
    ]


def remote(*options):
    """What `tuner status --remote` prints."""
    command = ["status", "--remote", *options]
    return CliRunner().invoke(app, command, catch_exceptions=False).output


@contextmanager
def engine(own, run, folder):
    """A run in a process of its own, without a worker that would notice its end."""
    told = own.environment(**deployment_file.environment(), PREFECT__FLOW_RUN_ID=str(run))
    command = [sys.executable, "-m", "prefect.engine"]
    with (folder / "engine.log").open("a") as log:
        process = forking.Popen(command, env=told, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def receiver():
    """Messages that a receiver on this machine gets."""
    messages = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            messages.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        messages.append(f"http://127.0.0.1:{receiver.server_port}")
        yield messages
        receiver.shutdown()


def tasks_of(client, run, count):
    from prefect.client.schemas.filters import FlowRunFilter

    found = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run]}))
    ended = [one for one in found if one.state and one.state.is_final()]
    return ended if len(ended) == count else None
