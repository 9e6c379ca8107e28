"""Deployments: the file, what `tuner deploy` makes, what the form refuses, what a run shows."""

import importlib
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

from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError
from tasks import gpu, helpers
from tasks.location import enter_code
from tuner import deployment_file, server
from tuner.commands import serve
from tuner.main import app

ROOT = Path(__file__).parents[2]
FILE = deployment_file.read()
SCHEDULED = "generation-scheduled/sandbox-smoke"

pytestmark = pytest.mark.prefect


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as opened:
        yield opened


def test_the_committed_file_is_what_the_presets_give():
    text = deployment_file.FILE.read_text(encoding="utf-8")
    assert text == deployment_file.render(), "run `tuner deploy --write`"


def test_every_flow_is_deployed_with_every_preset_in_full():
    found = {(deployment_file.flow_name(one), one["name"]) for one in FILE["deployments"]}
    stages = {"items", "generation", "filtering", "preference", "training", "evaluation", "report"}
    flows = stages | {"study", "generation-scheduled"}
    of_presets = {(flow, preset) for flow in flows for preset in presets.names()}
    assert found == of_presets | {tuple(helpers.DEPLOYMENT.split("/"))}
    for one in (one for one in FILE["deployments"] if "parameters" in one):
        settings = presets.load(one["name"])
        assert StudyConfig.model_validate(one["parameters"]["config"]) == settings
        assert one["parameters"]["config"] == settings.model_dump(mode="json")


@pytest.mark.parametrize("entrypoint", sorted({one["entrypoint"] for one in FILE["deployments"]}))
def test_entrypoints_name_flows_whose_every_parameter_has_a_help_text(entrypoint):
    path, _, function = entrypoint.partition(":")
    assert (ROOT / path).is_file()
    flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), function)
    assert flow.name == deployment_file.flow_name({"entrypoint": entrypoint})
    fields = parameter_schema(flow).properties
    assert [name for name, one in fields.items() if not one.get("description")] == []


def test_the_form_has_a_text_for_every_field_and_a_name_for_every_method():
    from flows.study import study

    form = parameter_schema(study).model_dump_for_openapi()
    groups = form["definitions"]
    without = [
        (name, field)
        for name, group in groups.items()
        for field, one in group["properties"].items()
        if not (one.get("description") or "$ref" in one or "allOf" in one)
    ]
    assert without == []
    arms = groups["TrainingConfig"]["properties"]["arms"]["items"]
    titles = {
        method: groups[reference.rpartition("/")[2]]["title"]
        for method, reference in arms["discriminator"]["mapping"].items()
    }
    assert titles.items() >= {"lora": "lora", "prompt_tuning": "prompt tuning"}.items()
    assert len(set(titles.values())) == len(titles) >= 13
    engine = groups["GenerationConfig"]["properties"]["engine"]
    assert engine["enum"] == ["transformers", "vllm", "completions"]
    assert groups["GenerationConfig"]["properties"]["chunk_size"]["minimum"] == 1


def test_due_runs_do_not_stack_and_what_the_ui_paused_stays_paused():
    (one,) = [
        one
        for one in FILE["deployments"]
        if (deployment_file.flow_name(one), one["name"]) == tuple(SCHEDULED.split("/"))
    ]
    assert one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert [schedule["slug"] for schedule in one["schedules"]] == ["hourly"]
    assert "active" not in one["schedules"][0]


def test_code_is_found_wherever_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert enter_code() == {"directory": str(ROOT)}
    assert Path.cwd() == ROOT


def test_what_a_server_needs_is_made_once_and_later_choices_are_kept(client):
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    for _ in range(2):
        server.make_pool(client)
        server.make_gpu_limit(client)
        server.make_automation(client, server.dead_run_automation())
        limit = client.read_global_concurrency_limit_by_name(gpu.LIMIT)
        client.update_global_concurrency_limit(gpu.LIMIT, GlobalConcurrencyLimitUpdate(limit=3))
    assert (limit.limit, client.read_global_concurrency_limit_by_name(gpu.LIMIT).limit) == (3, 3)
    assert client.read_work_pool("tuner").type == "process"
    (automation,) = client.read_automations_by_name("tuner: runs of dead machines are Crashed")
    assert automation.trigger.posture == Posture.Proactive
    assert automation.trigger.within.total_seconds() == 240  # eight heartbeats of 30 s
    assert automation.actions[0].state.value == "CRASHED"


def test_an_automation_that_is_as_it_should_be_is_left_alone(client, monkeypatch):
    updated = []
    wanted = [server.dead_run_automation(), server.notification_automation(uuid4())]
    for one in wanted:
        server.make_automation(client, one)
    monkeypatch.setattr(client, "update_automation", lambda _, one: updated.append(one.name))
    for one in wanted:
        server.make_automation(client, one.model_copy(deep=True))
    assert updated == []
    wanted[0].trigger.within += timedelta(seconds=1)
    server.make_automation(client, wanted[0])
    assert updated == [wanted[0].name]


def test_deploying_again_keeps_what_the_ui_switched_on_and_removes_what_left_the_file(
    client, tmp_path
):
    def deploy(schedules):
        one = next(one for one in FILE["deployments"] if "schedules" in one)
        other = FILE["deployments"][0] | {"name": "again"}  # Prefect takes a single one unasked
        deployments = [other, one | {"name": "again", "schedules": schedules}]
        file = tmp_path / "prefect.yaml"
        file.write_text(yaml.safe_dump(FILE | {"deployments": deployments}))
        result = CliRunner().invoke(app, ["deploy", "again", "--file", str(file)])
        assert result.exit_code == 0, result.output
        return client.read_deployment_by_name("generation-scheduled/again")

    hourly = {"slug": "hourly", "cron": "0 * * * *", "timezone": "UTC"}
    nightly = {"slug": "nightly", "cron": "0 2 * * *", "timezone": "UTC"}
    paused = {"slug": "paused", "cron": "0 3 * * *", "timezone": "UTC"}
    first = deploy([hourly, nightly, paused])
    assert {(one.slug, one.active) for one in first.schedules} == {
        ("hourly", False),
        ("nightly", False),
        ("paused", False),
    }
    (switched,) = [one for one in first.schedules if one.slug == "hourly"]
    client.update_deployment_schedule(first.id, switched.id, active=True)
    second = deploy([hourly, paused])
    assert {(one.slug, one.active) for one in second.schedules} == {
        ("hourly", True),
        ("paused", False),
    }
    assert switched.id in {one.id for one in second.schedules}
    assert str(second.concurrency_options.collision_strategy.value) == "CANCEL_NEW"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("draws", 0, "less than the minimum of 1"),
        ("engine", "tpu", "not one of"),
        ("chunksize", 5, "chunksize"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason_before_a_run_exists(client, field, value, reason):
    from httpx import HTTPStatusError

    from flows.generation import generation

    identity = client.create_deployment(
        flow_id=client.create_flow(generation),
        name="strict",
        enforce_parameter_schema=True,
        parameter_openapi_schema=parameter_schema(generation).model_dump_for_openapi(),
    )
    config = presets.load("sandbox-smoke").model_dump(mode="json")
    config["generation"][field] = value
    with pytest.raises(HTTPStatusError) as refused:
        client.create_flow_run_from_deployment(identity, parameters={"config": config})
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


def test_a_study_outside_the_file_is_refused():
    result = CliRunner().invoke(app, ["deploy", "nosuch"])
    assert isinstance(result.exception, ConfigurationError)
    assert "sandbox-smoke" in str(result.exception)


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
    made = serve.deployments(presets.load("sandbox-smoke"), schedule=False)
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
