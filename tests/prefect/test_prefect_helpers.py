"""Taking turns: what is free is made, what straggles is made again, who has no leader leaves."""

import json
import os
import time
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import StateType

from blocks import HubCredentials
from synthetic_instruction_tuner.config import SessionConfig, presets
from synthetic_instruction_tuner.errors import ConfigurationError, StageError, WorkspaceError
from synthetic_instruction_tuner.storage.claims import SECONDS
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.session import Session
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, claim_file, lease, open_study
from tasks import helpers, pieces, rays, spread, step
from tasks.step import working

CONFIG = presets.load("sandbox-smoke", ["runner.kind=workers", "runner.parallel=3"])

pytestmark = pytest.mark.prefect


@pytest.fixture
def study(tmp_path, monkeypatch):
    opened = open_study(CONFIG, tmp_path / "study")
    monkeypatch.setitem(step._sessions, opened.root, Session(CONFIG.session))
    return opened


@pytest.fixture
def wanted(study):
    return [pieces.samples(study, first, first + 19) for first in (0, 20, 40)]


@pytest.fixture
def made(monkeypatch):
    """The pieces that this process makes, each at once."""
    found = []

    def call(task, study, artifact, *arguments):
        with study.store.writing(artifact) as folder:
            (folder / "samples.jsonl").write_text("")
        study.store.commit(artifact, {}, 0.0)
        found.append(arguments)

    monkeypatch.setattr(helpers, "call", call)
    monkeypatch.setattr(helpers, "POLL_SECONDS", 0.01)
    return found


@pytest.fixture
def runs(monkeypatch):
    """The runs of helpers that were started, by their number, as the server would show them."""
    found = []

    def run_deployment(name, parameters, flow_run_name, timeout):
        run = SimpleNamespace(id=uuid4(), state_type=StateType.RUNNING, parameters=parameters)
        found.append(run)
        return run

    monkeypatch.setattr(helpers, "run_deployment", run_deployment)
    monkeypatch.setattr(
        helpers.Helpers, "_read", lambda self: [one for one in found if one.id in self._runs]
    )
    return found


def claimed_elsewhere(study, piece, since):
    content = {"token": "other", "pid": 1, "host": "elsewhere", "machine": "elsewhere/1"}
    write_json(
        claim_file(study.root, piece.claim),
        content | {"since": since, "until": time.time() + SECONDS},
    )


def test_a_helper_makes_what_is_free_and_leaves_the_rest_to_its_holder(study, wanted, made):
    claimed_elsewhere(study, wanted[0], time.time())
    with lease(study.root) as leader:
        assert helpers.help_out(study, wanted, leader) == 2
    assert made == [(20, 39), (40, 59)]


def test_a_helper_without_its_leader_makes_nothing(study, wanted, made):
    assert helpers.help_out(study, wanted, "left") == 0
    with lease(study.root):
        assert helpers.help_out(study, wanted, "an earlier one") == 0
    assert made == []


def test_a_leader_makes_what_a_straggler_holds_once_it_takes_too_long(
    study, wanted, made, runs, monkeypatch, caplog
):
    claimed_elsewhere(study, wanted[1], time.time() - 61)
    monkeypatch.setattr(helpers, "STRAGGLER_SECONDS", 60.0)
    helpers.lead(study, wanted)
    assert made == [(0, 19), (40, 59), (20, 39)]
    assert "process 1 on elsewhere is at draws-0000020-0000039" in caplog.text


def test_an_arm_is_never_raced(study, made):
    arm = pieces.arm(study, "sft")
    claimed_elsewhere(study, arm, 0.0)
    assert helpers._take_turn(study, [arm], longest=1.0) is None
    assert made == []


def test_helpers_are_as_many_as_can_be_of_use_and_crashed_ones_are_replaced(study, wanted, runs):
    team = helpers.Helpers(study, "leader", 2)
    team.look_after(wanted)
    assert len(runs) == 2
    team.look_after(wanted)  # looks again only after a while
    runs[0].state_type = StateType.CRASHED
    team._next = 0.0
    team.look_after(wanted)
    assert len(runs) == 3
    assert [one["arguments"] for one in runs[2].parameters["pieces"]] == [
        [0, 19],
        [20, 39],
        [40, 59],
    ]
    for one in runs:
        one.state_type = StateType.CRASHED
    for _ in range(9):  # where every run dies, trying ends
        team._next = 0.0
        team.look_after(wanted)
        for one in runs:
            one.state_type = StateType.CRASHED
    assert len(runs) == 6


def test_helpers_log_in_with_the_block_of_their_leader_and_no_token_leaves_it(
    study, wanted, runs, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "")  # restored afterwards
    monkeypatch.setattr(step, "_credentials", {})
    block = HubCredentials(token="hf_secret")
    block._block_document_id = uuid4()
    with working(CONFIG, str(study.root), block):
        helpers.Helpers(study, "leader", 1).look_after(wanted)
    parameters = runs[0].parameters
    assert parameters["credentials"] == {
        "$ref": {"block_document_id": str(block._block_document_id)}
    }
    assert "hf_secret" not in json.dumps(parameters)


