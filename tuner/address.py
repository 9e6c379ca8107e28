"""Where the Prefect server is, found out without importing Prefect as far as that goes."""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from synthetic_instruction_tuner.errors import ConfigurationError

VARIABLE = "PREFECT_API_URL"
HELP = f"start one with `prefect server start` and set {VARIABLE}=http://127.0.0.1:4200/api"
PATIENCE_SECONDS = 5


def require() -> None:
    """Refuse to go on where no server is configured, or nobody listens at its address.

    Prefect's own client says the same after ten seconds of imports.

    Raises:
        ConfigurationError: Says which, and what to do.
    """
    if not is_configured():
        raise ConfigurationError(f"no Prefect server is configured; {HELP}")
    address = os.environ.get(VARIABLE, "")
    parts = urlsplit(address)
    if not parts.hostname or urllib.request.getproxies():
        return  # from a profile, or behind a proxy: Prefect's client will see
    try:
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname, port), PATIENCE_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no Prefect server answers at {address} ({error}); {HELP}"
        ) from error


def is_configured() -> bool:
    """Whether Prefect knows a server; it is imported only where something could say so."""
    if os.environ.get(VARIABLE):
        return True
    if "prefect.settings" not in sys.modules and not any(map(may_speak_of_prefect, places())):
        return False
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def places() -> list[Path]:
    """List the files that Prefect's settings come from."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    return [profiles, *map(Path, (".env", "prefect.toml", "pyproject.toml"))]


def may_speak_of_prefect(path: Path) -> bool:
    """Whether a file is there that Prefect would read a setting from."""
    try:
        return b"prefect" in path.read_bytes().lower() or path.name == "profiles.toml"
    except OSError:
        return False
