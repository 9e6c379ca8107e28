"""What goes wrong in operation, against a real server: nothing is lost, and it is said clearly."""

import json
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timezone

import httpx
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Completed, Failed, Late, Running, Suspended
from psutil import NoSuchProcess, Process
from support import forking
from support.prefect_runs import (
    HOLDER,
    OPS,
    TALK,
    chunks,
    receiver,
    remote,
)
from support.prefect_server import wait_for_server
from support.waiting import wait_for
from typer.testing import CliRunner

from flows.generation import generation
from flows.study import study
from synthetic_instruction_tuner.errors import ConfigurationError
from tasks.gpu import LIMIT
from tuner import automations, deployment_file, server
from tuner.commands.doctor import check_server
from tuner.main import app

pytestmark = pytest.mark.prefect


@pytest.mark.parametrize("command", [["deploy"], ["worker"], ["status", "--remote"]])
@pytest.mark.parametrize("key", ["tuner:wrong", None])
def test_a_wrong_key_is_named(own, command, key):
    with own.settings(key):
        result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, ConfigurationError)
    assert str(result.exception) == (
        f"the Prefect server at {own.api} refuses the key; "
        "check PREFECT_API_AUTH_STRING (self-hosted) or PREFECT_API_KEY (Cloud)"
    )


def test_a_missing_pool_is_named(client):
    with suppress(ObjectNotFound):
        client.delete_work_pool(server.POOL)
    result = CliRunner().invoke(app, ["worker"])
    assert str(result.exception) == "the server has no work pool 'tuner'; run `tuner deploy` first"
    assert "Problem  the server has no work pool 'tuner': run `tuner deploy`" in remote()


def test_a_run_that_no_worker_takes_says_so_and_stays(own, client, deployment):
    run = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(run.id, Late(scheduled_time=run.expected_start_time), force=True)
    found = json.loads(remote("--json"))
    assert found["workers"] == []
    assert found["gpu"] == [0, 1]
    assert [one["name"] for one in found["studies"]] == ["ops"]
    assert [(one["state"], one["waits_for"]) for one in found["studies"][0]["runs"]] == [
        ("Late", "a worker")
    ]
    text = remote()
    assert "no worker is online in work pool 'tuner': 1 late run will wait until one starts" in text
    assert f"{own.ui}/runs/flow-run/{run.id}" in text
    assert "No run or schedule of study 'other' is known." in remote("--study", "other")
    client.delete_flow_run(run.id)


def test_a_run_shows_progress_log_and_report_from_anywhere(own, client, deployment):
    run = client.create_flow_run_from_deployment(deployment, name="ops")
    client.set_flow_run_state(run.id, Running(), force=True)
    for kind, key, text in (
        ("progress", "ops-progress-samples-0-23", "Samples 0-23: 12/24 400 tokens/s"),
        ("markdown", "ops-report", "Also as page and slides"),
    ):
        data = 50.0 if kind == "progress" else "# Report"
        made = ArtifactCreate(key=key, type=kind, description=text, data=data, flow_run_id=run.id)
        report = client.create_artifact(made)
    trace = "Encountered exception\nTraceback\n  File x\nStageError: too few rows"
    now = datetime.now(timezone.utc)
    client.create_logs(
        [LogCreate(name="x", level=20, message=trace, timestamp=now, flow_run_id=run.id)]
    )
    (found,) = json.loads(remote("--study", "ops", "--json"))["studies"]
    (shown,) = found["runs"]
    assert (shown["state"], shown["flow"], shown["deployment"]) == (
        "Running",
        "generation",
        "generation/ops",
    )
    assert shown["progress"] == ["Samples 0-23: 12/24 400 tokens/s"]
    assert shown["log"] == [f"{now:%H:%M:%S} Encountered exception ... StageError: too few rows"]
    assert found["report"] == f"{own.ui}/artifacts/artifact/{report.id}"
    text = remote()
    assert "  Running    ops (generation/ops, since " in text
    assert "           Samples 0-23: 12/24 400 tokens/s\n" in text
    client.delete_flow_run(run.id)


def test_a_second_run_on_a_workspace_says_who_holds_it(client, tmp_path):
    folder = tmp_path / "held"
    with forking.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        state = generation(config=OPS, workspace=str(folder), return_state=True)
        holder.stdin.close()
    assert state.is_failed()
    assert f"is in use by process {holder.pid}" in state.message
    assert chunks(folder) == []


def test_what_libraries_log_reaches_the_run_as_far_as_their_settings_say(own, client):
    given = deployment_file.environment() | {"PREFECT__RUNTIME__DEPLOYMENT__ID": "any"}
    for level, text in (("warning", "a dump"), ("info", "wanted")):
        told = own.environment(**given | {"TRANSFORMERS_VERBOSITY": level})
        command = [sys.executable, "-c", TALK, text]
        # Not a fork of a process that has imported transformers: that is when it reads its setting.
        subprocess.run(command, env=told, check=True, capture_output=True)
    wanted = {"lm-eval says", "TRL says", "transformers says", "wanted"}

    def logged(client):
        return {one.message for one in client.read_logs(limit=200)}

    wait_for_server("four kinds of lines", lambda client: wanted <= logged(client))
    assert "a dump" not in logged(client)


