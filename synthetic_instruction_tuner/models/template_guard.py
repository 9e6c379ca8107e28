"""Chat templates of strangers are rendered in a process of their own, with limits, on a fixed day.

A template is a program: it can loop for ever, double a text until the memory is full, or print
today's date under any name. transformers' sandbox keeps it from files, not from that.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.templates import FIXED_DATE

if TYPE_CHECKING:
    from jinja2 import Environment

SECONDS = 20.0
"""Time for one conversation; real templates take a thousandth of a second, a busy machine more."""


def install() -> None:
    """Have transformers render every chat template of this process here."""
    from transformers.utils import chat_template_utils

    chat_template_utils._compile_jinja_template = Guarded


class Guarded:
    """What transformers takes for a compiled template.

    Args:
        template: Its text.
    """

    def __init__(self, template: str) -> None:
        self._template = template

    @property
    def environment(self) -> Environment:
        """What transformers parses a template with, to find its control tokens; renders nothing."""
        return _environment()

    def render(self, **context: object) -> str:
        """Render one conversation.

        Raises:
            TemplateError: If the template refuses it, as transformers would raise.
            ConfigurationError: If it exceeds a limit or fails otherwise.
        """
        from jinja2.exceptions import TemplateError

        request = {
            "template": self._template,
            "context": context,
            "clock": FIXED_DATE.isoformat(),
        }
        answer = _worker.ask(json.dumps(request))
        if "raised" in answer:
            raise TemplateError(answer["raised"])
        if "failed" in answer:
            raise ConfigurationError(
                f"the chat template cannot be used: it {answer['failed']}; give the tokenizer "
                "another one"
            )
        return answer["text"]


@cache
def _environment() -> Environment:
    from transformers.utils import chat_template_utils

    found: Environment = chat_template_utils._cached_compile_jinja_template("").environment
    return found


class _Worker:
    """The one process that renders; started when needed, replaced when it had to be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._owner = 0

    def ask(self, line: str) -> Mapping[str, str]:
        with self._lock:
            process = self._started()
            assert process.stdin is not None
            try:
                process.stdin.write(line + "\n")
                process.stdin.flush()
                answer = self._answers.get(timeout=SECONDS)
            except queue.Empty:
                self.end()
                return {"failed": f"takes longer than {SECONDS:g} s for one conversation"}
            except BrokenPipeError:
                answer = ""
            except BaseException:  # an interrupted caller must not leave its answer to the next
                self.end()
                raise
            if not answer:
                self.end()
                return {"failed": "ends the process that renders it (memory or recursion)"}
        found: dict[str, str] = json.loads(answer)
        return found

    def end(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
            with suppress(OSError):  # what was not written yet
                assert self._process.stdin is not None
                self._process.stdin.close()
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(Path(__file__).with_name("template_worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ},
                start_new_session=True,  # Ctrl-C is the caller's
            )
            self._owner, self._answers = os.getpid(), queue.SimpleQueue()
            assert self._process.stdout is not None
            reader = threading.Thread(
                target=_read, args=(self._process.stdout, self._answers), daemon=True
            )
            reader.start()
        return self._process


def _read(source: IO[str], answers: queue.SimpleQueue[str]) -> None:
    """Hand on each line, and "" at the end."""
    with source:
        for line in source:
            answers.put(line)
    answers.put("")


_worker = _Worker()
atexit.register(_worker.end)
