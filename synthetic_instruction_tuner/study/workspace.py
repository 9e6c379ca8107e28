"""The workspace of a study: one study each, led by one live run at a time.

A Colab session has only the workspace (on Drive); whatever must survive lies in it. The run that
leads holds the lease. Others may help it: they make artifacts, each under a claim of its own.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import claims, plain
from synthetic_instruction_tuner.storage.claim_files import SECONDS, describe
from synthetic_instruction_tuner.storage.files import slug, write_json
from synthetic_instruction_tuner.study.ending import stop
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

STUDY_FILE = "study.json"
LEASE_FILE = ".lease.json"
DRIVE = Path("/content/drive")
"""Where Colab mounts a Drive, the only disk there that outlives a session."""


def default_root(config: StudyConfig) -> Path:
    """Return where a study lives if nothing else is said: ./workspace/<name>.

    A worker starts its runs in other folders than a person would, and on Colab everything belongs
    on Drive: TUNER_WORKSPACES names another parent folder for all studies.
    """
    return Path(os.environ.get("TUNER_WORKSPACES") or "workspace") / config.name


def open_study(config: StudyConfig, root: Path) -> Study:
    """Bind settings to a workspace, made if need be.

    Raises:
        ConfigurationError: If a model folder, source file or data folder is not there.
        WorkspaceError: If the folder cannot be written, holds another study or other files, or
            lies on a Drive that is not mounted.
    """
    root = root.expanduser().resolve()
    require_drive(root)
    known = read_study_file(root)
    if known is None:
        _refuse_foreign_folder(root)
    elif known.get("name") != config.name:
        raise WorkspaceError(
            f"workspace {root} belongs to study {known.get('name')!r}, not {config.name!r}; "
            "choose another --workspace, or set name to match"
        )
    for path in root.glob(".*/"):
        plain.refuse_link(path)  # what is written, moved and removed there would be elsewhere
    study = Study(config, root)
    for artifact in study.artifacts():
        _ = artifact.identity  # a missing model or data folder is named before anything is made
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"cannot make workspace {root}: {error.strerror}") from error
    if known is None:
        remember(study)
    return study


def require_drive(root: Path) -> None:
    """Refuse a folder below Colab's mount point while nothing is mounted there.

    Raises:
        WorkspaceError: Written there, a study would lie on the session's own disk and end with it.
    """
    if root.is_relative_to(DRIVE) and not (DRIVE / "MyDrive").is_dir():
        raise WorkspaceError(
            f"workspace {root}: Drive is not mounted on this machine; mount it first "
            f"(from google.colab import drive; drive.mount({str(DRIVE)!r}))"
        )


def remember(study: Study) -> None:
    """Keep the study's name and settings in its workspace, for `tuner status` and the next run."""
    claims.check(study.root / STUDY_FILE)
    settings = study.config.model_dump(mode="json")
    write_json(study.root / STUDY_FILE, {"name": study.config.name, "config": settings})


