"""`tuner init`: what it writes is a valid study, with words, for every method."""

import sys

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.study.graph import Study
from tuner.main import main


@pytest.fixture
def init(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tuner", "init", *arguments])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("method", sorted(all_methods()))
def test_a_study_of_every_method_is_valid_as_written(init, tmp_path, method):
    assert init("mine.yaml", "--method", "lora", "--method", method)[0] == 0
    config = presets.load("mine.yaml")
    assert [arm.method for arm in config.training.arms] == list(dict.fromkeys(["lora", method]))
    study = Study(config, tmp_path / "workspace")
    assert all(one.identity for one in study.artifacts())
    assert config.name == "mine"


def test_a_study_of_ones_own_rows(init, tmp_path):
    (tmp_path / "faq.csv").write_text("Frage,Antwort\nWas?,Das.\n", "utf-8")
    code, error = init("mine.yaml", "--data", "faq.csv")
    assert code == 2
    assert "none of its first 1 rows is usable; row 1: shape: Frage, Antwort" in error
    assert not (tmp_path / "mine.yaml").exists()
    columns = ("--column", "instruction=Frage", "--column", "response=Antwort")
    assert init("mine.yaml", "--data", "faq.csv", *columns, "--benchmark", "hellaswag")[0] == 0
    config = presets.load("mine.yaml")
    assert config.generation.source == "faq.csv"
    assert config.generation.columns.response == "Antwort"
    assert [one.name for one in config.evaluation.benchmarks] == ["hellaswag"]


def test_a_study_for_models_of_the_hub(init):
    assert init("real.yaml", "--student", "org/base-1b", "--teacher", "org/chat-8b")[0] == 0
    config = presets.load("real.yaml")
    assert (config.training.student.name, config.generation.teacher.name) == (
        "org/base-1b",
        "org/chat-8b",
    )
    assert config.training.arms[0].learning_rate == 2e-4
    assert config.evaluation.data_dir is None


def test_each_line_says_what_it_is_and_editors_find_the_schema(init, tmp_path):
    init("mine.yaml")
    text = (tmp_path / "mine.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=study.schema.json\n")
    assert (tmp_path / "study.schema.json").read_bytes() == (
        presets.FOLDER / "study.schema.json"
    ).read_bytes()
    assert "  target: 40  # Rows required after filtering (>= 1)\n" in text
    assert max(map(len, text.splitlines())) <= 120
    code, error = init("mine.yaml")
    assert (code, "is there already; --force writes over it" in error) == (2, True)
    assert init("mine.yaml", "--force")[0] == 0


def test_a_wrong_wish_is_one_line(init):
    assert "did you mean lora or rslora" in init("x.yaml", "--method", "lorra")[1]
    assert "a study file ends in .yaml" in init("x.txt")[1]
    assert "write it as what=field" in init("x.yaml", "--column", "a")[1]
