"""A PostgreSQL of one's own: Debian's binaries, a temporary folder, a free port."""

import os
import pwd
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from support.prefect_server import free_port

PASSWORD = "a-password"


def binaries():
    """The folder of PostgreSQL's programs, the newest; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


MISSING = "no PostgreSQL here (Debian: apt-get install postgresql)"


class PostgreSQL:
    """A running server; its role `prefect` makes databases, as the image's POSTGRES_USER does."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    def url(self, database="prefect"):
        return f"postgresql+asyncpg://prefect:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, name, template="template1"):
        """Make a database, a copy of another one that nobody is connected to."""
        self._ask(f'create database "{name}" template "{template}"')

    def drop(self, name):
        self._ask(f'drop database "{name}" with (force)')

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _ask(self, statement):
        command = [binaries() / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "prefect"]
        told = os.environ | {"PGPASSWORD": PASSWORD}
        command += ["-d", "postgres", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        subprocess.run(command, env=told, check=True)


@contextmanager
def running():
    """A server with an empty database `prefect`; it refuses to be run by root, so it is not."""
    folder = Path(mkdtemp(prefix="postgresql-"))
    as_user = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    made = PostgreSQL(folder, free_port())
    options = f"-p {made.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"

    def program(name, *arguments):
        command = [*as_user, binaries() / name, *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    try:
        program(
            "initdb",
            "-D",
            folder / "data",
            "-U",
            "prefect",
            "--no-sync",
            "--auth=scram-sha-256",
            f"--pwfile={folder / 'password'}",
        )
        program("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start")
        try:
            made.create("prefect")
            yield made
        finally:
            program("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