def test_a_server_that_would_forget_the_gpus_slot_is_known(client, monkeypatch):
    assert not server.slots_in_memory(client)  # this one keeps leases in files
    told = {"server": {"concurrency": {"lease_storage": "prefect.lease_storage.memory"}}}
    monkeypatch.setattr(client, "request", lambda *_: httpx.Response(200, json=told))
    assert server.slots_in_memory(client)


@pytest.mark.parametrize(
    ("driver", "advice"),
    [(None, "several people or machines: PostgreSQL"), ("postgresql+asyncpg", "")],
)
def test_the_doctor_asks_for_postgresql_where_there_is_none(own, monkeypatch, driver, advice):
    monkeypatch.setenv("PREFECT_API_URL", own.api)
    monkeypatch.setattr(server, "_settings", lambda _: {"database": {"driver": driver}})
    with own.settings():
        (found,) = check_server()
    assert (found.state, found.remedy) == ("ok", advice)
    with own.settings("tuner:wrong"):
        (found,) = check_server()
    assert found.state == "problem"
    assert "refuses the key" in found.found


@pytest.fixture
def received():
    with receiver() as messages:
        yield messages


def test_a_notification_block_hears_of_ended_runs(own, client, received):
    shape = {"subject": "{{subject}}", "body": "{{body}}"}
    webhook = CustomWebhookNotificationBlock(name="lab", url=received.pop(), json_data=shape)
    webhook.save("lab", overwrite=True)
    found = server.find_notifier(client, "custom-webhook/lab")
    for _ in range(2):  # deploying again makes no second automation
        automations.make(client, automations.notification(found))
    for name, ended in (
        ("well", Completed(message="llama is done up to report")),
        ("ill", Failed(message="StageError: too few rows")),
    ):
        run = client.create_flow_run(study, name=name, parameters={"config": {"name": name}})
        client.set_flow_run_state(run.id, Running(), force=True)
        client.set_flow_run_state(run.id, ended, force=True)
    wait_for("two notifications", lambda: len(received) >= 2)
    assert {one["subject"] for one in received} == {"well: Completed", "ill: Failed"}
    bodies = "\n".join(one["body"] for one in received)
    assert "study well is Completed: llama is done up to report" in bodies
    assert "study ill is Failed: StageError: too few rows" in bodies
    assert f"{own.ui}/" in bodies
    with pytest.raises(ConfigurationError, match="no such block; write it as type/name"):
        server.find_notifier(client, "custom-webhook/nobody")


def runs_of(worker):
    """Processes of Prefect's engine below a worker."""
    told = []
    for one in Process(worker.pid).children(recursive=True):
        with suppress(NoSuchProcess):  # it may end meanwhile
            told.append(f"{one.name()} {' '.join(one.cmdline())}")
    return [one for one in told if "prefect.engine" in one or "supervisor" in one]


def test_cancelled_runs_keep_their_chunks_and_suspended_ones_go_on(
    own, client, deployment, tmp_path
):
    given = OPS.model_dump(mode="json")
    given["generation"] |= {"draws": 480, "max_draws": 480}
    roots = {}
    for name in ("a", "b"):
        told = {"config": given, "workspace": str(tmp_path / name)}
        run = client.create_flow_run_from_deployment(deployment, parameters=told)
        roots[run.id] = tmp_path / name
    with own.worker(tmp_path, "--limit", "2") as worker:
        first = wait_for("a chunk", lambda: [run for run in roots if chunks(roots[run])])[0]
        (second,) = roots.keys() - {first}
        assert "GPU slot 1 of 1 in use" in remote()
        assert chunks(roots[second]) == []  # one GPU is one GPU
        client.set_flow_run_state(first, Cancelling())
        wait_for_server(
            "Cancelled", lambda client: client.read_flow_run(first).state_name == "Cancelled"
        )
        kept = chunks(roots[first])
        assert 1 <= len(kept) < 20
        wait_for("a chunk of the other run", lambda: chunks(roots[second]))
        client.set_flow_run_state(second, Suspended(timeout_seconds=300), force=True)  # as the UI
        wait_for_server(
            "the GPU slot",
            lambda client: client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 0,
        )
        wait_for("the suspended run to end", lambda: runs_of(worker) == [])
        left = len(chunks(roots[second]))
        assert 1 <= left < 20
        assert client.read_flow_run(second).state_name == "Suspended"
        client.resume_flow_run(second)
        wait_for_server(
            "the resumed run to end", lambda client: client.read_flow_run(second).state.is_final()
        )
    assert client.read_flow_run(second).state_name == "Completed"
    assert len(chunks(roots[second])) == 20
    assert [one.read_bytes() for one in kept] == [
        one.read_bytes() for one in chunks(roots[second])[: len(kept)]
    ]
