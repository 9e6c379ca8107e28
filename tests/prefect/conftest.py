"""One temporary Prefect server for all tests that need one."""

from functools import partial

import pytest


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_HOME, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect-home")
    with temporary_settings({PREFECT_HOME: home}), prefect_test_harness(server_startup_timeout=120):
        yield
        # Events for servers that other tests have ended would be waited for without end.
        EventsWorker.drain_all = partial(EventsWorker.drain_all, timeout=10)
