"""The server that a run brings along: when it starts, where, and what it says if it does not."""

import os
import socket
import sys

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError, TunerError
from tuner import address, embedded_server


@pytest.fixture
def nothing_configured(monkeypatch, tmp_path):
    """A process that has not imported Prefect, in a home and a folder without its files."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in [one for one in sys.modules if one.split(".")[0] == "prefect"]:
        monkeypatch.delitem(sys.modules, name)


class Process:
    """A server's process that has ended, or lives as long as it is asked."""

    def __init__(self, code=None):
        self.code, self.stdin, self.ended = code, None, False

    def poll(self):
        return self.code

    def terminate(self):
        self.ended = True

    def wait(self, _=None):
        return self.code


@pytest.mark.usefixtures("nothing_configured")
def test_nothing_is_imported_to_see_that_no_server_is_configured():
    assert not address.is_configured()
    assert "prefect" not in sys.modules


@pytest.mark.usefixtures("nothing_configured")
def test_a_server_in_the_environment_is_configured(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert address.is_configured()


@pytest.mark.usefixtures("nothing_configured")
@pytest.mark.parametrize("name", ["home/profiles.toml", ".env", "prefect.toml", "pyproject.toml"])
def test_files_that_may_name_a_server_are_left_to_prefect(tmp_path, name):
    (tmp_path / "home").mkdir()
    assert not any(map(address.may_speak_of_prefect, address.places()))
    (tmp_path / name).write_text("[tool.prefect]\n")
    assert any(map(address.may_speak_of_prefect, address.places()))


@pytest.mark.usefixtures("nothing_configured")
def test_clients_know_the_server_as_long_as_it_is_there(monkeypatch):
    process = Process()
    monkeypatch.setattr(embedded_server.subprocess, "Popen", lambda *_, **__: process)
    with embedded_server.unless_configured() as server:
        assert os.environ["PREFECT_API_URL"] == server.url
        assert address.is_configured()
        with embedded_server.unless_configured() as second:
            assert second is None
    assert "PREFECT_API_URL" not in os.environ
    assert process.ended


def test_a_port_is_held_from_the_beginning():
    """Two runs that start at once on one machine: neither ends up at the other's server."""
    with embedded_server.hold_port() as held, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        with pytest.raises(OSError, match="in use"):
            other.bind(held.getsockname())


@pytest.mark.parametrize(
    ("code", "seconds", "message"),
    [(3, "9", "it ended with code 3"), (None, "0", "no answer within 0 s")],
)
def test_a_server_that_does_not_start_is_one_line(monkeypatch, code, seconds, message):
    monkeypatch.setattr(embedded_server.subprocess, "Popen", lambda *_, **__: Process(code))
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", seconds)
    with pytest.raises(TunerError, match=rf"does not start \({message}\); .* less to do"):
        embedded_server.EmbeddedServer().wait()


@pytest.mark.usefixtures("nothing_configured")
def test_a_server_that_is_not_there_is_said_without_prefect(monkeypatch):
    with pytest.raises(ConfigurationError, match="no Prefect server is configured; start one"):
        address.require()
    with embedded_server.hold_port() as held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with pytest.raises(ConfigurationError, match=f"no Prefect server answers at {url}"):
            address.require()
        held.listen()
        address.require()
    assert "prefect" not in sys.modules
