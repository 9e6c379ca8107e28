"""Benchmark rows: shapes, subsets, identities, and what is wrong said before anything runs."""

import json
from datetime import date
from pathlib import Path

import pytest
from support.evaluation_bench import arc, hellaswag, mmlu, truthfulqa, write, write_data

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import items, rows, subsets


def config(data_dir: str | None, *benchmarks: dict) -> StudyConfig:
    settings = {"data_dir": data_dir, "benchmarks": list(benchmarks)}
    return StudyConfig.model_validate({"evaluation": settings})


@pytest.mark.parametrize(
    ("name", "row", "change", "fault"),
    [
        ("mmlu", mmlu("x", 1), {"answer": 4}, "has answer=4; allowed: a number from 0 to 3"),
        ("mmlu", mmlu("x", 1), {"answer": True}, "has answer=True"),
        ("mmlu", mmlu("x", 1), {"choices": ["a", "b"]}, "allowed: a list of four texts"),
        ("mmlu", mmlu("x", 1), {"question": " "}, "has question=' '; allowed: a text"),
        ("hellaswag", hellaswag(1), {"label": 1}, 'allowed: one of "0", "1", "2", "3"'),
        (
            "arc_easy",
            arc(1),
            {"answerKey": "E"},
            "has answerKey='E'; allowed: ['A', 'B', 'C', 'D']",
        ),
        ("arc_easy", arc(1), {"choices": {"text": ["a", "b"], "label": ["A"]}}, "labels distinct"),
        (
            "arc_easy",
            arc(1),
            {"choices": {"text": ["a", "b"], "label": [["A"], ["B"]]}},
            "distinct",
        ),
        ("arc_easy", arc(1), {"question": "half \ud83d"}, "cannot be written as JSON"),
        (
            "truthfulqa_mc1",
            truthfulqa(1),
            {"mc2_targets": {"choices": ["a", "b"], "labels": [[0], [1]]}},
            "labels 0 and 1",
        ),
        (
            "truthfulqa_mc1",
            truthfulqa(1),
            {"mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}},
            "the first choice true and no other",
        ),
        (
            "truthfulqa_mc1",
            truthfulqa(1),
            {"mc2_targets": {"choices": ["a", "b"], "labels": [1, 1]}},
            "labels 0 and 1",
        ),
    ],
)
def test_faults_name_field_value_and_what_is_allowed(
    name: str, row: dict, change: dict, fault: str
) -> None:
    data = benchmark_named(name).dataset
    assert data is not None
    assert rows.find_fault(row, data) is None
    assert fault in str(rows.find_fault(row | change, data))
    missing = {key: value for key, value in row.items() if key != next(iter(change))}
    assert "has no field" in str(rows.find_fault(missing, data))


def test_errors_name_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    write(path, [mmlu("x", 1), mmlu("x", 2) | {"answer": "B"}])
    with pytest.raises(ConfigurationError, match=r"test.jsonl: row 2 has answer='B'"):
        rows.read_rows(path, benchmark_named("mmlu").dataset)
    path.write_text('{"question": 1}\n{broken\n')
    with pytest.raises(ConfigurationError, match="line 2 is not JSON"):
        rows.read_rows(path)
    path.write_text("")
    with pytest.raises(ConfigurationError, match="holds no rows"):
        rows.read_rows(path)


def test_parquet_rows_are_read_like_json_lines(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    content = [arc(number) for number in range(3)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(content), tmp_path / "test.parquet")
    assert rows.read_rows(tmp_path / "test.parquet", benchmark_named("arc_easy").dataset) == content
    dated = pyarrow.Table.from_pylist([one | {"date": date(2024, 1, 1)} for one in content])
    pyarrow.parquet.write_table(dated, tmp_path / "dated.parquet")
    with pytest.raises(ConfigurationError, match=r"row 1 cannot be written as JSON: .*date"):
        rows.read_rows(tmp_path / "dated.parquet", benchmark_named("arc_easy").dataset)
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "test.parquet").read_bytes()[:99])
    with pytest.raises(ConfigurationError, match="is not readable parquet"):
        rows.read_rows(tmp_path / "torn.parquet", benchmark_named("arc_easy").dataset)


def test_items_of_a_folder(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    study = config(
        str(data),
        {"name": "mmlu", "num_fewshot": 5},
        {"name": "hellaswag", "items": 4},
        {"name": "truthfulqa_mc1"},
        {"name": "truthfulqa_mc2"},
    )
    facts = items.write_items(study, tmp_path / "out")
    assert facts["items"] == {
        "mmlu-5shot": 12,
        "hellaswag": 4,
        "truthfulqa_mc1": 5,
        "truthfulqa_mc2": 5,
    }
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    assert [task["task"] for task in tasks["mmlu-5shot"]] == ["mmlu_anatomy", "mmlu_astronomy"]
    assert len(tasks["hellaswag"][0]["chosen"]) == 4
    texts = [json.loads(line) for line in (tmp_path / "out/texts.jsonl").read_text().splitlines()]
    assert len(texts) == 12 + 4 + 5 + 5
    assert {one["benchmark"] for one in texts} == {
        "mmlu", "hellaswag", "truthfulqa_mc1", "truthfulqa_mc2",
    }  # fmt: skip


def test_same_settings_write_the_same_bytes(tmp_path: Path) -> None:
    study = config("sandbox", {"name": "arc_easy", "items": 30}, {"name": "instructions"})
    contents = []
    for name in ("a", "b"):
        items.write_items(study, tmp_path / name)
        found = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in found])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("hellaswag", "data_dir holds no such folder"),
        ("hellaswag/validation.jsonl", r"has no validation.jsonl or validation.parquet"),
        ("mmlu/anatomy/dev.jsonl", r"anatomy has no dev.jsonl or dev.parquet"),
    ],
)
def test_missing_files_are_named(tmp_path: Path, damage: str, message: str) -> None:
    data = write_data(tmp_path / "data")
    (data / damage).rename(tmp_path / "gone")
    study = config(str(data), {"name": "mmlu", "num_fewshot": 5}, {"name": "hellaswag"})
    with pytest.raises(ConfigurationError, match=message):
        items.write_items(study, tmp_path / "out")


