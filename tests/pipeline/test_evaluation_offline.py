"""Every kind of benchmark runs without the network, from rows in their data sets' own shapes."""

import json
import socket
from pathlib import Path

import pytest
from support import evaluation_bench as bench

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import run
from synthetic_instruction_tuner.evaluation.harness import ifeval
from synthetic_instruction_tuner.evaluation.kinds import lm_eval as kind
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import ItemScore, read_lines
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key
from synthetic_instruction_tuner.training import students

EVERY = (
    {"name": "mmlu", "num_fewshot": 0, "items": 4},
    {"name": "mmlu", "num_fewshot": 5, "items": 4},
    {"name": "hellaswag", "items": 3},
    {"name": "arc_easy", "items": 3},
    {"name": "truthfulqa_mc1", "items": 3},
    {"name": "truthfulqa_mc2", "items": 3},
    {"name": "ifeval"},
    {"name": "verifiable", "items": 4},
    {"name": "instructions", "items": 4},
    {"name": "retention", "items": 4},
    {"name": "agent", "items": 3},
    {"name": "dbbench"},
    {"name": "speed"},
)
IFEVAL = [
    (1000, "punctuation:no_comma", {}),
    (1001, "change_case:english_lowercase", {}),
    (1005, "length_constraints:number_words", {"num_words": 30, "relation": "less than"}),
    (1012, "length_constraints:number_sentences", {"num_sentences": 9, "relation": "less than"}),
    (
        1019,
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
    ),
]
"""Rows as google/IFEval has them: key, kind of instruction, its settings."""


def write_ifeval(folder: Path) -> None:
    rows = [
        {
            "key": key,
            "prompt": f"Describe a bridge. ({name})",
            "instruction_id_list": [name, "punctuation:no_comma"],
            "kwargs": [settings, {}],
        }
        for key, name, settings in IFEVAL
    ]
    bench.write(folder / "ifeval/train.jsonl", rows)


def write_punkt(folder: Path) -> Path:
    """An empty model of nltk's sentence splitter, in the layout of its own data package."""
    target = folder / "tokenizers/punkt_tab/english"
    target.mkdir(parents=True)
    for name in ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab"):
        (target / name).write_text("")
    return folder


def database_task(description: str, kind: str, label: list[str]) -> dict:
    """A row as AgentBench's data/dbbench/standard.jsonl has them."""
    columns = [{"name": "name", "type": "TEXT"}, {"name": "age", "type": "INT"}]
    table = {"columns": columns, "rows": [["Ana", "31"], ["Ben", "40"]]}
    return {
        "description": description,
        "add_description": "The name of this table is people.",
        "label": label,
        "type": [kind],
        "table": {"table_name": "people", "table_info": table},
    }


DATABASE = [
    database_task("How old is Ana?", "other", ["31"]),
    database_task("Ana is 32 now.", "UPDATE", ["UPDATE people SET age = 32 WHERE age = 31"]),
    database_task("Nobody is 99.", "UPDATE", ["UPDATE people SET age = 1 WHERE age = 99"]),
]


@pytest.fixture(scope="module")
def no_network():
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network is not needed here")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, refuse)
        patch.setattr(socket, "create_connection", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, no_network: None):
    import nltk

    root = tmp_path_factory.mktemp("offline")
    student, data = bench.make_student(root / "m"), bench.write_data(root / "d")
    write_ifeval(data)
    bench.write(data / "dbbench/standard.jsonl", DATABASE)
    made = bench.make_study(root / "ws", student, data, benchmarks=list(EVERY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [str(write_punkt(root / "nltk"))])
        kind._Cache.prepared.clear()
        students.release()
        run.prepare_items(made, Silent())
        yield made


def result(study: Study, name: str, benchmark: BenchmarkConfig) -> dict:
    found = run.evaluate(study, study.subject(name), benchmark, Silent())
    return json.loads(found.path("result.json").read_text())


@pytest.mark.parametrize("name", ["base", "sft"])
def test_every_benchmark_is_measured_without_the_network(study: Study, name: str) -> None:
    counts = {}
    for one in study.config.evaluation.benchmarks:
        found = result(study, name, one)
        counts[benchmark_key(one)] = found["items"]
        assert found["metric"] in found["scores"]
    assert counts == {
        "mmlu-0shot": 4, "mmlu-5shot": 4, "hellaswag": 3, "arc_easy": 3, "truthfulqa_mc1": 3,
        "truthfulqa_mc2": 3, "ifeval": 5, "verifiable": 4, "instructions": 4, "retention": 4,
        "agent": 3, "dbbench": 2, "speed": 0,
    }  # fmt: skip


def items_of(study: Study, name: str) -> list[ItemScore]:
    benchmark = next(one for one in study.config.evaluation.benchmarks if one.name == name)
    found = run.evaluate(study, study.subject("base"), benchmark, Silent())
    return list(read_lines(found.path("items.jsonl"), ItemScore))


def test_ifeval_tells_which_instruction_was_followed(study: Study) -> None:
    items = items_of(study, "ifeval")
    assert [list(one.detail["obeyed"]) for one in items][1:] == [
        [name, "punctuation:no_comma"] for _, name, _ in IFEVAL[1:]
    ]
    for one in items:
        assert one.scores["prompt_level_strict_acc"] == float(all(one.detail["obeyed"].values()))
    assert list(items[0].detail["obeyed"]) == ["punctuation:no_comma"]  # asked twice, counted once


def test_database_tasks_come_from_the_data_folder(study: Study) -> None:
    assert [one.detail["item"] for one in items_of(study, "dbbench")] == ["dbbench-1", "dbbench-2"]
    left_out = study.store.require(study.items).path("rows/dbbench/left_out.json")
    ((number, why),) = json.loads(left_out.read_text())
    assert (number, "changes nothing" in why) == (3, True)


def test_database_tasks_without_a_file_are_an_error(study: Study, tmp_path: Path) -> None:
    folder = bench.write_data(tmp_path / "d")
    other = bench.make_study(
        tmp_path / "ws", Path(study.student.name), folder, (), benchmarks=[{"name": "dbbench"}]
    )
    with pytest.raises(ConfigurationError, match=r"needs dbbench/standard.jsonl in evaluation"):
        run.prepare_items(other, Silent())


def test_what_ifeval_lacks_is_named_before_anything_runs(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import nltk

    other = Study(study.config, tmp_path / "ws")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(ConfigurationError, match=r"python -m nltk\.downloader punkt_tab"):
        run.prepare_items(other, Silent())
    monkeypatch.setattr(ifeval, "find_spec", lambda name: None if name == "langdetect" else name)
    with pytest.raises(ConfigurationError, match=r"needs langdetect; run: pip install .*ifeval"):
        run.prepare_items(other, Silent())
