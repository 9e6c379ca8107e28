"""A Prefect database for a new home, without the six seconds that its migrations take.

Prefect builds the tables of a new database by replaying every change that they ever saw. What
comes out is the same for all of one release, so it lies beside this file as SQL; any other release
migrates as ever. To make it anew from a database that was migrated but not used:
python -m tuner.fresh_database PREFECT.DB > tuner/prefect-VERSION.sql
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path


def script() -> Path:
    """Return where the tables of the installed release are described; it may not exist."""
    return Path(__file__).with_name(f"prefect-{metadata.version('prefect')}.sql")


def lay() -> bool:
    """Make the database of Prefect's home, if it has none and the settings name no other.

    Returns:
        Whether it was made.
    """
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    target = settings.home / "prefect.db"
    url = settings.server.database.connection_url
    is_default = url is None or url.get_secret_value() == f"sqlite+aiosqlite:///{target}"
    if not is_default or target.exists() or not script().is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    with closing(sqlite3.connect(draft)) as database:
        database.executescript(script().read_text(encoding="utf-8"))
    try:
        os.link(draft, target)  # fails where another run was faster
    except OSError:
        return False
    finally:
        draft.unlink()
    return True


def describe(database: Path) -> str:
    """Write the tables of a migrated database, and the migration that it is at, as SQL."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        lines = [
            line
            for line in connection.iterdump()
            if not line.startswith("INSERT INTO") or 'INTO "alembic_version"' in line
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(describe(Path(sys.argv[1])))