def test_examples_are_needed_only_where_they_are_shown(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "mmlu/anatomy/dev.jsonl").unlink()
    facts = items.write_items(config(str(data), {"name": "mmlu", "num_fewshot": 0}), tmp_path / "o")
    assert facts["items"] == {"mmlu-0shot": 12}


def test_an_unknown_subject_is_named(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "mmlu/anatomy").rename(data / "mmlu/astrology")
    with pytest.raises(ConfigurationError, match=r"no task definition .*mmlu_astrology.yaml"):
        items.write_items(config(str(data), {"name": "mmlu"}), tmp_path / "out")


def test_the_hub_is_not_asked_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match=r"Hub, but HF_HUB_OFFLINE is set; set"):
        items.write_items(config(None, {"name": "hellaswag"}), tmp_path / "a")
    with pytest.raises(ConfigurationError, match=r"task 'winogrande' comes from the .* Hub"):
        items.write_items(config("sandbox", {"name": "winogrande"}), tmp_path / "b")


def test_a_line_separator_inside_a_text_does_not_end_a_row(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    odd = [mmlu("x", n) | {"question": f"Which\u2028one\x85is {n}?"} for n in range(6)]
    path = data / "mmlu/anatomy/test.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in odd), "utf-8")
    whole = config(str(data), {"name": "mmlu"})
    assert items.write_items(whole, tmp_path / "whole")["items"] == {"mmlu": 12}
    facts = items.write_items(config(str(data), {"name": "mmlu", "items": 6}), tmp_path / "out")
    assert facts["items"] == {"mmlu": 6}
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())["mmlu"]
    assert [len(one["chosen"]) for one in tasks] == [3, 3]
    assert all(place < 6 for one in tasks for place in one["chosen"])


def test_ids_depend_on_content_alone_and_repeated_items_are_told_apart() -> None:
    one, other = {"q": "a"}, {"q": "b"}
    first = rows.item_ids("mmlu", "mmlu_x", [one, other, one])
    assert first[2] == f"{first[0]}-2"
    assert rows.item_ids("mmlu", "mmlu_x", [other, one]) == [first[1], first[0]]
    assert rows.item_ids("mmlu", "mmlu_y", [one]) != first[:1]


def test_subsets_take_the_same_share_of_every_stratum() -> None:
    strata = {"a": [f"a{n}" for n in range(60)], "b": [f"b{n}" for n in range(30)], "c": ["c0"]}
    chosen = subsets.choose(strata, 30, seed=1)
    assert {name: len(found) for name, found in chosen.items()} == {"a": 20, "b": 10, "c": 0}
    assert chosen["a"] != list(range(20))  # not the first N
    assert chosen == subsets.choose(strata, 30, seed=1) != subsets.choose(strata, 30, seed=2)
    assert set(chosen["a"]) < set(subsets.choose(strata, 60, seed=1)["a"])
    assert sum(map(len, subsets.choose(strata, 1000, seed=1).values())) == 91


def test_a_subset_does_not_depend_on_the_order_of_the_rows() -> None:
    names = [f"row {n}" for n in range(20)]
    forward = {names[place] for place in subsets.choose({"": names}, 5, seed=3)[""]}
    back = names[::-1]
    assert {back[place] for place in subsets.choose({"": back}, 5, seed=3)[""]} == forward


def test_allocation_gives_the_remainder_to_the_largest_fractions() -> None:
    assert subsets.allocate({"a": 50, "b": 30, "c": 20}, 7) == {"a": 4, "b": 2, "c": 1}


def test_letters_and_texts_of_mmlu_are_asked_of_the_same_subset(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    benchmarks = [{"name": name, "num_fewshot": 0, "items": 5} for name in ("mmlu", "mmlu_cloze")]
    (tmp_path / "items").mkdir()
    items.write_items(config(str(tmp_path / "data"), *benchmarks), tmp_path / "items")
    tasks = json.loads((tmp_path / "items/tasks.json").read_text())
    letters, texts = (
        [(one["splits"], one["chosen"]) for one in tasks[key]]
        for key in ("mmlu-0shot", "mmlu_cloze-0shot")
    )
    assert letters == texts
    assert sum(len(chosen) for _, chosen in letters) == 5
