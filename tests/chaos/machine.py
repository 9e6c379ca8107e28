"""Machines that never saw the study: each attempt has its own process, Prefect home and server.

Importing everything takes many seconds, so this process imports it once and every process of every
attempt (run, training, Prefect server) is forked from it. It must stay free of threads.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import SimpleNamespace

from chaos import witness
from chaos.faults import AT, COUNT, RUN, STAGE, WORKER, Board, Hooks
from support.postgresql import PostgreSQL

from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.manifests import read_manifest
from synthetic_instruction_tuner.study.stages import STAGES
from synthetic_instruction_tuner.study.workspace import LEASE_FILE

STEPS = "steps.jsonl"
ADDRESS = "PREFECT_API_DATABASE_CONNECTION_URL"
MIGRATED = "migrated"
"""Database that those of all machines are copies of."""
NEVER = -1
"""Instead of the operation at which something happens: nothing does any more."""
CHANCE = {
    "items": 0.6,
    "generation": 0.4,
    "filtering": 0.75,
    "preference": 0.4,
    "training": 0.8,
    "evaluation": 0.45,
    "report": 0.7,
}
"""How likely an attempt ends in a step that it comes to, so that every stage has its share."""


@dataclass(frozen=True)
class Plan:
    """What happens to an attempt, and when.

    Attributes:
        action: "die", "stop", "full" or "broken" (see `faults`), or "none".
        rng: Decides in which step, and at which of its file operations.
        usual: File operations of each step when nothing happens.
        eager: How likely it ends in a step, as a share of `CHANCE`.
        plain: Whether flows and tasks are called as the functions they are, without Prefect.
        brief: Whether leases end after a second, and this machine is no other's.
    """

    action: str = "none"
    rng: random.Random = field(default_factory=random.Random)
    usual: dict[str, int] = field(default_factory=dict)
    eager: float = 1.0
    plain: bool = False
    brief: bool = False

    def at_start(self) -> int:
        """Return the operation before the first step at which it happens; 0 if not there."""
        happens = self.action != "none" and self.rng.random() < 0.04
        return self.rng.randint(1, 20) if happens else 0

    def at_step(self, stage: str, name: str) -> int:
        """Return the operation of this step at which it happens; 0 if not in this step."""
        if self.action == "none" or self.rng.random() >= CHANCE[stage] * self.eager:
            return 0
        return self.rng.randint(1, 1 + self.usual.get(name, 20))


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Attributes:
        status: Exit status; -9 if it was killed.
        stage: Stage that it was in.
        operation: File operation at which it was hit, or "time".
        operations: File operations of the attempt.
        seconds: Working time by stage.
        output: What it printed.
        home: Where it noted what was flushed to the disk, its steps and its commits.
        stopped: When it was stopped, in seconds of the monotonic clock; 0 if it was not.
    """

    status: int
    stage: str
    operation: str
    operations: int
    seconds: dict[str, float]
    output: str
    home: Path
    stopped: float = 0.0

    def usual(self) -> dict[str, int]:
        """Return the file operations of each step."""
        return dict(json.loads(line) for line in (self.home / STEPS).read_text().splitlines())


@dataclass
class Server:
    """A Prefect server with an empty database."""

    process: int
    url: str
    home: Path


@dataclass
class Running:
    """An attempt that has begun.

    Attributes:
        arguments: Its command line.
        workspace: The folder whose file operations count.
        plan: What happens to it.
        server: Its Prefect server and home.
        board: Numbers that it shares with the supervisor.
        hooks: What stands between it and its files.
        run: Its process.
        stopped: When it was stopped; 0 if it was not.
        operation: What ended or stopped it, if the supervisor did.
    """

    arguments: list[str]
    workspace: Path
    plan: Plan
    server: Server
    board: Board
    hooks: Hooks
    run: int = 0
    stopped: float = 0.0
    operation: str = ""

    def signal(self, number: int) -> None:
        """Send a signal to the run and its training process."""
        for process in (self.run, self.board.get(WORKER)):
            if process:
                with suppress(ProcessLookupError):
                    os.kill(process, number)

    def install(self) -> None:
        """Make this process one of the machine."""
        claims.WATCH_SECONDS = 0.5
        if self.plan.brief:
            witness.shorten_leases()
            witness.be_machine(self.server.home)
        witness.Witness(self.workspace, self.server.home / witness.NOTES).install()
        self.hooks.install()


