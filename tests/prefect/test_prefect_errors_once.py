"""An error that people can act on is one line a page, and the message of the final state."""

import logging
from functools import partial

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from support.prefect_server import wait_for_server

from synthetic_instruction_tuner.errors import StageError
from tasks.errors_once import Once, install

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]
SENTENCE = "12 rows left, training.arms.sft needs 40: raise generation.draws"


@task
def fails(error):
    raise error


@flow
def stage(error):
    fails(error)


@flow
def whole(error):
    stage(error)


def pages(error):
    """What the page of the study and that of its stage say of the error, and the final state."""
    install()
    state = whole(error, return_state=True)
    with get_client(sync_client=True) as client:
        parent = client.read_flow_run(state.state_details.flow_run_id)
        (child,) = [
            one
            for one in client.read_flow_runs()
            if one.parent_task_run_id and one.created >= parent.created
        ]

    shown = [
        wait_for_server("log lines", partial(lines, run=run, error=error))
        for run in (parent, child)
    ]
    return state, shown


def lines(client, run, error):
    chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    found = [one.message for one in client.read_logs(chosen)]
    return [one for one in found if str(error) in one] or None


def test_an_error_of_ours_is_one_line_on_each_page_and_the_state_says_it():
    state, shown = pages(StageError(SENTENCE))
    assert shown == [[SENTENCE], [SENTENCE]]
    assert state.message.endswith(f"StageError: {SENTENCE}")


def test_an_error_of_a_library_keeps_its_traceback():
    _, (page, _) = pages(ValueError("shapes differ"))
    assert any("Traceback" in one for one in page)


def record(text, error=None, page="one"):
    info = (type(error), error, None) if error else None
    made = logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 1, text, (), info)
    made.flow_run_id = page
    return made


def test_what_repeats_is_dropped_and_what_is_another_page_or_error_is_not():
    once, error = Once(), StageError("few rows")
    assert once.filter(record("Task run failed", error))
    assert not once.filter(record("Encountered exception", error))
    assert not once.filter(record("Finished in state Failed('StageError: few rows')"))
    assert once.filter(record("Encountered exception", error, page="two"))
    assert once.filter(record("Encountered exception", StageError("few pairs")))
    assert once.filter(record("Samples 0-99: 50/100"))
