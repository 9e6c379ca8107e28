"""The stage on a workspace: loop until enough, files, resuming, errors, what-if."""

import dataclasses
import json
import os

import pytest

from synthetic_instruction_tuner.analysis.dataset import describe_dataset
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.filtering.quotas import next_draws
from synthetic_instruction_tuner.filtering.run import filter_rows, lost_raw_rows, write_raw_rows
from synthetic_instruction_tuner.filtering.what_if import override, what_if
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.inspection.status import outstanding, read_status
from synthetic_instruction_tuner.preference.responses import kept_examples
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Example, Rejection, Sample, read_lines, write_lines
from synthetic_instruction_tuner.study.graph import Study

SAID = "It depends on the weather and on the time that you have, so look outside first."
NOUNS = (
    "river", "bread", "chess", "winter", "music", "planet", "garden", "train", "soup", "map",
    "boat", "clock",
)  # fmt: skip


def drawn_row(index):
    """Every third draw is cut."""
    noun, other = NOUNS[index % 12], NOUNS[(index // 12 + 1 + index) % 12]
    return Sample(
        id=f"id{index:03d}",
        index=index,
        domain="general",
        system_prompt="",
        instruction=f"Number {index}: how does a {noun} help with {other} number {index * 7}?",
        response=SAID,
        response_finish="length" if index % 3 == 2 else "stop",
    )


def drawn_study(root, rows, target=12, row=drawn_row, **generation):
    values = {"draws": rows, "max_draws": 60, "chunk_size": 10} | generation
    filtering = {"target": target, "decontaminate": False}
    study = Study(StudyConfig(generation=values, filtering=filtering), root)
    for first in range(0, rows, 10):
        last = min(first + 10, rows) - 1
        chunk = study.chunk(first, last)
        if study.store.find(chunk) is None:
            with study.store.writing(chunk) as folder:
                write_lines(folder / "samples.jsonl", map(row, range(first, last + 1)))
                study.store.commit(chunk, {}, 1.0)
    return study


def imported_study(root, rows, **filtering):
    source = root / "rows.json"
    source.write_text(json.dumps(rows), encoding="utf-8")
    values = {"target": 100, "decontaminate": False} | filtering
    config = StudyConfig(generation={"source": str(source)}, filtering=values)
    study = Study(config, root / "workspace")
    import_rows(study, Silent())
    return study


def questions(count):
    return [
        {
            "instruction": f"What is special about the {NOUNS[n % 12]}, the {NOUNS[n * 5 % 12]}s "
            f"and number {n * n}?",
            "output": SAID,
        }
        for n in range(count)
    ]


def empty_row(index):
    blank = {"instruction": "", "response": "", "response_finish": "skipped"}
    return dataclasses.replace(drawn_row(index), **blank)


def test_a_teacher_that_writes_nothing_leaves_an_error_and_no_data_set(tmp_path):
    study = drawn_study(tmp_path, 60, row=empty_row)
    with pytest.raises(StageError, match=r"60 are empty, so the teacher writes next to nothing"):
        filter_rows(study, 60, Silent())
    assert study.store.find(study.filtered) is None


def test_raw_rows_whose_files_were_damaged_are_written_again(tmp_path):
    study = drawn_study(tmp_path, 30)
    assert filter_rows(study, 30, Silent()).manifest
    assert lost_raw_rows(study) is None
    path = study.store.require(study.raw(study.filtered)).path("raw.json")
    before = path.read_bytes()
    path.write_bytes(before[:-9])
    assert "raw" in {one.name for one in outstanding(study, "filtering")}
    assert lost_raw_rows(study) == 30
    write_raw_rows(study, 30)
    assert path.read_bytes() == before
    assert lost_raw_rows(study) is None


def test_too_few_rows_ask_for_draws_by_the_yield(tmp_path):
    study = drawn_study(tmp_path, 12)
    outcome = filter_rows(study, 12, Silent())
    assert (outcome.kept, outcome.manifest) == (8, None)
    assert outcome.draws_needed == 19  # 4 missing at 8 of 12: 6 draws and a tenth, rounded up
    assert study.store.find(study.filtered) is None


def test_enough_rows_make_the_data_set(tmp_path):
    study = drawn_study(tmp_path, 20)
    outcome = filter_rows(study, 20, Silent())
    facts = outcome.manifest.facts
    assert (outcome.kept, outcome.draws_needed) == (12, None)
    assert facts["measures"]["kept"] == 12
    assert (facts["target"], facts["shortfall"]) == (12, 0)
    kept = list(read_lines(outcome.manifest.path("examples.jsonl"), Example))
    rejected = list(read_lines(outcome.manifest.path("rejected.jsonl"), Rejection))
    assert [one.id for one in kept] == [f"id{n:03d}" for n in range(18) if n % 3 < 2]
    assert {one.id for one in kept} | {one.id for one in rejected} == {
        f"id{n:03d}" for n in range(20)
    }
    assert [one.rule for one in rejected] == ["truncation"] * 6 + ["surplus"] * 2
    assert sorted(outcome.manifest.files) == [
        "README.md", "examples.jsonl", "rejected.jsonl", "train.json",
        "train.parquet", "validation.json", "validation.parquet",
    ]  # fmt: skip


def test_files_for_people_and_tools_hold_the_splits(tmp_path):
    import pyarrow.parquet as pq

    study = drawn_study(tmp_path, 20)
    manifest = filter_rows(study, 20, Silent()).manifest
    kept = list(read_lines(manifest.path("examples.jsonl"), Example))
    for split, count in (("train", 10), ("validation", 2)):
        wanted = [one for one in kept if one.split == split]
        people = json.loads(manifest.path(f"{split}.json").read_text(encoding="utf-8"))
        tools = pq.read_table(manifest.path(f"{split}.parquet")).to_pylist()
        assert len(wanted) == count
        assert people == [{"instruction": o.instruction, "output": o.response} for o in wanted]
        assert [row["id"] for row in tools] == [one.id for one in wanted]
        assert tools[0]["prompt"] == [{"role": "user", "content": wanted[0].instruction}]
        assert tools[0]["completion"] == [{"role": "assistant", "content": SAID}]
    raw = study.store.require(study.raw(study.filtered))
    assert len(json.loads(raw.path("raw.json").read_text(encoding="utf-8"))) == 20
    assert pq.read_table(raw.path("raw.parquet"))["index"].to_pylist() == list(range(20))


def test_the_same_draws_give_the_same_bytes(tmp_path):
    files = []
    for name, sizes in (("one", [20]), ("two", [10, 20])):
        for rows in sizes:
            study = drawn_study(tmp_path / name, rows, draws=10)
            outcome = filter_rows(study, rows, Silent())
        files.append(outcome.manifest.files)
    assert files[0] == files[1]


def test_a_data_set_that_is_there_is_returned(tmp_path, monkeypatch):
    study = drawn_study(tmp_path, 20)
    first = filter_rows(study, 20, Silent())
    monkeypatch.setattr("synthetic_instruction_tuner.filtering.run.read_samples", None)
    again = filter_rows(study, 20, Silent())
    assert (again.kept, again.manifest.files) == (first.kept, first.manifest.files)


def test_the_last_draws_end_the_loop_with_a_warning(tmp_path, caplog):
    study = drawn_study(tmp_path, 20, target=15, max_draws=20)
    outcome = filter_rows(study, 20, Silent())
    assert (outcome.kept, outcome.draws_needed) == (14, None)
    assert outcome.manifest.facts["shortfall"] == 1
    assert "14 of the 15 rows required (filtering.target) passed" in caplog.text


def test_far_too_few_rows_are_an_error_that_names_the_worst_rule(tmp_path):
    study = drawn_study(tmp_path, 6, target=5, max_draws=6)
    with pytest.raises(StageError, match=r"only 4 of 6 rows pass .* \(2\) fall to 'truncation'"):
        filter_rows(study, 6, Silent())
    assert study.store.find(study.filtered) is None


def relatives(count, families):
    """Rows of a few families: six of nine words are those of the family."""
    return [
        {
            "instruction": f"{NOUNS[n % families]} "
            f"{' '.join(f'{NOUNS[n % families]}{m}' for m in range(5))} alone{n} only{n}?",
            "output": SAID,
        }
        for n in range(count)
    ]


def test_rows_that_are_all_relatives_cannot_be_split(tmp_path):
    study = imported_study(tmp_path, relatives(8, 1))
    with pytest.raises(StageError, match=r"8 kept rows form one cluster .*link_similarity"):
        filter_rows(study, 0, Silent())
    assert study.store.find(study.filtered) is None


def test_clusters_that_bend_the_split_are_told(tmp_path, caplog):
    study = imported_study(tmp_path, relatives(12, 2))
    measures = filter_rows(study, 0, Silent()).manifest.facts["measures"]
    assert (measures["train"], measures["validation"], measures["clusters"]) == (6, 6, 2)
    assert "6 rows are held out for validation instead of 2" in caplog.text


@pytest.mark.parametrize(
    ("passed", "drawn", "target", "most", "needed"),
    [
        (750, 1500, 1000, 6000, 2050),  # 250 missing at one in two: 500 and a tenth
        (999, 1500, 1000, 6000, 1502),
        (0, 100, 1000, 6000, 200),
        (1, 1500, 1000, 6000, 6000),
        (0, 0, 10, 60, 1),
    ],
)
def test_next_draws_follow_from_the_yield(passed, drawn, target, most, needed):
    assert next_draws(passed, drawn, target, most, reserve=1.1) == needed


def test_imported_rows_that_are_none_lie_with_the_rejected(tmp_path):
    study = imported_study(tmp_path, [*questions(8), {"instruction": 5}, questions(1)[0]])
    outcome = filter_rows(study, 0, Silent())
    rejected = list(read_lines(outcome.manifest.path("rejected.jsonl"), Rejection))
    assert [(one.stage, one.rule) for one in rejected][1:] == [("filtering", "exact_duplicate")]
    assert (rejected[0].stage, rejected[0].row["number"]) == ("generation", 9)
    funnel = outcome.manifest.facts["funnel"]
    assert funnel[0] == {"step": "unusable", "in": 10, "rejected": 1, "left": 9}
    assert funnel[-1]["left"] == outcome.kept == 8
    measures = outcome.manifest.facts["measures"]
    assert (measures["drawn"], measures["valid_share"]) == (10, 0.9)
    assert describe_dataset(study)["drawn"] == 10  # the report reads the same rows
    text = outcome.manifest.path("README.md").read_text(encoding="utf-8")
    assert "license: other" in text
    assert "imported rows: the licence of their source applies" in text


def test_benchmark_items_are_read_from_the_items_of_the_study(tmp_path):
    rows = questions(8)
    study = imported_study(tmp_path, rows, decontaminate=True)
    line = {"benchmark": "mmlu", "id": "3", "text": rows[3]["instruction"].upper()}
    with study.store.writing(study.items) as folder:
        (folder / "texts.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
        study.store.commit(study.items, {}, 1.0)
    manifest = filter_rows(study, 0, Silent()).manifest
    assert manifest.facts["contamination"] == {"mmlu": 1}
    assert manifest.facts["measures"]["kept"] == 7
    assert manifest.facts["decontaminated"] is True
    assert "Not decontaminated" not in manifest.path("README.md").read_text(encoding="utf-8")


def test_without_items_the_rows_are_filtered_provisionally_and_nothing_takes_them(tmp_path, caplog):
    rows = questions(8)
    study = imported_study(tmp_path, rows, decontaminate=True)
    offline = filter_rows(study, 0, Silent())
    assert "NOT decontaminated" in caplog.text
    assert offline.manifest.facts["decontaminated"] is False
    assert offline.manifest.facts["measures"]["decontaminated_share"] == 0
    card = offline.manifest.path("README.md").read_text(encoding="utf-8")
    assert "Not decontaminated: no row was compared with the benchmark items" in card
    assert offline.manifest.identity == study.provisional.identity != study.filtered.identity
    explicit = imported_study(tmp_path, rows, decontaminate=False)
    assert explicit.filtered.identity == study.provisional.identity
    with pytest.raises(StageError, match=r"filtered .* is missing"):
        kept_examples(study)  # what preference and training start from
    assert describe_dataset(study) == {"status": "not measured"}
    [status] = [one for one in read_status(study) if one.stage == "filtering"]
    assert (status.state, status.detail) == (
        "outdated",
        "drawn 8, kept 8, not decontaminated: no items",
    )
    assert [one.passed for one in what_if(study, [], Silent())] == [8]


def test_with_the_items_provisional_rows_are_filtered_anew(tmp_path):
    rows = questions(8)
    study = imported_study(tmp_path, rows, decontaminate=True)
    assert filter_rows(study, 0, Silent()).kept == 8
    line = {"benchmark": "mmlu", "id": "3", "text": rows[3]["instruction"]}
    with study.store.writing(study.items) as folder:
        (folder / "texts.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
        study.store.commit(study.items, {}, 1.0)
    assert filter_rows(study, 0, Silent()).kept == 7
    assert study.store.require(study.filtered).facts["contamination"] == {"mmlu": 1}
    assert len(kept_examples(study)) == 7


def test_what_if_shows_what_other_thresholds_keep(tmp_path):
    study = drawn_study(tmp_path, 20)
    table = what_if(
        study, ["truncation.enabled=false", "length.max_words=9 truncation.enabled=false"], Silent()
    )
    assert [(one.setting, one.passed, one.gained, one.lost) for one in table] == [
        ("as configured", 14, 0, 0),
        ("truncation.enabled=false", 20, 6, 0),
        ("length.max_words=9 truncation.enabled=false", 0, 0, 14),
    ]
    assert [one.rejected for one in table] == [{"truncation": 6}, {}, {"length": 20}]
    assert table[2].mean_quality is None
    assert study.store.find(study.filtered) is None


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("length.min_words", "wanted: rule.field=value"),
        ("lenght.min_words=3", "there is no 'lenght'; allowed: .*duplicates.*length"),
        ("length.words=3", "there is no 'words'; allowed: enabled, max_words"),
        ("length.min_words=-1", r"filtering.rules.length.min_words: .*\(got -1\)"),
        ("duplicates.similarity=2", r"filtering.duplicates.similarity: .*\(got 2\)"),
        ("duplicates.similarity=0.5", r"filtering.duplicates: link_similarity=0.6 must be at most"),
        ("length.min_words=[1", r"'\[1' is not YAML"),
    ],
)
def test_what_if_refuses_what_does_not_exist(assignment, message):
    with pytest.raises(ConfigurationError, match=message):
        override(StudyConfig().filtering, [assignment])


def test_what_if_reaches_every_setting_of_the_stage():
    before = StudyConfig().filtering
    changed = override(before, ["duplicates.similarity=0.9", "filtering.contamination.window=50"])
    assert (changed.duplicates.similarity, changed.contamination.window) == (0.9, 50)
    assert before.duplicates.similarity == 0.8


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    study = drawn_study(tmp_path, 20)
    whole = filter_rows(drawn_study(tmp_path / "other", 20), 20, Silent()).manifest.files

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            filter_rows(study, 20, Silent())
    assert study.store.find(study.filtered) is None
    assert filter_rows(study, 20, Silent()).manifest.files == whole


def test_datasets_loads_the_folders_as_they_are(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    study = drawn_study(tmp_path / "workspace", 20)
    manifest = filter_rows(study, 20, Silent()).manifest
    filtered = datasets.load_dataset(str(manifest.folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in filtered.items()} == {"train": 10, "validation": 2}
    assert filtered["train"][0]["completion"] == [{"role": "assistant", "content": SAID}]
    raw = datasets.load_dataset(
        str(study.store.folder(study.raw(study.filtered))), cache_dir=str(tmp_path / "cache")
    )
    assert raw["train"]["index"][:] == list(range(20))


def two_domains(root, rows, target=12):
    """Draws 0, 1, 3, 4, ... are of "plain"; every third, of "rare", is cut but for every second."""
    domains = [{"name": "plain", "weight": 2}, {"name": "rare", "weight": 1}]
    study = drawn_study(root, 0, target=target, domains=domains, draws=10)
    for first in range(0, rows, 10):
        chunk = study.chunk(first, first + 9)
        drawn = [
            dataclasses.replace(
                drawn_row(index),
                domain="rare" if index % 3 == 2 else "plain",
                response_finish="length" if index % 6 == 2 else "stop",
            )
            for index in range(first, first + 10)
        ]
        with study.store.writing(chunk) as folder:
            write_lines(folder / "samples.jsonl", drawn)
            study.store.commit(chunk, {}, 1.0)
    return study


def test_every_domain_fills_its_quota_before_the_data_set_is_made(tmp_path):
    early = filter_rows(two_domains(tmp_path / "early", 20), 20, Silent())
    assert (early.kept, early.manifest) == (11, None)  # 8 of plain, 3 of 4 of rare; 15 passed
    assert early.draws_needed == 30  # rare: 1 of 4 missing at 3 of 6 calls for 9, of 6 in 20
    study = two_domains(tmp_path / "later", 30)
    made = filter_rows(study, 30, Silent()).manifest
    domains = made.facts["domains"]
    assert (domains["plain"]["kept"], domains["rare"]["kept"]) == (8, 4)
    surplus = [
        one for one in read_lines(made.path("rejected.jsonl"), Rejection) if one.rule == "surplus"
    ]
    assert {(one.row["domain"], one.value, one.threshold) for one in surplus} == {
        ("plain", 20, 8),
        ("rare", 5, 4),
    }


def test_when_nothing_more_can_be_drawn_other_domains_fill_up(tmp_path):
    study = two_domains(tmp_path, 60, target=40)
    made = filter_rows(study, 60, Silent()).manifest  # max_draws
    domains = made.facts["domains"]
    assert (domains["plain"]["kept"], domains["rare"]["kept"]) == (30, 10)
    assert made.facts["shortfall"] == 0
