"""Data sets as files: equal rows give equal bytes, cards say what is true."""

import json

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.storage import formats

ROWS = [
    {"prompt": ({"role": "user", "content": "Hi"},), "id": "a", "quality": 0.5, "index": 1},
    {"prompt": (), "id": "b | c", "quality": 1.0, "index": 2},
]
COLUMNS = {"id": "text", "prompt": "messages", "quality": "number", "index": "integer"}


def card(**more):
    values = {
        "title": "Rows",
        "summary": "Two rows.",
        "licence": formats.licence_of("meta-llama/Llama-3.1-8B-Instruct"),
        "task": "text-generation",
        "rows": 2,
        "files": {"train": "train.parquet"},
    }
    return formats.Card(**(values | more))


def test_parquet_holds_the_rows_and_equal_rows_give_equal_bytes(tmp_path):
    import pyarrow.parquet as pq

    formats.write_parquet(tmp_path / "one.parquet", ROWS, COLUMNS)
    formats.write_parquet(tmp_path / "two.parquet", ROWS, COLUMNS)
    table = pq.read_table(tmp_path / "one.parquet")
    assert table.column_names == ["id", "prompt", "quality", "index"]
    assert table.to_pylist() == [
        {"id": "a", "prompt": [{"role": "user", "content": "Hi"}], "quality": 0.5, "index": 1},
        {"id": "b | c", "prompt": [], "quality": 1.0, "index": 2},
    ]
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_an_empty_table_keeps_its_columns(tmp_path):
    import pyarrow.parquet as pq

    formats.write_parquet(tmp_path / "none.parquet", [], COLUMNS)
    assert pq.read_table(tmp_path / "none.parquet").column_names == list(COLUMNS)


def test_json_for_people_keeps_its_characters(tmp_path):
    formats.write_json_rows(tmp_path / "rows.json", [{"instruction": "Été?", "output": "Ja\n"}])
    text = (tmp_path / "rows.json").read_text(encoding="utf-8")
    assert json.loads(text) == [{"instruction": "Été?", "output": "Ja\n"}]
    assert "Été" in text


@pytest.mark.parametrize(
    ("model", "licence"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama3"),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama3.2"),
        ("Qwen/Qwen2.5-3B-Instruct", "other"),
        ("Qwen/Qwen2.5-7B-Instruct", "apache-2.0"),
        ("google/gemma-2-9b-it", "gemma"),
        ("microsoft/phi-4", "mit"),
        ("sandbox:teacher", "apache-2.0"),
        ("someone/unknown-7b", "other"),
        (None, "other"),
    ],
)
def test_licence_follows_from_the_generator(model, licence):
    assert formats.licence_of(model).id == licence


def test_an_unknown_licence_says_so():
    assert formats.licence_of("a/b").note == (
        "no licence is known for texts of 'a/b'; see its model card"
    )
    assert "imported rows" in formats.licence_of(None).note


def test_card_has_metadata_facts_and_tables(tmp_path):
    import yaml

    formats.write_card(
        tmp_path,
        card(
            facts={"seed": 42, "mean": 0.123456, "margin": None},
            tables={"Funnel": [{"step": "a|b", "left": 3}], "Nothing": []},
        ),
    )
    _, metadata, text = (tmp_path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert yaml.safe_load(metadata) == {
        "license": "llama3.1",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["synthetic", "magpie"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "train.parquet"}],
            }
        ],
    }
    assert "- seed: 42\n- mean: 0.1235\n- margin: not measured\n" in text
    assert "## Funnel\n\n| step | left |\n| --- | --- |\n| a\\|b | 3 |\n" in text
    assert "## Nothing\n\n(none)" in text


class FakeHub:
    def __init__(self):
        self.calls = []

    def create_repo(self, repo_id, **options):
        self.calls.append(("create", repo_id, options))

    def upload_folder(self, **options):
        self.calls.append(("upload", options))


def test_push_sends_the_folder_to_a_private_data_set(tmp_path):
    formats.write_card(tmp_path, card())
    hub = FakeHub()
    assert formats.push_to_hub(tmp_path, "me/rows", hub) == "me/rows"
    assert hub.calls == [
        ("create", "me/rows", {"repo_type": "dataset", "private": True, "exist_ok": True}),
        (
            "upload",
            {
                "repo_id": "me/rows",
                "repo_type": "dataset",
                "folder_path": str(tmp_path),
                "commit_message": f"Upload {tmp_path.name}",
            },
        ),
    ]


def test_push_refuses_before_it_sends_anything(tmp_path, monkeypatch):
    hub = FakeHub()
    with pytest.raises(ConfigurationError, match="wanted: owner/name"):
        formats.push_to_hub(tmp_path, "rows", hub)
    with pytest.raises(StageError, match=r"has no README.md"):
        formats.push_to_hub(tmp_path, "me/rows", hub)
    assert hub.calls == []
    formats.write_card(tmp_path, card())
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ConfigurationError, match="no Hugging Face token"):
        formats.push_to_hub(tmp_path, "me/rows")
