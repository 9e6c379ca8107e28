"""Waiting for what other processes do, with an end: a test that fails says what never came."""

import os
import time

SECONDS = 60
"""How long anything is waited for, on a machine whose cores have one process each."""


def patience(seconds=SECONDS):
    """Return so many seconds, and as many times more as processes share a core just now."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wait_for(what, look, seconds=SECONDS, pause=0.02):
    """Look again and again until there is something to see, and return it.

    Args:
        what: What is waited for, for the message if it does not come.
        look: Returns it, or something false.
        seconds: How long at most (see `patience`).
        pause: Seconds between two looks; a server is asked less often.
    """
    started = time.monotonic()
    while not (seen := look()):
        waited = time.monotonic() - started
        assert waited < patience(seconds), f"waited {waited:.0f} s in vain for {what}"
        time.sleep(pause)
    return seen


def wait_to_end(process, seconds=SECONDS, log=None):
    """Wait for the end of a process and return its status; its log is shown if it does not end."""

    def ended():
        return None if process.poll() is None else (process.returncode,)

    what = f"the end of process {process.pid}"
    try:
        (status,) = wait_for(what, ended, seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text() if log else ''}") from None
    return status
