import json

import pytest

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.store import read_samples
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Rejection, read_lines
from synthetic_instruction_tuner.study.graph import Study

GOOD = {"instruction": "Hi", "output": "Hello"}


def study_of(tmp_path, source):
    values = {"generation": {"source": str(source)}}
    return Study(StudyConfig.model_validate(values), tmp_path / "workspace")


def lines(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    )
    return path


def test_every_row_ends_as_a_sample_or_with_a_reason(tmp_path):
    source = lines(
        tmp_path,
        GOOD,
        "{not json}\n",
        "\n",
        {"instruction": "", "output": "x"},
        GOOD | {"domain": "code"},
        {"odd": [float("inf"), "\ud800"]},
    )
    study = study_of(tmp_path, source)
    manifest = import_rows(study, Silent())
    samples = read_samples(study)
    assert [(one.index, one.instruction, one.response, one.domain) for one in samples] == [
        (0, "Hi", "Hello", "general"),
        (3, "Hi", "Hello", "code"),
    ]
    assert len({one.id for one in samples}) == 2  # equal rows are different samples
    assert {one.instruction_finish for one in samples} == {"imported"}
    rejected = list(read_lines(manifest.path("rejected.jsonl"), Rejection))
    assert [(one.rule, one.row["number"]) for one in rejected] == [
        ("json", 2),
        ("empty_instruction", 3),
        ("shape", 5),
    ]
    assert rejected[0].row["raw"] == "{not json}"
    assert rejected[2].row["raw"] == {"odd": ["inf", "\\ud800"]}
    assert manifest.facts["rows"] == 5 == manifest.facts["samples"] + manifest.facts["rejected"]


def test_bad_rows_are_told_with_their_number_and_reason(tmp_path, caplog):
    rows = [GOOD, *({"instruction": number, "output": "x"} for number in range(4))]
    import_rows(study_of(tmp_path, lines(tmp_path, *rows)), Silent())
    assert "4 of 5 rows of rows.jsonl cannot be used" in caplog.text
    assert "row 2: type: instruction is int; row 3: type" in caplog.text
    assert caplog.text.rstrip().endswith("and 1 more")


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path, name):
    text = json.dumps([GOOD]) if name == "rows.json" else f"{json.dumps(GOOD)}\n"
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    study = study_of(tmp_path, tmp_path / name)
    import_rows(study, Silent())
    assert [one.instruction for one in read_samples(study)] == ["Hi"]


def test_json_lines_are_read_whatever_the_file_is_called(tmp_path):
    source = lines(tmp_path, GOOD, "{not json}\n", GOOD).rename(tmp_path / "rows.json")
    facts = import_rows(study_of(tmp_path, source), Silent()).facts
    assert (facts["rows"], facts["samples"], facts["rules"]) == (3, 2, {"json": 1})


def test_rows_with_a_system_prompt_are_told(tmp_path, caplog):
    study = study_of(tmp_path, lines(tmp_path, GOOD, GOOD | {"system": "Be brief."}))
    import_rows(study, Silent())
    assert [one.system_prompt for one in read_samples(study)] == ["", "Be brief."]
    assert "1 of 2 rows of rows.jsonl have a system prompt" in caplog.text


def test_importing_again_changes_nothing(tmp_path):
    study = study_of(tmp_path, lines(tmp_path, GOOD))
    first = import_rows(study, Silent())
    assert import_rows(study_of(tmp_path, tmp_path / "rows.jsonl"), Silent()) == first


def test_a_changed_file_is_another_source(tmp_path):
    before = study_of(tmp_path, lines(tmp_path, GOOD)).draws.identity
    assert study_of(tmp_path, lines(tmp_path, GOOD, GOOD)).draws.identity != before


def test_conversations_of_several_turns_keep_their_messages(tmp_path):
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": "Bye"},
    ]
    study = study_of(tmp_path, lines(tmp_path, {"messages": turns}, {"messages": turns[:2]}))
    import_rows(study, Silent())
    long, short = read_samples(study)
    assert (list(long.messages), long.instruction, short.messages) == (turns, "Hi", ())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.json", "[]", "has no rows"),
        ("rows.jsonl", "", "has no rows"),
        ("rows.json", "[1", "is not JSON"),
        (
            "rows.json",
            '{"instruction": "x"}',
            'must hold a list of rows, or one under "data", got dict',
        ),
        ("rows.txt", "x", r"allowed are .json, .jsonl"),
        ("rows.json", '[{"a": 1}, 2]', "none of 2 rows is usable; row 1: shape: a"),
    ],
)
def test_a_source_that_gives_nothing_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    study = study_of(tmp_path, path)
    with pytest.raises(ConfigurationError, match=message):
        import_rows(study, Silent())
    assert study.store.find(study.draws) is None


def test_a_missing_source_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        import_rows(study_of(tmp_path, tmp_path / "none.json"), Silent())
