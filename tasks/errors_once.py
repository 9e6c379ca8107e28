"""An error that people can act on is told once a page, as the sentence it is.

Prefect logs an exception with its traceback where a task fails, again in the flow around it, in the
flow around that, and once more as the message of the final state. Other exceptions keep all of it.
"""

from __future__ import annotations

import logging

from synthetic_instruction_tuner.errors import TunerError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")
MOST = 1000
"""Errors remembered; a run has few."""


class Once(logging.Filter):
    """Shortens records about a `TunerError`, and drops those that only repeat it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], None] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is worth a line."""
        page = str(getattr(record, "flow_run_id", ""))
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, TunerError):
            if record.name == "prefect.engine":  # after all pages are written
                return False
            return self._tell(record, page, str(error))
        said = record.getMessage()
        return not any(page == where and text in said for where, text in self._told)

    def _tell(self, record: logging.LogRecord, page: str, text: str) -> bool:
        if (page, text) in self._told:
            return False
        while len(self._told) >= MOST:
            del self._told[next(iter(self._told))]
        self._told[page, text] = None
        record.msg, record.args = text, ()
        record.exc_info = record.exc_text = None
        return True


def install() -> None:
    """Let Prefect's loggers tell errors once; harmless to repeat."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Once) for one in logger.filters):
            logger.addFilter(_once)


_once = Once()