def read_study_file(root: Path) -> dict[str, Any] | None:
    """Read which study a workspace holds and its settings at the last run; None if it holds none.

    Raises:
        WorkspaceError: If the file is there but cannot be read.
    """
    path = root / STUDY_FILE
    try:
        content = json.loads(plain.read(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceError(f"{path} cannot be read ({error}); move it away to go on") from error
    if not isinstance(content, dict) or not {"name", "config"} <= content.keys():
        raise WorkspaceError(f"{path} does not name a study; move it away to go on")
    return content


def read_config(root: Path, trusted: Collection[str] = ()) -> StudyConfig | None:
    """Read a workspace's settings; code of model repositories is off, whatever they say.

    A workspace is often a shared folder, so nothing in it may say what code runs.

    Args:
        root: The workspace.
        trusted: Models whose code the caller lets run, as "name@revision".

    Raises:
        WorkspaceError: If the study file cannot be read.
        ValueError: If its settings are not of this version.
    """
    known = read_study_file(root)
    if known is None:
        return None
    return StudyConfig.model_validate(_without_code(known["config"], frozenset(trusted)))


def _without_code(value: object, trusted: frozenset[str]) -> object:
    if isinstance(value, list):
        return [_without_code(one, trusted) for one in value]
    if not isinstance(value, dict):
        return value
    settings = {name: _without_code(one, trusted) for name, one in value.items()}
    if "trust_remote_code" in settings:
        is_trusted = f"{settings.get('name')}@{settings.get('revision')}" in trusted
        settings["trust_remote_code"] = settings["trust_remote_code"] is True and is_trusted
    return settings


def _refuse_foreign_folder(root: Path) -> None:
    """Refuse a folder with files that no study wrote, before anything is written to it."""
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"workspace {root} is a file; name a folder")
    if root.is_dir() and any(root.iterdir()):
        raise WorkspaceError(f"workspace {root} holds files but no study; name an empty folder")


@contextmanager
def lease(root: Path, wait_seconds: float = 0.0) -> Iterator[str]:
    """Hold the workspace as its only writer; within a process that holds it already, do nothing.

    Args:
        root: The workspace.
        wait_seconds: How long to wait for another live writer.

    Yields:
        The lease's token: helpers on other machines work as long as the lease carries it.

    Raises:
        WorkspaceError: If another live process holds it; says who.
    """
    path = root / LEASE_FILE
    if path in (held := claims.held(root)):
        yield held[path]
        return
    token = uuid.uuid4().hex
    deadline, told = time.monotonic() + wait_seconds, False
    while (holder := claims.take(path, token)) is not None:
        doubtful = claims.is_in_doubt(holder)
        if doubtful and not told:
            logger.warning(
                "the lease of %s on %s has run out, or its clock is wrong: watching for %.0f s "
                "whether it is renewed",
                describe(holder),
                root,
                claims.WATCH_SECONDS,
            )
            told = True
        ends = doubtful or claims.is_dead(holder)  # soon, or is being taken over
        if time.monotonic() >= deadline and not ends:
            raise WorkspaceError(
                f"workspace {root} is in use by {describe(holder)}; stop it, or wait: its "
                f"lease ends by itself at most {SECONDS:.0f} s after it died"
            )
        time.sleep(min(2.0, max(0.1, deadline - time.monotonic())))
    _heed_interrupts()
    with claims.kept(path, token, stop):  # of two writers the older one stops
        yield token


def _heed_interrupts() -> None:
    """Let SIGINT interrupt this run again: what a script starts in the background ignores it."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_led(root: Path, token: str) -> bool:
    """Whether the run that holds this token still leads the work in a workspace."""
    path = root / LEASE_FILE
    holder = claims.read(path)
    return holder.get("token") == token and not claims.is_gone(path, holder)


@contextmanager
def claim(root: Path, name: str, poll_seconds: float = 2.0) -> Iterator[None]:
    """Be the only one who makes something in a workspace; waits for whoever is at it already.

    A process that holds the claim may take it again.

    Args:
        root: The workspace.
        name: What is made, for example the name and identity of an artifact.
        poll_seconds: Time between two looks.
    """
    path = claim_file(root, name)
    if path in claims.held(root):
        yield
        return
    token = uuid.uuid4().hex
    told = 0.0
    while (holder := claims.take(path, token)) is not None:
        if time.monotonic() >= told:
            logger.info("waiting for %s, which makes %s", describe(holder), name)
            told = time.monotonic() + SECONDS
        time.sleep(poll_seconds)
    with claims.kept(path, token):
        yield


def try_claim(root: Path, name: str, after_seconds: float | None = None) -> ExitStack | None:
    """Take a claim if nobody has it.

    Args:
        root: The workspace.
        name: What is to be made.
        after_seconds: Take it from its holder, too, once it was held for that long.

    Returns:
        What gives the claim back when it is closed; None if somebody else is at it.
    """
    path, token = claim_file(root, name), uuid.uuid4().hex
    holder = claims.take(path, token)
    if holder is not None:
        age = time.time() - holder.get("since", time.time())
        if after_seconds is None or age < after_seconds:
            return None
        logger.warning("%s is at %s for %.0f s: made here, too", describe(holder), name, age)
        if claims.seize(path, token) is not None:
            return None
    stack = ExitStack()
    stack.enter_context(claims.kept(path, token))
    return stack


def claim_file(root: Path, name: str) -> Path:
    """Return where a claim lies.

    Raises:
        WorkspaceError: If the folder of claims is a link.
    """
    plain.refuse_link(root / claims.FOLDER)
    return root / claims.FOLDER / f"{slug(name)}.json"
