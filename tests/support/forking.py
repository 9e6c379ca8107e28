"""Processes that start with everything imported: forked from one that imported it once.

Importing takes Prefect, torch and the rest 3 to 12 seconds of a processor, often more than what a
test then does in the process. `Popen` and `run` here are those of `subprocess`; commands that run
this Python (`-m module`, `-c code`, a script) begin as a fork, everything else as always. A process
that is begun so begins its own children so, and they are its descendants as they would be anyhow.
Tests of what happens while a process starts use `subprocess` itself.

    python -m support.forking SOCKET     serves forks until the process that asked first is gone
"""

from __future__ import annotations

import atexit
import errno
import gc
import inspect
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

IMPORTED_AT = ("CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")
"""Variables that libraries read when they are imported: a process with others starts as always."""
MOST_BYTES = 1 << 20
PATIENCE = 60.0
"""Seconds for a fork to be asked for and made; it takes a tenth of one."""
_place: list[str] = []
"""Where forks are served, for this process and those that it forks."""
_statuses: dict[int, socket.socket] = {}
"""By process: where its exit status will be told."""


class Popen(subprocess.Popen):
    """`subprocess.Popen`, forked where that can be."""

    def _execute_child(self, *given):
        told = inspect.signature(super()._execute_child).bind(*given).arguments
        if not (_place and is_forkable(told)):
            return super()._execute_child(*given)
        environment = dict(os.environ if told["env"] is None else told["env"])
        standard = [
            place if end == -1 else end
            for place, end in enumerate((told["p2cread"], told["c2pwrite"], told["errwrite"]))
        ]
        passed = list(told["pass_fds"])
        wish = {
            "command": list(map(os.fspath, told["args"]))[1:],
            "environment": {os.fsdecode(k): os.fsdecode(v) for k, v in environment.items()},
            "folder": os.fspath(told["cwd"] or Path.cwd()),
            "session": bool(told["start_new_session"]),
            "passed": passed,
        }
        self.pid = ask(wish, [*standard, *passed])
        self._child_created = True
        self._close_pipe_fds(
            *(told[f"{name}"] for name in ("p2cread", "p2cwrite", "c2pread")),
            *(told[f"{name}"] for name in ("c2pwrite", "errread", "errwrite")),
        )

    def _try_wait(self, flags):
        return waitpid(self.pid, flags) if self.pid in _statuses else super()._try_wait(flags)

    def _internal_poll(self, *given, **named):
        if self.returncode is None and self.pid in _statuses:
            pid, status = waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self._handle_exitstatus(status)
            return self.returncode
        return super()._internal_poll(*given, **named)


def __getattr__(name):
    """Be `subprocess` in all else, for code that is given this module in its place."""
    return getattr(subprocess, name)


