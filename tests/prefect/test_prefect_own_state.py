"""A run heeds what its server says, corrects it where it is wrong, and does not wait for it."""

from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort, Pause
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Crashed, Failed, Paused, Running

from tasks import own_state, watching
from tasks.own_state import Unheard, heed, taking_leave
from tasks.watching import RunProgress
from tuner import automations

pytestmark = pytest.mark.prefect


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch):
    monkeypatch.setattr(own_state, "_cancelling_since", None)


def test_the_worker_has_half_a_minute_to_end_a_run_and_the_final_state_none():
    assert not own_state._is_due(Cancelling(), 100.0)
    assert not own_state._is_due(Cancelling(), 129.0)
    assert own_state._is_due(Cancelling(), 130.0)
    assert not own_state._is_due(Running(), 131.0)  # a run that was started again
    assert not own_state._is_due(Cancelling(), 132.0)
    assert own_state._is_due(Cancelled(), 133.0)


def test_who_was_started_by_no_worker_asks_nobody(monkeypatch):
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID", raising=False)
    monkeypatch.setattr(own_state, "get_client", None)
    heed()


def test_a_run_and_the_runs_inside_it_end_as_cancelled(prefect_server, monkeypatch):
    seen = {}

    @flow
    def inner():
        with taking_leave():
            seen["inner"] = runtime.flow_run.id
            heed()

    @flow
    def outer():
        with taking_leave(), get_client(sync_client=True) as client:
            seen["outer"] = runtime.flow_run.id
            monkeypatch.setenv("PREFECT__FLOW_RUN_ID", seen["outer"])
            client.set_flow_run_state(UUID(seen["outer"]), Cancelled(), force=True)
            inner()

    with pytest.raises(Abort):
        outer()
    with get_client(sync_client=True) as client:
        states = [client.read_flow_run(UUID(one)).state for one in seen.values()]
    assert [one.name for one in states] == ["Cancelled", "Cancelled"]
    assert {one.message for one in states} == {own_state.MESSAGE}


def test_a_suspended_run_says_that_no_heartbeat_follows(prefect_server, monkeypatch):
    told = []
    monkeypatch.setattr(own_state, "emit_event", lambda name, resource: told.append(resource))

    @flow
    def suspended():
        with taking_leave():
            told.append({"prefect.resource.id": f"prefect.flow-run.{runtime.flow_run.id}"})
            raise Pause

    with pytest.raises(Pause):
        suspended()
    assert len(told) == 2
    assert told[0] == told[1]
    assert own_state.SUSPENDED in automations.standing()[0].trigger.expect


@pytest.mark.parametrize(
    "believed",
    [
        Crashed(),
        Paused(name=own_state.SILENT),
        AwaitingRetry(),
        Failed(message="workspace in use"),  # begun a second time, in vain
    ],
    ids=lambda one: one.name,
)
def test_a_run_that_was_given_up_says_that_it_lives(prefect_server, monkeypatch, believed):
    @flow
    def given_up():
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", runtime.flow_run.id)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(runtime.flow_run.id), believed, force=True)
            heed()
            return client.read_flow_run(UUID(runtime.flow_run.id)).state.model_dump(mode="json")

    told = given_up()
    assert (told["type"], told["message"]) == ("RUNNING", own_state.ALIVE)


def test_a_server_that_is_away_is_asked_once_and_then_left_alone(monkeypatch):
    patience, times = [], [0.0]

    def away(*_, **__):
        patience.append(PREFECT_CLIENT_MAX_RETRIES.value())
        raise httpx.ConnectError("away")

    monkeypatch.setattr(watching, "create_progress_artifact", away)
    monkeypatch.setattr(own_state, "get_client", away)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    bar = RunProgress("ops", "Samples 0-99", clock=lambda: times[0])
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 8}):  # what `tuner deploy` gives runs
        heed()
        for times[0] in (16.0, 32.0, 100.0, 137.0):
            bar.update(50, 100)
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 8
    assert patience == [0, 0, 0]  # once by itself, at 16 s and at 137 s


def test_long_work_ends_in_the_middle(monkeypatch):
    def cancelled():
        raise Unheard(own_state.MESSAGE)

    monkeypatch.setattr(watching.Bar, "_send", lambda *_: None)
    times = iter([0.0, 20.0])
    bar = RunProgress("ops", "Training sft", clock=lambda: next(times, 20.0))
    monkeypatch.setattr(watching, "heed", cancelled)
    with pytest.raises(Unheard):
        bar.update(1, 100)
