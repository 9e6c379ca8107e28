"""Deployments: the file, what `tuner deploy` makes, what the form refuses, what a run shows."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import Posture
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.utilities.callables import parameter_schema
from typer.testing import CliRunner

from blocks.choice import chosen
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError
from tasks import gpu, helpers
from tasks.location import enter_code
from tuner import automations, deployment_file, server
from tuner.commands import serve
from tuner.main import app

ROOT = Path(__file__).parents[2]
FILE = deployment_file.read()

pytestmark = pytest.mark.prefect


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as opened:
        yield opened


def test_one_deployment_a_flow():
    found = {(deployment_file.flow_of(one).name, one["name"]) for one in FILE["deployments"]}
    stages = {"items", "generation", "filtering", "preference", "training", "evaluation", "report"}
    flows = stages | {"study", "generation-scheduled"}
    assert found == {(flow, "tuner") for flow in flows} | {tuple(helpers.DEPLOYMENT.split("/"))}


@pytest.mark.parametrize("entry", FILE["deployments"], ids=lambda one: one["entrypoint"])
def test_every_parameter_of_a_form_has_a_help_text_that_a_page_shows(entry):
    fields = parameter_schema(deployment_file.flow_of(entry)).properties
    assert [name for name, one in fields.items() if not one.get("description")] == []
    assert [name for name, one in fields.items() if "<" in one["description"]] == []  # HTML to it


def test_the_form_asks_for_the_preset_first_and_fits_a_page():
    from flows.study import study

    form = parameter_schema(study).model_dump_for_openapi()
    fields = sorted(form["properties"].items(), key=lambda one: one[1]["position"])
    assert [name for name, _ in fields][:4] == ["preset", "workspace", "until", "credentials"]
    assert form["properties"]["preset"]["enum"] == presets.names()
    assert form.get("required", []) == []
    groups = {"Workspace", "HubCredentials", "LanguageModel", "RewardModel", "ModelConfig"}
    assert set(form["definitions"]) <= groups | {"SecretStr"}  # blocks alone, by name


def test_a_form_and_a_schedule_change_what_they_name_and_nothing_else():
    given = {"seed": 7, "training.arms.sft.rank": 3, "filtering": {"target": 5}}
    config = chosen("sandbox", settings=given, name="mine", draws=50)
    expected = presets.load(
        "sandbox",
        [
            "seed=7",
            "training.arms.sft.rank=3",
            "filtering.target=5",
            "name=mine",
            "generation.draws=50",
        ],
    )
    assert config == expected
    with pytest.raises(ConfigurationError, match=r"generation\.chunksize: no such field"):
        chosen("sandbox", settings={"generation": {"chunksize": 5}})
    with pytest.raises(ConfigurationError, match=r"no entry 'lora'; allowed: .*'sft'"):
        chosen("sandbox", settings={"training.arms.lora.rank": 3})


def test_a_whole_study_is_checked_where_a_program_hands_it_on():
    from flows.generation import generation

    whole = presets.load("sandbox-smoke")
    given = whole.model_dump(mode="json")
    assert generation.validate_parameters({"config": given})["config"] == whole
    with pytest.raises(ConfigurationError, match=r"config: seed: .*\(got 'one'\)"):
        generation.validate_parameters({"config": given | {"seed": "one"}})


def test_due_runs_do_not_stack_and_what_the_ui_paused_stays_paused():
    (one,) = [one for one in FILE["deployments"] if "schedules" in one]
    assert deployment_file.flow_of(one).name == deployment_file.SCHEDULED
    assert one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert [schedule["slug"] for schedule in one["schedules"]] == ["hourly"]
    assert "active" not in one["schedules"][0]
    assert set(one["schedules"][0]["parameters"]) <= {"preset", "session"}


def test_code_is_found_wherever_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert enter_code() == {"directory": str(ROOT)}
    assert Path.cwd() == ROOT


def test_what_a_server_needs_is_made_once_and_later_choices_are_kept(client):
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    for _ in range(2):
        server.make_pool(client)
        server.make_gpu_limit(client)
        for one in automations.standing():
            automations.make(client, one)
        limit = client.read_global_concurrency_limit_by_name(gpu.LIMIT)
        client.update_global_concurrency_limit(gpu.LIMIT, GlobalConcurrencyLimitUpdate(limit=3))
    assert (limit.limit, client.read_global_concurrency_limit_by_name(gpu.LIMIT).limit) == (3, 3)
    assert client.read_work_pool("tuner").type == "process"
    (silent,) = client.read_automations_by_name("tuner: runs that fell silent")
    assert silent.trigger.posture == Posture.Proactive
    assert silent.trigger.within.total_seconds() == 300  # ten heartbeats of 30 s
    (dead,) = client.read_automations_by_name("tuner: runs of dead machines are Crashed")
    assert dead.actions[0].state.value == "CRASHED"


def test_an_automation_that_is_as_it_should_be_is_left_alone(client, monkeypatch):
    updated = []
    wanted = [*automations.standing(), automations.notification(uuid4())]
    for one in wanted:
        automations.make(client, one)
    monkeypatch.setattr(client, "update_automation", lambda _, one: updated.append(one.name))
    for one in wanted:
        automations.make(client, one.model_copy(deep=True))
    assert updated == []
    wanted[0].trigger.within += timedelta(seconds=1)
    automations.make(client, wanted[0])
    assert updated == [wanted[0].name]


def test_deploying_again_leaves_alone_what_is_right_and_keeps_what_the_ui_switched_on(
    client, tmp_path
):
    def deploy(schedules):
        one = next(one for one in FILE["deployments"] if "schedules" in one)
        deployments = [one | {"name": "again", "schedules": schedules}]
        file = tmp_path / "prefect.yaml"
        file.write_text(yaml.safe_dump(FILE | {"deployments": deployments}))
        result = CliRunner().invoke(app, ["deploy", "--file", str(file)])
        assert result.exit_code == 0, result.output
        return client.read_deployment_by_name("generation-scheduled/again"), result.output

    hourly = {"slug": "hourly", "cron": "0 * * * *", "timezone": "UTC"}
    nightly = {"slug": "nightly", "cron": "0 2 * * *", "timezone": "UTC"}
    first, said = deploy([hourly, nightly])
    assert "1 made, 0 changed, 0 as they were" in said
    assert {one.slug: one.active for one in first.schedules} == {"hourly": False, "nightly": False}
    (switched,) = [one for one in first.schedules if one.slug == "hourly"]
    client.update_deployment_schedule(first.id, switched.id, active=True)
    _, said = deploy([hourly, nightly])
    assert "0 made, 0 changed, 1 as they were" in said
    weekly = {"slug": "weekly", "cron": "0 3 * * 1", "timezone": "UTC"}
    second, said = deploy([hourly | {"parameters": {"preset": "sandbox"}}, weekly])
    assert "0 made, 1 changed, 0 as they were" in said
    assert {one.slug: one.active for one in second.schedules} == {"hourly": True, "weekly": False}
    kept = next(one for one in second.schedules if one.slug == "hourly")
    assert kept.parameters == {"preset": "sandbox"}
    assert str(second.concurrency_options.collision_strategy.value) == "CANCEL_NEW"
    assert second.pull_steps == [{"tasks.location.enter_code": {}}]
    assert second.entrypoint == "flows/scheduled_generation.py:scheduled_generation"
    assert second.job_variables == {"env": deployment_file.environment()}


def test_deploying_what_is_there_takes_less_than_five_seconds(client):
    environment = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value()}
    command = [sys.executable, "-m", "tuner.main", "deploy"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as again:
        said = again.stdout.read()
        _, status, used = os.wait4(again.pid, 0)
        again.returncode = os.waitstatus_to_exitcode(status)
    assert "0 made, 0 changed, 10 as they were" in said
    assert used.ru_utime + used.ru_stime < 5  # computed, whatever else this machine does; 3 usually


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"draws": -1}, "less than the minimum of 0"),
        ({"preset": "sandbx"}, "not one of"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason_before_a_run_exists(client, parameters, reason):
    from httpx import HTTPStatusError

    from flows.generation import generation

    identity = client.create_deployment(
        flow_id=client.create_flow(generation),
        name="strict",
        enforce_parameter_schema=True,
        parameter_openapi_schema=parameter_schema(generation).model_dump_for_openapi(),
    )
    with pytest.raises(HTTPStatusError) as refused:
        client.create_flow_run_from_deployment(identity, parameters=parameters)
    assert reason in refused.value.response.text
    assert [one for one in client.read_flow_runs() if one.deployment_id == identity] == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "no Prefect server is configured"),
        ("http://127.0.0.1:9/api", "no Prefect server answers"),
    ],
)
def test_without_a_server_the_command_says_how_to_get_one(address, reason):
    with temporary_settings({PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}):
        result = CliRunner().invoke(app, ["deploy"])
    assert isinstance(result.exception, ConfigurationError)
    assert str(result.exception).startswith(reason)
    assert "prefect server start" in str(result.exception)


def test_tasks_take_turns_on_a_gpu_and_only_there(monkeypatch):
    held = []

    def concurrency(name, **options):
        held.append((name, options["raise_on_lease_renewal_failure"]))
        from contextlib import nullcontext

        return nullcontext()

    monkeypatch.setattr(gpu, "concurrency", concurrency)
    monkeypatch.setattr(gpu, "has_gpu", lambda: False)
    with gpu.one_gpu("training"):
        pass
    monkeypatch.setattr(gpu, "has_gpu", lambda: True)
    with gpu.one_gpu("filtering"), gpu.one_gpu("training"), gpu.one_gpu("training"):
        pass
    assert held == [("gpu", False)]


def test_serving_needs_no_pool_and_leaves_what_was_deployed_alone():
    made = serve.deployments("sandbox-smoke", {"preset": "sandbox-smoke"}, schedule=False)
    assert [(one.flow_name, one.name) for one in made] == [
        ("study", "sandbox-smoke-served"),
        ("generation-scheduled", "sandbox-smoke-served"),
    ]
    assert [one.work_pool_name for one in made] == [None, None]
    assert [one.active for one in made[1].schedules] == [False]
    assert made[1].concurrency_options.collision_strategy.value == "CANCEL_NEW"


@pytest.mark.parametrize(("code", "reason"), [(401, "refuses the key"), (500, "answers 500")])
def test_a_server_that_refuses_is_named_with_what_to_check(code, reason):
    class Refusing:
        def read_work_pools(self, limit):
            request = httpx.Request("POST", "https://host/api")
            httpx.Response(code, request=request).raise_for_status()

    with (
        temporary_settings({PREFECT_API_URL: "https://host/api"}),
        pytest.raises(ConfigurationError, match=reason) as refused,
    ):
        server.require(Refusing())
    assert ("PREFECT_API_AUTH_STRING" in str(refused.value)) == (code == 401)