@dataclass
class Machines:
    """Starts attempts one after the other.

    Args:
        folder: For homes, logs and databases.
        migrated: A Prefect home with an empty, migrated database, if there is one to copy.
        ahead: Servers that are started before they are needed: faster, and more work.
        postgresql: Where servers keep their records, each in a database of its own; SQLite if none.
    """

    folder: Path
    migrated: Path | None = None
    ahead: int = 2
    postgresql: PostgreSQL | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._count = 0
        self._servers: list[Server] = []
        self._running: dict[int, Running] = {}
        self._calls: dict[int, tuple[socket.socket, Running]] = {}
        self._gone: dict[int, int] = {}
        self._asleep: set[int] = set()
        self._pattern = self._migrated()
        preload()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.folder / "door"))
        self._door.listen()
        for _ in range(self.ahead):
            self._prepare()

    def _migrated(self) -> Path:
        """Make an empty, migrated Prefect database to copy: what a new machine has after start."""
        home = self.folder / "home"
        if self.migrated and self.postgresql is None:
            return self.migrated
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
        environment = os.environ | {"PREFECT_HOME": str(home)}
        if self.postgresql is not None:
            home.mkdir()
            self.postgresql.create(MIGRATED)
            environment |= {ADDRESS: self.postgresql.url(MIGRATED)}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return home

    def _prepare(self) -> None:
        self._count += 1
        home = self.folder / f"machine-{self._count}"
        shutil.copytree(self._pattern, home)
        if self.postgresql is not None:
            self.postgresql.create(home.name, template=MIGRATED)
            (home / ADDRESS).write_text(self.postgresql.url(home.name))
        place = socket.socket()
        place.bind(("127.0.0.1", 0))
        place.listen()
        url = f"http://127.0.0.1:{place.getsockname()[1]}/api"
        process = self._fork(lambda: serve(home, place), home / "server.log")
        place.close()
        self._servers.append(Server(process, url, home))

    def _fork(self, work: Callable[[], int], log: Path) -> int:
        process = os.fork()
        if process:
            return process
        try:
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            status = work()
        except BaseException:
            import traceback

            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)

    def attempt(
        self, arguments: list[str], workspace: Path, plan: Plan, seconds: float | None = None
    ) -> Ending | Running:
        """Run `tuner` on a machine of its own, until it ends or is stopped.

        Args:
            arguments: Its command line.
            workspace: The folder whose file operations count.
            plan: What happens to it.
            seconds: Kill it after this time, or stop it if that is planned.
        """
        running = self._begin(arguments, workspace, plan)
        end = time.monotonic() + (seconds or 600)
        self._serve(lambda: self._has_paused(running) or time.monotonic() > end)
        if not self._has_paused(running):
            running.operation = "time" if seconds else "hung"
            running.signal(signal.SIGSTOP if plan.action == "stop" and seconds else signal.SIGKILL)
            self._serve(lambda: self._has_paused(running))
        if running.run in self._gone:
            return self._ending(running)
        running.signal(signal.SIGSTOP)
        running.stopped = time.monotonic()
        self._asleep.discard(running.run)
        return running

    def overtake(self, sleeper: Running, plan: Plan, after: float) -> tuple[Ending, Ending]:
        """Let another machine take over from one that was stopped, which then wakes beside it.

        Args:
            sleeper: The one that was stopped.
            plan: What happens to the other.
            after: Seconds of its work before the sleeper wakes.

        Returns:
            How both ended.
        """
        lease = sleeper.workspace / LEASE_FILE
        witness.wait_for_end_of_lease(sleeper.workspace)
        token = claims.read(lease).get("token")
        second = self._begin(sleeper.arguments, sleeper.workspace, plan)
        has_it = time.monotonic() + 60
        self._serve(
            lambda: (
                second.run in self._gone
                or claims.read(lease).get("token") != token
                or time.monotonic() > has_it
            )
        )
        begun = time.monotonic()
        self._serve(lambda: second.run in self._gone or time.monotonic() > begun + after)
        sleeper.board.put(AT, NEVER)
        sleeper.signal(signal.SIGCONT)
        end = time.monotonic() + 600
        for one in (sleeper, second):
            self._serve(lambda one=one: one.run in self._gone or time.monotonic() > end)
            if one.run not in self._gone:
                one.operation = "hung"
                one.signal(signal.SIGKILL)
                self._serve(lambda one=one: one.run in self._gone)
        return self._ending(sleeper), self._ending(second)

    def _begin(self, arguments: list[str], workspace: Path, plan: Plan) -> Running:
        server, board = self._server(plan.plain), Board()
        board.put(AT, plan.at_start())
        hooks = Hooks(board, workspace, plan.action, server.home)
        running = Running(arguments, workspace, plan, server, board, hooks)
        number = self._count = self._count + 1
        self._running[number] = running
        running.run = self._fork(lambda: self._run(running, number), server.home / "run.log")
        return running

    def _server(self, plain: bool) -> Server:
        """Take a server that is prepared; without Prefect, a folder alone."""
        if not plain:
            self._prepare()
            server = self._servers.pop(0)
            wait_for(server.url)
            return server
        self._count += 1
        home = self.folder / f"machine-{self._count}"
        home.mkdir()
        return Server(0, "", home)

    def _run(self, running: Running, number: int) -> int:
        running.board.put(RUN, os.getpid())
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _watch[:] = [Watch(running.board, running.plan, running.server.home / STEPS)]
        if running.plan.plain:
            without_prefect()
        Training.door, Training.attempt = str(self.folder / "door"), number
        return run_tuner(running)

    def _has_paused(self, running: Running) -> bool:
        return running.run in self._gone or running.run in self._asleep

    def _ending(self, running: Running) -> Ending:
        board, home = running.board, running.server.home
        board.end()
        status = self._gone.pop(running.run)
        self._sweep(running)
        os.close(running.hooks._log)
        return Ending(
            status,
            (*STAGES, "start")[board.get(STAGE) - 1],
            running.operation or board.name(),
            board.get(COUNT),
            {name: board.seconds(place) for place, name in enumerate(STAGES, 1)},
            (home / "run.log").read_text(errors="replace"),
            home,
            running.stopped,
        )

    def _serve(self, is_over: Callable[[], bool]) -> None:
        """Serve the runs' wishes for training processes until something has happened."""
        while True:
            self._reap()
            if is_over():
                return
            if select.select([self._door], [], [], 0.02)[0]:
                self._start_worker()

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if not process:
                return
            if os.WIFSTOPPED(status):
                self._asleep.add(process)
                continue
            code = os.waitstatus_to_exitcode(status)
            if process in self._calls:
                call, running = self._calls.pop(process)
                if process == running.board.get(WORKER):
                    running.board.put(WORKER, 0)
                with suppress(OSError):
                    call.sendall(f"{code}\n".encode())
                call.close()
            else:
                self._gone[process] = code

    def _start_worker(self) -> None:
        call, _ = self._door.accept()
        text, streams, _, _ = socket.recv_fds(call, 1 << 16, 3)
        wish = json.loads(text)
        running = self._running[wish["attempt"]]
        process = os.fork()
        if not process:
            os.setsid()
            for target, stream in enumerate(streams):
                os.dup2(stream, target)
            for stream in streams:
                os.close(stream)
            os.environ.update(wish["environment"])
            running.install()
            from synthetic_instruction_tuner.training import worker

            status = worker.main(*wish["command"][-2:])
            os._exit(status)
        running.board.put(WORKER, process)
        for stream in streams:
            os.close(stream)
        self._calls[process] = call, running
        call.sendall(f"{process}\n".encode())

    def _sweep(self, running: Running) -> None:
        """Kill what is left of the machine; its cache goes with it."""
        self._running = {at: one for at, one in self._running.items() if one is not running}
        if not self._running:
            shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)
        servers = [running.server.process] if running.server.process else []
        workers = [process for process, (_, whose) in self._calls.items() if whose is running]
        for process in (*servers, *workers):
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        while any(one in self._calls for one in workers) or any(
            one not in self._gone for one in servers
        ):
            self._reap()
            time.sleep(0.005)
        for process in servers:
            del self._gone[process]
        if servers and self.postgresql is not None:
            self.postgresql.drop(running.server.home.name)

    def close(self) -> None:
        """End the servers that are prepared."""
        for server in self._servers:
            os.killpg(server.process, signal.SIGKILL)
            os.waitpid(server.process, 0)
        self._door.close()


