"""`tuner push` through huggingface_hub's own client against a stand-in for the Hub on loopback."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
from typer.testing import CliRunner

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.workspace import open_study, remember
from tuner.main import app


class Hub(BaseHTTPRequestHandler):
    """The calls that publishing a folder takes: create, preupload, commit."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.calls.append((self.path, self.headers.get("Authorization"), body))
        here = f"http://127.0.0.1:{self.server.server_port}/datasets/me/rows"
        if self.path.endswith("/preupload/main"):
            names = [one["path"] for one in json.loads(body)["files"]]
            answer = {
                "files": [
                    {"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names
                ]
            }
        elif self.path == "/api/repos/create":
            answer = {"url": here, "id": "me/rows"}
        elif self.path.endswith("/commit/main"):
            answer = {"success": True, "commitUrl": f"{here}/commit/abc", "commitOid": "abc"}
        else:
            answer = {"errors": [], "warnings": []}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch):
    """A Hub that huggingface_hub's client talks to, with a token at hand."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.calls = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = huggingface_hub.HfApi
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: real(endpoint=endpoint, token="hf_x"))
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_x")
    yield server.calls
    server.shutdown()
    server.server_close()


@pytest.fixture
def study(tmp_path):
    config = StudyConfig.model_validate({"name": "tiny", "filtering": {"decontaminate": True}})
    made = open_study(config, tmp_path / "workspace")
    remember(made)
    return made


def commit(study: Study, artifact) -> None:
    with study.store.writing(artifact) as folder:
        (folder / "README.md").write_text("---\nlicense: llama3.1\n---\n# Rows\n")
        (folder / "train.json").write_text('[{"instruction": "Hi", "output": "Hello"}]\n')
        study.store.commit(artifact, {"measures": {}}, 0.0)


def push(study, *arguments):
    return CliRunner().invoke(app, ["push", *arguments, "--workspace", str(study.root)])


def test_a_data_set_is_sent_as_one_commit_to_a_private_repository(study, hub):
    commit(study, study.filtered)
    done = push(study, "filtered", "me/rows")
    assert (done.exit_code, done.output.strip()) == (0, "me/rows")
    assert {token for _, token, _ in hub} == {"Bearer hf_x"}
    created = json.loads(hub[0][2])
    assert (created["name"], created["type"], created["visibility"]) == (
        "rows",
        "dataset",
        "private",
    )
    [body] = [body for path, _, body in hub if path == "/api/datasets/me/rows/commit/main"]
    lines = [json.loads(line) for line in body.splitlines()]
    sent = {
        one["value"]["path"]: base64.b64decode(one["value"]["content"])
        for one in lines
        if one["key"] == "file"
    }
    folder = study.store.folder(study.filtered)
    assert set(sent) == {"README.md", "train.json"}
    assert all(sent[name] == (folder / name).read_bytes() for name in sent)


@pytest.mark.parametrize("name", ["filtered", "raw"])
def test_a_provisional_data_set_is_not_published(study, hub, name):
    commit(study, study.provisional)
    done = push(study, name, "me/rows")
    assert done.exit_code != 0
    assert f"the {name} rows are provisional: they were not compared" in str(done.exception)
    assert hub == []


def test_what_is_not_there_is_not_published(study, hub):
    done = push(study, "filtered", "me/rows")
    assert "is missing or was damaged; run the filtering stage first" in str(done.exception)
    assert hub == []


def test_without_a_token_nothing_is_sent(study, hub, monkeypatch):
    commit(study, study.filtered)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    done = push(study, "filtered", "me/rows")
    assert "no Hugging Face token" in str(done.exception)
    assert hub == []


def test_an_arm_is_sent_with_its_card_to_a_model_repository(tmp_path, hub):
    config = StudyConfig.model_validate(
        {"name": "tiny", "training": {"arms": [{"name": "sft", "method": "lora"}]}}
    )
    made = open_study(config, tmp_path / "arms")
    remember(made)
    artifact = made.trained(made.subject("sft"))
    with made.store.writing(artifact) as folder:
        (folder / "final").mkdir()
        (folder / "final" / "README.md").write_text("---\nbase_model: a/b\n---\n# sft\n")
        (folder / "final" / "adapter_config.json").write_text("{}")
        (folder / "run.json").write_text("{}")
        made.store.commit(artifact, {}, 0.0)
    done = push(made, "sft", "me/rows")
    assert (done.exit_code, done.output.strip()) == (0, "me/rows")
    assert json.loads(hub[0][2]).get("type", "model") == "model"
    [body] = [body for path, _, body in hub if path == "/api/models/me/rows/commit/main"]
    lines = [json.loads(line) for line in body.splitlines()]
    sent = {one["value"]["path"] for one in lines if one["key"] == "file"}
    assert sent == {"README.md", "adapter_config.json"}
    refused = push(made, "sftt", "me/rows")
    assert "cannot publish 'sftt'; this study has: filtered, preference, raw, sft" in str(
        refused.exception
    )
