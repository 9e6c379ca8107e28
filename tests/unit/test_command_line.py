"""Wrong requests: one line that names the field, exit code 2, nothing changed."""

import json
import sys

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.study.workspace import open_study
from tuner import start
from tuner.main import main, prepare_environment


@pytest.fixture
def tuner(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tuner", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nope"), "unknown study 'nope'; presets: a100"),
        (("run", "sandbox", "--set", "generation.drawz=1"), "generation.drawz: no such field"),
        (("run", "sandbox", "--set", "generation.draws=-1"), "(got -1)"),
        (("run", "sandbox", "--set", "generation.batch_size=0"), "generation.batch_size"),
        (("run", "sandbox", "--set", "generation.source=rows.json"), "'rows.json' does not exist"),
        (
            ("run", "sandbox", "--set", "evaluation.data_dir=nowhere"),
            "evaluation.data_dir='nowhere' is not a folder",
        ),
        (
            ("run", "sandbox", "--set", "training.student.name=./nowhere"),
            "model folder './nowhere' does not exist",
        ),
        (
            ("run", "sandbox", "--set", "generation.teacher.name=sandbox:taecher"),
            "unknown embedded model 'sandbox:taecher'; allowed: sandbox:teacher",
        ),
        (("status",), "name the study with --workspace"),
        (("status", "--workspace", "nowhere"), "holds no study"),
        (("report", "--workspace", "nowhere"), "holds no study"),
        (("status", "--workspace", "~nobody-at-all"), "cannot be found"),
        (("view", "--host", "my.machine"), "--host 'my.machine' is no IP address"),
        (("run", "\x1b[2Jnope"), "unknown study '\\x1b[2Jnope'"),
    ],
)
def test_a_wrong_request_is_one_line_and_changes_nothing(tuner, tmp_path, arguments, message):
    code, out, error = tuner(*arguments)
    assert code == 2
    assert message in error
    assert error.startswith("tuner: ")
    assert error.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_stage_lists_the_stages(tuner):
    code, _, error = tuner("run", "sandbox", "--until", "nothing")
    assert code == 2
    assert "'generation'" in error


def test_a_workspace_of_another_study_is_refused(tuner, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "study.json").write_text(json.dumps({"name": "mine", "config": {}}))
    code, _, error = tuner("run", "sandbox", "--workspace", "w")
    assert code == 2
    assert "belongs to study 'mine', not 'sandbox'" in error
    assert [one.name for one in (tmp_path / "w").iterdir()] == ["study.json"]


def test_a_workspace_that_cannot_be_written_is_refused(tuner, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, error = tuner("run", "sandbox", "--workspace", "file/below")
    assert code == 2
    assert "cannot make workspace" in error


def test_status_of_a_fresh_study_says_what_a_run_would_do(tuner, tmp_path):
    (tmp_path / "w").mkdir()
    settings = {"name": "mine", "generation": {"draws": 10, "max_draws": 10}}
    settings["filtering"] = {"target": 5}
    (tmp_path / "w" / "study.json").write_text(json.dumps({"name": "mine", "config": settings}))
    code, out, _ = tuner("status", "--workspace", "w", "--json")
    assert code == 0
    stages = {one["stage"]: one for one in json.loads(out)["stages"]}
    assert stages["generation"]["state"] == "missing"
    assert stages["generation"]["rerun"] == "draw 10 samples"


def test_studies_as_json_holds_every_setting(tuner):
    code, out, _ = tuner("studies", "--json")
    assert code == 0
    assert json.loads(out)["colab-t4"]["generation"]["draws"] == 1500


def test_what_the_user_has_set_stays():
    environment = {"OMP_NUM_THREADS": "4"}
    prepare_environment(environment)
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_a_link_to_itself_is_no_workspace(tuner, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    code, _, error = tuner("status", "--workspace", tmp_path / "loop")
    assert code == 2
    assert "tuner: workspace" in error
    assert "loop" in error


def test_the_name_of_a_workspace_is_shown_as_it_is(tuner, tmp_path):
    """Square brackets are markup to the library that prints."""
    root = tmp_path / "Studie ü [alt]"
    open_study(presets.load("sandbox-smoke"), root)
    code, out, _ = tuner("status", "--workspace", root)
    assert code == 0
    assert str(root) in out


def test_an_error_does_not_drive_the_terminal(tuner):
    code, _, error = tuner("run", "sandbox", "--set", "generation.\x1b[2Jx=1")
    assert code == 2
    assert "generation.\ufffd[2Jx: no such field" in error
    assert "\x1b" not in error


def test_ctrl_c_while_the_command_line_is_imported_is_one_line(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, *_):
            if name == "tuner.main":
                raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["tuner", "run"])
    monkeypatch.delitem(sys.modules, "tuner.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "tuner: stopped; the same command goes on from here\n"