def run(command, *, check=False, timeout=None, capture_output=False, **options):
    """Run a command to its end as `subprocess.run` does."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(command, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def is_forkable(told):
    """Tell whether a command is this Python with a module, code or a script, as imported here."""
    command, env = told["args"], told["env"]
    if isinstance(command, str) or len(command) < 2 or os.fspath(command[0]) != sys.executable:
        return False
    if told["preexec_fn"] is not None or told["shell"]:
        return False
    if env is not None and any(env.get(name) != os.environ.get(name) for name in IMPORTED_AT):
        return False
    first = os.fspath(command[1])
    return (first in ("-m", "-c") and len(command) > 2) or first.endswith(".py")


def ask(wish, descriptors):
    """Have a process forked and return its number."""
    status = socket.socket(socket.AF_UNIX)
    try:
        status.settimeout(PATIENCE)
        status.connect(_place[0])
        told = json.dumps(wish).encode() + b"\n"
        status.sendall(told[socket.send_fds(status, [told], descriptors) :])
        process = int(_line(status))
        status.settimeout(None)
    except BaseException:
        status.close()  # who forks reads to the end of what was asked
        raise
    _statuses[process] = status
    return process


def waitpid(process, flags):
    """Do what `os.waitpid` does, for forked processes too."""
    status = _statuses.get(process)
    if status is None:
        return _system_waitpid(process, flags)
    # Several threads may wait for one process: each only looks, and the first one takes.
    only_now = socket.MSG_DONTWAIT if flags & os.WNOHANG else 0
    try:
        told = status.recv(64, socket.MSG_PEEK | only_now)
    except BlockingIOError:
        return 0, 0
    except OSError as error:
        raise ChildProcessError(errno.ECHILD, f"{process} was waited for elsewhere") from error
    if _statuses.pop(process, None) is None:
        raise ChildProcessError(errno.ECHILD, f"{process} was waited for elsewhere")
    status.close()
    return process, int(told or b"9")  # who forks was killed, and so is what it forked


_system_waitpid = os.waitpid


def _line(connection):
    told = b""
    while not told.endswith(b"\n"):
        more = connection.recv(64)
        if not more:
            raise RuntimeError(f"no process could be forked; see {_place[0]}.log")
        told += more
    return told


# --- the process that forks -----------------------------------------------------------------------


class Nursery:
    """Forks processes for whoever connects, and tells them how these end.

    Args:
        place: Socket to listen at.
        whose: The process that it serves; when that is gone, this one ends.
    """

    def __init__(self, place: str, whose: int) -> None:
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(f"{place}.new")
        self._door.listen(64)
        os.rename(f"{place}.new", place)
        self._place, self._selector = place, selectors.DefaultSelector()
        self._selector.register(self._door, selectors.EVENT_READ)
        self._selector.register(os.pidfd_open(whose), selectors.EVENT_READ)

    def serve(self) -> None:
        """Work until the process that is served is gone."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._door:
                    self._fork(self._door.accept()[0])
                elif key.data is None:
                    with suppress(FileNotFoundError):
                        os.unlink(self._place)
                    os._exit(0)
                else:
                    self._tell(key.fileobj, *key.data)

    def _fork(self, connection: socket.socket) -> None:
        text, descriptors = _wish(connection)
        process = os.fork() if text.endswith(b"\n") else -1  # who asked is gone in mid-sentence
        if process == 0:
            self._close()
            connection.close()
            become(json.loads(text), descriptors)
        for one in descriptors:
            os.close(one)
        if process < 0:
            connection.close()
            return
        self._selector.register(os.pidfd_open(process), selectors.EVENT_READ, (process, connection))
        with suppress(BrokenPipeError):  # who asked is gone: its process tells nobody how it ended
            connection.sendall(b"%d\n" % process)

    def _close(self) -> None:
        """Close what a forked process must not keep."""
        for key in list(self._selector.get_map().values()):
            if key.data:
                key.data[1].close()
            if isinstance(key.fileobj, int):
                os.close(key.fileobj)
        self._door.close()
        self._selector.close()

    def _tell(self, handle: int, process: int, connection: socket.socket) -> None:
        self._selector.unregister(handle)
        os.close(handle)
        _, status = _system_waitpid(process, 0)
        with suppress(OSError):
            connection.sendall(b"%d" % status)
        connection.close()


