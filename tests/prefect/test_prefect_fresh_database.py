"""A new home gets the database that Prefect's migrations would make, and only then."""

import os
import re
import subprocess
import sys

import pytest

from tuner import fresh_database

LAY = "from tuner import fresh_database; print(fresh_database.lay())"


def lay(home, **environment):
    told = os.environ | {"PREFECT_HOME": str(home)} | environment
    run = subprocess.run(
        [sys.executable, "-c", LAY], env=told, capture_output=True, text=True, check=True
    )
    return run.stdout.strip() == "True"


def parts(script):
    """Tables with their columns and constraints; migrations write these in any order."""
    return sorted(tuple(sorted(re.split(r",\s|\n", one))) for one in script.split(";\n"))


@pytest.mark.skipif(not fresh_database.script().is_file(), reason="another release migrates")
def test_a_new_home_has_the_tables_that_migrations_make(migrated_home, tmp_path):
    """Made anew by: python -m tuner.fresh_database PREFECT.DB > tuner/prefect-VERSION.sql."""
    wanted = parts(fresh_database.describe(migrated_home / "prefect.db"))
    assert parts(fresh_database.script().read_text("utf-8")) == wanted
    assert lay(tmp_path / "home")
    made = tmp_path / "home" / "prefect.db"
    assert parts(fresh_database.describe(made)) == wanted
    assert not lay(tmp_path / "home")
    assert [one.name for one in made.parent.glob("prefect.db*")] == ["prefect.db"]


def test_another_database_is_left_to_its_owner(tmp_path):
    url = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://host/db"}
    assert not lay(tmp_path, **url)
    assert not (tmp_path / "prefect.db").exists()
