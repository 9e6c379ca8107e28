"""Benchmarks have the row shapes of the public data sets, and a right answer that is right."""

import json
from pathlib import Path

import pytest

from synthetic_instruction_tuner.sandbox import check, write_benchmarks
from synthetic_instruction_tuner.sandbox.benchmarks import SUBJECTS, choice_text, distinct_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks")
    write_benchmarks(path, seed=1, mmlu=10, hellaswag=30, arc_easy=30, truthfulqa=30)
    return path


def _read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_mmlu(folder: Path) -> None:
    for subject in SUBJECTS:
        assert len(_read(folder / "mmlu" / subject / "dev.jsonl")) == 5
        rows = _read(folder / "mmlu" / subject / "test.jsonl")
        assert len(rows) == 10
        for row in rows:
            assert set(row) == {"question", "choices", "answer", "subject"}
            assert len(set(row["choices"])) == 4
            assert row["subject"] == subject
            verdicts = [check(row["question"], choice) for choice in row["choices"]]
            assert verdicts == [index == row["answer"] for index in range(4)]


def test_hellaswag(folder: Path) -> None:
    rows = _read(folder / "hellaswag" / "validation.jsonl")
    assert len(rows) == 30
    for row in rows:
        assert row["label"] in "0123"
        assert len(set(row["endings"])) == 4
        assert row["ctx"] == f"{row['ctx_a']} {row['ctx_b']}"


def test_arc_easy(folder: Path) -> None:
    for row in _read(folder / "arc_easy" / "test.jsonl"):
        assert row["choices"]["label"] == ["A", "B", "C", "D"]
        right = row["choices"]["text"]["ABCD".index(row["answerKey"])]
        assert [check(row["question"], text) for text in row["choices"]["text"]].count(True) == 1
        assert check(row["question"], right) is True


def test_truthfulqa(folder: Path) -> None:
    for row in _read(folder / "truthfulqa" / "validation.jsonl"):
        one, many = row["mc1_targets"], row["mc2_targets"]
        assert one["labels"] == [1] + [0] * (len(one["choices"]) - 1)
        assert len(one["choices"]) >= 2
        for text, label in zip(many["choices"], many["labels"], strict=True):
            assert check(row["question"], text) is bool(label)


def test_equal_seeds_write_equal_bytes(folder: Path, tmp_path: Path) -> None:
    for path in write_benchmarks(
        tmp_path, seed=1, mmlu=10, hellaswag=30, arc_easy=30, truthfulqa=30
    ):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes()


def test_a_size_beyond_the_world_is_refused() -> None:
    assert distinct_rows(lambda found: {"id": found, "question": found % 3}, 3)
    with pytest.raises(ValueError, match="fewer than 4"):
        distinct_rows(lambda found: {"id": found, "question": found % 3}, 4)


def test_choice_text_is_the_harness_layout() -> None:
    row = {"question": "What is 1 + 1?", "choices": ["1", "2", "3", "4"], "answer": 1}
    assert choice_text(row) == "What is 1 + 1?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: B"
    assert choice_text(row, answered=False).endswith("Answer:")