def _wish(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Read what is asked for, to the end of its line, and the descriptors that come with it."""
    text, descriptors, _, _ = socket.recv_fds(connection, MOST_BYTES, 32)
    while text and not text.endswith(b"\n"):
        more = connection.recv(MOST_BYTES)
        if not more:
            break
        text += more
    return text, descriptors


def become(wish: dict, descriptors: list[int]) -> None:
    """Turn this process into the one that was asked for; never returns."""
    try:
        if wish["session"]:
            os.setsid()
        targets = [0, 1, 2, *wish["passed"]]
        high = [os.dup(one) if one in targets else one for one in descriptors]
        for target, one in zip(targets, high, strict=True):
            os.dup2(one, target)
            os.set_inheritable(target, True)
        for one in {*descriptors, *high} - set(targets):
            with suppress(OSError):
                os.close(one)
        os.chdir(wish["folder"])
        os.environ.clear()
        os.environ.update(wish["environment"])
        _serve_own_children()
        status = _run(wish["command"])
    except BaseException:
        traceback.print_exc()
        status = 70
    _leave(status)


def _serve_own_children() -> None:
    """Fork, before there are threads, the process that will fork this one's children."""
    own, place = os.getpid(), f"{_place[0].split('@')[0]}@{os.getpid()}"
    ready, tell = os.pipe()
    if os.fork() == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log = os.open(f"{place}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(tell, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))  # an open end of a pipe is waited for
        tell = 3
        nursery = Nursery(place, own)
        _place[:] = [place]
        os.write(tell, b"1")
        os.close(tell)
        nursery.serve()
    os.close(tell)
    os.read(ready, 1)
    os.close(ready)
    _place[:] = [place]
    _statuses.clear()
    subprocess.Popen, os.waitpid, os.execvpe = Popen, waitpid, _replace


class Replaced(BaseException):
    """Unwinds a process that would have been replaced by another program."""

    def __init__(self, command: list[str]) -> None:
        self.command = command


def _replace(file: str, arguments: list[str], environment: dict[str, str]) -> None:
    told = {"args": arguments, "env": environment, "preexec_fn": None, "shell": False}
    if not is_forkable(told):
        _system_execvpe(file, arguments, environment)
    os.environ.clear()
    os.environ.update(environment)
    raise Replaced(arguments[1:])


_system_execvpe = os.execvpe


def _read_environment(command: list[str]) -> None:
    """Begin like a new process: with its own name, signals, and settings from the environment."""
    import prefect.context
    from prefect.logging import configuration

    prefect.context.refresh_global_settings_context()
    if configuration.PROCESS_LOGGING_CONFIG:  # a second time it would only change levels
        configuration.PROCESS_LOGGING_CONFIG.clear()
        configuration.setup_logging()
    if os.environ.get("PYTHONWARNINGS") == "ignore":
        warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Path("/proc/self/comm").write_text(command[1 if command[0] == "-m" else 0][-15:])


def _run(command: list[str]) -> int:
    """Run module, code or script, and what the process is replaced by."""
    while True:
        try:
            return _run_once(command)
        except Replaced as other:
            command = other.command


def _run_once(command: list[str]) -> int:
    """Run module, code or script as the Python interpreter would."""
    _read_environment(command)
    for place in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if place and place not in sys.path:
            sys.path.insert(0, place)
    sys.argv = command[1:] if command[0] in ("-m", "-c") else command
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False, buffering=1 if os.isatty(1) else -1)
    sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    try:
        if command[0] == "-m":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # it is imported already
                runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        elif command[0] == "-c":
            sys.argv[0] = "-c"
            exec(compile(command[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.path.insert(0, str(Path(command[0]).parent))
            runpy.run_path(command[0], run_name="__main__")
    except Replaced:
        raise
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(status: int) -> None:
    """End as the interpreter does: threads, exit handlers, buffers."""
    with suppress(BaseException):
        threading._shutdown()
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    os._exit(status & 0xFF)


def preload() -> None:
    """Import what runs, servers, workers and training import; start no thread."""
    import lm_eval.evaluator  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import peft  # noqa: F401
    import prefect.cli
    import prefect.engine
    import prefect.server.api.server
    import prefect.workers.process  # noqa: F401
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401
    import trl  # noqa: F401
    import uvicorn  # noqa: F401
    from trl import DPOTrainer, SFTTrainer  # noqa: F401

    import tuner.main  # noqa: F401

    torch.set_num_threads(1)


def main() -> None:
    """Import everything, then serve forks to the test run that started this."""
    place, whose = sys.argv[1], int(sys.argv[2])
    preload()
    alive = [one for one in threading.enumerate() if one is not threading.main_thread()]
    assert not alive, f"a process with threads is not to be forked: {alive}"
    gc.collect()
    gc.freeze()
    _place[:] = [place]
    Nursery(place, whose).serve()


def connect(folder: Path, whose: int) -> None:
    """Begin to use the forks served in a folder, which this starts if nobody has (under a lock)."""
    place = folder / "forks"
    if not hasattr(os, "pidfd_open"):
        return  # not Linux: processes start as always
    if not place.exists():
        with (folder / "forks.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "support.forking", str(place), str(whose)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).parents[1],
            )
        for _ in range(1200):
            if place.exists():
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                raise RuntimeError((folder / "forks.log").read_text())
        else:
            raise TimeoutError("nothing was imported within two minutes")
        process.returncode = 0  # it ends by itself, after this process
    _place[:] = [str(place)]


if __name__ == "__main__":
    sys.modules["support.forking"] = sys.modules["__main__"]
    main()