def test_a_leader_works_on_while_the_server_is_away(study, wanted, made, monkeypatch, caplog):
    def away(*_, **__):
        raise httpx.ConnectError("away")

    monkeypatch.setattr(helpers, "run_deployment", away)
    helpers.lead(study, wanted)
    assert len(made) == 3
    assert "helpers could not be looked after: away" in caplog.text


def test_what_helpers_draw_counts_for_the_session_of_their_leader(study, wanted, made, runs):
    step._sessions[study.root] = Session(SessionConfig(samples=40))
    helpers.lead(study, wanted)
    assert made == [(0, 19), (20, 39)]


def test_a_machine_that_does_not_see_the_workspace_is_named(study, monkeypatch, tmp_path):
    monkeypatch.setattr(helpers, "FIND_SECONDS", 0.0)
    monkeypatch.setenv("TUNER_WORKSPACES", str(tmp_path / "other"))
    with pytest.raises(WorkspaceError, match="helpers need the same folder"):
        helpers.join(CONFIG, "/nowhere/study", "leader", [])


def test_a_workspace_may_be_mounted_elsewhere(study, monkeypatch, tmp_path, wanted):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / CONFIG.name).symlink_to(study.root)
    monkeypatch.setenv("TUNER_WORKSPACES", str(mounted))
    with lease(study.root) as leader:
        joined, found = helpers.join(CONFIG, "/nowhere", leader, pieces.name_pieces(wanted))
    assert joined.root == study.root
    assert [one.arguments for one in found] == [(0, 19), (20, 39), (40, 59)]


def test_a_machine_that_would_make_other_data_is_refused(study, wanted):
    named = [one | {"claim": "another identity"} for one in pieces.name_pieces(wanted)]
    with lease(study.root) as leader, pytest.raises(ConfigurationError, match="another version"):
        helpers.join(CONFIG, str(study.root), leader, named)


def test_pieces_travel_as_json_and_arms_wait_for_those_they_start_from(study):
    anywhere, alone = pieces.all_results(study)
    arms = pieces.arms_by_turn(study)
    assert [[one.arguments for one in turn] for turn in arms] == [
        [("sft",), ("prompt_tuning",)],
        [("dpo",)],
    ]
    assert {one.arguments[1] for one in alone} == {"speed"}
    for piece in [*anywhere, *arms[0]]:
        assert pieces.resolve(study, pieces.name_pieces([piece])) == [piece]


@pytest.mark.parametrize(
    ("kind", "stages", "expected"),
    [
        ("local", ["generation"], "here"),
        ("workers", ["generation"], "workers"),
        ("ray", ["generation"], "ray"),
        ("workers", ["preference"], "here"),
    ],
)
def test_the_runner_of_the_study_says_where_its_pieces_are_made(
    tmp_path, monkeypatch, kind, stages, expected
):
    went = []
    for name, where in (("local", "here"), ("workers", "workers"), ("ray", "ray")):
        monkeypatch.setitem(spread._RUNNERS, name, lambda *_, where=where: went.append(where))
    monkeypatch.setattr(spread, "make_here", lambda *_: went.append("here"))
    overrides = [f"runner.kind={kind}", f"runner.stages={stages}"]
    study = Study(presets.load("sandbox-smoke", overrides), tmp_path)
    spread.make(study, [pieces.samples(study, 0, 9), pieces.samples(study, 10, 19)])
    assert went == [expected]


@pytest.mark.usefixtures("prefect_server")
def test_where_no_helper_can_be_started_the_study_does_not_begin(study, monkeypatch):
    monkeypatch.setattr(helpers, "DEPLOYMENT", "helper/nosuch")
    with pytest.raises(ConfigurationError, match="run `tuner deploy`"):
        spread.require_runner(study)


def test_ray_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(rays.importlib.util, "find_spec", lambda name: None)
    study = Study(presets.load("sandbox-smoke", ["runner.kind=ray"]), tmp_path)
    with pytest.raises(ConfigurationError, match="needs prefect-ray"):
        spread.require_runner(study)
    with pytest.raises(StageError, match="did not make draws/"):
        rays._check(study, pieces.samples(study, 0, 9))


def test_a_piece_in_the_hands_of_a_dead_process_is_made_by_the_next(study, wanted, made):
    child = os.fork()
    if child == 0:
        held = helpers.try_claim(study.root, wanted[0].claim)
        os._exit(held is None)
    os.waitpid(child, 0)
    assert claim_file(study.root, wanted[0].claim).exists()
    with lease(study.root) as leader:
        assert helpers.help_out(study, wanted, leader) == 3
    assert not (study.root / LEASE_FILE).exists()
