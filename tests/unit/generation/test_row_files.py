"""Rows of one's own in every usual file: read alike, wrong lines named with their numbers."""

import gzip
import json

import pytest

from synthetic_instruction_tuner.config import ColumnsConfig, StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation import row_files
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.row_files import Unreadable
from synthetic_instruction_tuner.generation.rows import BadRow, read_row
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.generation.store import read_samples
from synthetic_instruction_tuner.inspection.rows import look
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.graph import Study

ROWS = [{"question": "Line one\nline two, with comma", "answer": 'a "quoted" tab\t'}] * 3
CSV = '"question","answer"\r\n' + ('"Line one\nline two, with comma","a ""quoted"" tab\t"\r\n' * 3)
FILES = {
    "rows.json": json.dumps(ROWS),
    "data.json": json.dumps({"data": ROWS, "version": 2}),
    "rows.jsonl": "".join(json.dumps(one) + "\n" for one in ROWS),
    "rows.ndjson": "".join(json.dumps(one) + "\n" for one in ROWS),
    "rows.csv": CSV,
    "excel.csv": "\ufeff" + CSV.replace('","', '";"'),
    "rows.tsv": CSV.replace('","', '"\t"'),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_holds_the_same_rows(tmp_path, name, packed):
    content = FILES[name].encode()
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(read_rows(path)) == ROWS


def test_lines_of_a_table_that_do_not_fit_its_columns_keep_their_numbers(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('question,answer\nWhy?,So.\nWhy, not?,So.\n\n"open" x,y\nWho?,You.\n')
    found = look(str(path), ColumnsConfig(), Silent())
    assert (found.read, found.usable) == (4, 2)
    assert [(one.row["number"], one.rule) for one in found.refused] == [(2, "csv"), (3, "csv")]
    assert "3 cells where the first line names 2 columns" in str(found.refused[0].value)
    assert [one.instruction for one in found.samples] == ["Why?", "Who?"]
    assert found.shapes == {"question -> answer": 2}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", b"a,a\n1,2\n", "must name the columns, each once"),
        ("rows.csv", b"", "must name the columns"),
        ("rows.csv", "question,answer\nf\xfcr,x\n".encode("latin-1"), "is not UTF-8"),
        ("rows.csv.gz", b"no gzip", "is no whole gzip file"),
        (
            "rows.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-20],
            "is no whole gzip file",
        ),
        ("rows.json", b'{"rows": []}', 'a list of rows, or one under "data", got dict'),
        ("rows.xlsx", b"", "allowed are .json, .jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        list(read_rows(tmp_path / name))


def test_a_line_without_end_is_a_refused_row(tmp_path, monkeypatch):
    monkeypatch.setattr(row_files, "LONGEST_LINE", 100)
    path = tmp_path / "rows.jsonl"
    path.write_text(f'"{"x" * 950}"\n{json.dumps({"a": 1})}\n')
    long, short = read_rows(path)
    assert isinstance(long, Unreadable)
    assert long.rule == "size"
    assert short == {"a": 1}


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"question": "Q", "answer": "A"}, "Q"),
        ({"Question ": "Q", "ANSWER": "A"}, "Q"),
        ({"prompt": "Q", "response": "A"}, "Q"),
        ({"query": "Q", "response": "A"}, "Q"),
        ({"input": "Q", "output": "A"}, "Q"),
        ({"instruction": "Q", "input": "C", "output": "A"}, "Q\n\nC"),
        ({"messages": '[{"role": "user", "content": "Q"}, {"from": "gpt", "value": "A"}]'}, "Q"),
    ],
)
def test_usual_names_are_recognised(row, asked):
    system, messages = read_row(row)
    assert system == ""
    assert [one["content"] for one in messages] == [asked, "A"]


def test_other_names_are_named_in_the_settings():
    row = {"Frage": "Q", "Antwort": "A", "Kontext": "C", "Rolle": "S", "Thema": "T"}
    columns = ColumnsConfig(
        instruction="Frage", response="Antwort", input="Kontext", system="Rolle"
    )
    assert read_row(row, columns) == (
        "S",
        [{"role": "user", "content": "Q\n\nC"}, {"role": "assistant", "content": "A"}],
    )
    half = ColumnsConfig(instruction="Frage")
    assert read_row({"Frage": "Q", "answer": "A"}, half)[1][1]["content"] == "A"
    with pytest.raises(BadRow, match="expected the columns Frage"):
        read_row({"question": "Q", "answer": "A"}, half)


def test_columns_are_part_of_what_the_samples_are(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\nQ,A,coding\n")
    columns = {"instruction": "a", "response": "b", "domain": "c"}
    values = {"generation": {"source": str(path), "columns": columns}}
    study = Study(StudyConfig.model_validate(values), tmp_path / "workspace")
    import_rows(study, Silent())
    ((sample,),) = [read_samples(study)]
    assert (sample.instruction, sample.response, sample.domain) == ("Q", "A", "coding")
    values["generation"]["columns"] = columns | {"response": "a"}
    assert (
        Study(StudyConfig.model_validate(values), tmp_path).draws.identity != study.draws.identity
    )


def test_the_hub_is_named_whole_and_offline_is_said(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="hf:owner/name@revision#split"):
        list(read_rows("hf:nobody"))
    source = {"generation": {"source": "hf:owner/name/part@v1#test"}}
    config = StudyConfig.model_validate(source)
    assert config.generation.source == "hf:owner/name/part@v1#test"
    with pytest.raises(ValueError, match="is written hf:owner/name"):
        StudyConfig.model_validate({"generation": {"source": "hf:owner"}})