class Training:
    """What `launch.run` takes for a `subprocess.Popen`: a training process forked elsewhere."""

    door, attempt = "", 0

    def __init__(self, command, stdin, stdout, stderr, env, start_new_session) -> None:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self.stdin, self.stdout = os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")
        self.returncode: int | None = None
        self._call = socket.socket(socket.AF_UNIX)
        self._call.connect(self.door)
        wish = {"command": command, "environment": dict(env), "attempt": self.attempt}
        socket.send_fds(
            self._call, [json.dumps(wish).encode()], [theirs_in, theirs_out, stderr.fileno()]
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._answers = self._call.makefile("r")
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """Return the exit status if it has ended."""
        if self.returncode is None and select.select([self._call], [], [], 0)[0]:
            self.returncode = int(self._answers.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end."""
        if self.returncode is None:
            if not select.select([self._call], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("training", timeout or 0)
            self.returncode = int(self._answers.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)


def preload() -> None:
    """Import, once, what every process needs; the steps learn to report to the board."""
    import lm_eval.evaluator
    import matplotlib.pyplot
    import peft
    import plotly.graph_objects
    import prefect
    import prefect.server.api.server
    import torch
    import transformers
    import trl
    import uvicorn

    import tasks.step

    tasks.step.Task = watched_task(tasks.step.Task)  # type: ignore[assignment,misc]
    import flows.study
    import tuner.embedded_server
    import tuner.main

    _ = (
        lm_eval,
        matplotlib,
        peft,
        plotly,
        prefect,
        torch,
        transformers,
        trl,
        uvicorn,
        flows,
        tuner,
    )
    torch.set_num_threads(1)
    _app[:] = [prefect.server.api.server.create_app(ephemeral=True)]


def serve(home: Path, place: socket.socket) -> int:
    """Be a Prefect server on a database that only this machine knows."""
    import uvicorn

    with settings(home):
        uvicorn.Server(uvicorn.Config(_app[0], log_level="error")).run(sockets=[place])
    return 0


def settings(home: Path, url: str | None = None):
    """Set Prefect as a fresh process with this home would be."""
    from prefect.settings import (
        PREFECT_API_DATABASE_CONNECTION_URL,
        PREFECT_API_URL,
        PREFECT_HOME,
        temporary_settings,
    )

    os.environ["PREFECT_HOME"] = str(home)
    told = home / ADDRESS
    address = told.read_text() if told.exists() else f"sqlite+aiosqlite:///{home}/prefect.db"
    changed = {PREFECT_HOME: home, PREFECT_API_DATABASE_CONNECTION_URL: address}
    return temporary_settings(changed | ({PREFECT_API_URL: url} if url else {}))


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no Prefect server answers at {url}")


def run_tuner(running: Running) -> int:
    """Be `tuner` on this machine."""
    from synthetic_instruction_tuner.reporting import pdf
    from synthetic_instruction_tuner.training import launch
    from tuner.main import main

    launch.subprocess = SimpleNamespace(  # type: ignore[assignment]
        Popen=Training, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired
    )
    pdf.BROWSERS = ()  # a browser takes longer than all the rest of the report
    running.install()
    sys.argv = ["tuner", *running.arguments]
    with settings(running.server.home, running.server.url or None):
        try:
            main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0


def without_prefect() -> None:
    """Let flows and tasks be plain functions in this process: no server, no records."""
    import prefect
    from prefect.logging import disable_run_logger

    import tasks.step
    import tuner.embedded_server

    tuner.embedded_server.unless_configured = nullcontext

    def call_flow(flow, *arguments, return_state=False, **named):
        with disable_run_logger():  # without a run there is none
            state = flow.fn(*arguments, **named)
        if return_state:
            return SimpleNamespace(result=lambda: None, message=state.message)
        return state

    prefect.Flow.__call__ = call_flow  # type: ignore[method-assign,assignment]
    prefect.Task.__call__ = lambda task, *arguments: task.fn(*arguments)  # type: ignore[method-assign]
    tasks.step._storage = lambda root: None  # type: ignore[assignment,return-value]


class Watch:
    """Notes stage, time and file operations of every step, and lets things happen in it.

    Args:
        board: Shared numbers.
        plan: What happens.
        log: Where steps are noted.
    """

    def __init__(self, board: Board, plan: Plan, log: Path) -> None:
        self._board, self._plan, self._log = board, plan, log

    @contextmanager
    def step(self, stage: str, name: str, workspace: Path) -> Iterator[None]:
        """Stand around a step; nothing happens in one whose artifact is there already."""
        board = self._board
        board.begin(1 + STAGES.index(stage))
        before = board.get(COUNT)
        if not board.get(AT) and not is_there(workspace, name):
            later = self._plan.at_step(stage, name)
            board.put(AT, before + later if later else 0)
        try:
            yield
        finally:
            board.end()
            with self._log.open("a") as file:
                file.write(json.dumps([name, board.get(COUNT) - before]) + "\n")


def is_there(workspace: Path, name: str) -> bool:
    """Tell whether the artifact whose claim has this name has been committed."""
    identity = name.rpartition("-")[2]
    found = (read_manifest(path.parent) for path in workspace.glob("[!.]*/**/manifest.json"))
    return any(one is not None and one.identity == identity for one in found)


_watch: list[Watch] = []
_app: list[object] = []


def watched_task(make: Callable[..., object]) -> Callable[..., object]:
    """Make tasks that tell the watch of this process when they really run; retries do not wait."""

    def task(function: Callable[..., object], **options: object) -> object:
        stage = function.__module__.rpartition(".")[2]

        @wraps(function)
        def told(config: object, workspace: str, identity: str, *arguments: object) -> object:
            with _watch[0].step(stage, identity, Path(workspace)):
                return function(config, workspace, identity, *arguments)

        return make(told, **(options | {"retry_delay_seconds": 0}))

    return task
