"""The viewer's pages, and the same in a real browser: what a workspace holds stays text."""

import threading
import time
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient
from support import measured_study, prefect_form

from synthetic_instruction_tuner import open_study
from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.study.workspace import remember
from tuner.commands.view import LOCAL
from tuner.viewer.app import Viewer
from tuner.viewer.shown import PAGE, Tables


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = measured_study.build(tmp_path_factory.mktemp("viewed"))
    remember(made)
    compare(made)
    return made


@pytest.fixture(scope="module")
def app(study):
    def answer(model, turns, temperature):
        return f"{model} at {temperature}: {turns[-1]['content']} <img src=x onerror=alert(1)>"

    return Viewer(open_study(study.root), answer).app(LOCAL)


@pytest.fixture(scope="module")
def client(app):
    return TestClient(app, base_url="http://127.0.0.1:8765")


def test_rejected_rows_stand_beside_the_rule_they_broke(client):
    page = client.get("/rows", params={"rule": "length"}).text
    assert "12 rows" in page  # `measured_study.RULES`
    assert page.count("<b>length</b>: ") == 12
    assert "near_duplicate (31)" in page
    assert f"page 1 of {-(-101 // PAGE)}" in client.get("/rows?state=kept").text
    assert "5 rows" in client.get("/rows?state=rejected&words=planted").text


def test_items_show_every_model_and_can_be_cut_to_those_that_differ(client):
    page = client.get("/items", params={"benchmark": "arc_easy", "differing": "on"}).text
    values = {
        name: [one.scores["acc"] for one in measured_study.score_items(name, "arc_easy", 200)]
        for name in ("base", "sft", "prompt_tuning", "prompt_tuning_tuned", "dpo")
    }
    differing = sum(len(set(row)) > 1 for row in zip(*values.values(), strict=True))
    assert f"{differing} rows" in page
    assert all(f"<th>{name}</th>" in page for name in values)


def test_nothing_that_models_wrote_is_markup(client):
    planted = next(
        one for one in measured_study.score_items("sft", "verifiable", 40)
        if one.detail.get("response") == measured_study.PLANTED
    )  # fmt: skip
    page = client.get("/item", params={"benchmark": "verifiable", "item": planted.id})
    assert "&lt;script&gt;alert(&#39;planted&#39;)" in page.text
    assert "<script>alert" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    rows = client.get("/rows", params={"words": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in rows


def test_the_arena_sets_answers_side_by_side_and_obeys_no_other_page(client):
    form = {"question": "2+2?", "model": ["base", "sft", "nobody"], "temperature": "0.5"}
    page = client.post("/arena", data=form, headers={"origin": "http://127.0.0.1:8765"}).text
    assert "base at 0.5: 2+2? &lt;img" in page
    assert "sft at 0.5: 2+2?" in page
    assert "nobody at" not in page
    assert client.post("/arena", data=form, headers={"origin": "http://evil"}).status_code == 403
    assert client.get("/", headers={"host": "evil"}).status_code == 400


def test_what_is_not_there_yet_is_said_on_the_page(tmp_path):
    made = measured_study.build(tmp_path, skip=["filtered"])
    remember(made)
    fresh = TestClient(
        Viewer(open_study(tmp_path), lambda *_: "").app(LOCAL), base_url="http://127.0.0.1"
    )
    for path in ("/", "/rows", "/pairs"):
        answer = fresh.get(path)
        assert (answer.status_code, "run the" in answer.text) == (404, True)
    assert "curves" in fresh.get("/curves").text


def test_tables_are_read_once_in_half_a_minute(study, monkeypatch):
    reads, now = [], [0.0]
    results = open_study(study.root)
    monkeypatch.setattr(results, "kept", lambda: reads.append(1) or "table")
    tables = Tables(results, clock=lambda: now[0])
    for seconds, expected in ((0, 1), (29, 1), (31, 2)):
        now[0] = seconds
        assert tables.read("kept") == "table"
        assert len(reads) == expected


@pytest.mark.browser
@pytest.mark.skipif(
    not Path(prefect_form.CHROMIUM).exists(), reason=f"no browser at {prefect_form.CHROMIUM}"
)
def test_a_browser_draws_the_figures_and_runs_nothing_that_was_planted(app, study):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        thread.join(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with prefect_form.browser_page() as page:
            said = []
            page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
            page.on("console", lambda line: line.type == "error" and said.append(line.text))
            page.goto(f"http://127.0.0.1:{port}/curves")
            figures = len(open_study(study.root).figures) + 1
            for number in range(figures):
                drawn = page.locator("[data-figure]").nth(number).locator(".main-svg")
                drawn.first.wait_for()
            page.goto(f"http://127.0.0.1:{port}/items?benchmark=verifiable")
            page.locator("td a").first.click()
            page.get_by_text("alert('planted')").first.wait_for()
            page.goto(f"http://127.0.0.1:{port}/arena")
            page.get_by_label("question").fill("Who are you?")
            page.get_by_role("button", name="Ask").click()
            page.get_by_text("base at 0.0: Who are you?").wait_for()
            assert said == []
    finally:
        server.should_exit = True
        thread.join(30)
