import pytest

from synthetic_instruction_tuner.errors import ConfigurationError, UnreachableError
from synthetic_instruction_tuner.generation.sources import read_rows

ROWS = [{"instruction": f"Ask {n}", "output": "Yes"} for n in range(5)]


def test_parquet(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    assert list(read_rows(path)) == ROWS
    path.write_bytes(b"PAR1 not parquet")
    with pytest.raises(ConfigurationError, match="not readable parquet"):
        list(read_rows(path))


def test_datasets_folders(tmp_path):
    import datasets

    saved = datasets.Dataset.from_list(ROWS)
    saved.save_to_disk(tmp_path / "one")
    assert list(read_rows(tmp_path / "one")) == ROWS
    parts = {"train": saved.select(range(3)), "test": saved.select([3, 4])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "two")
    assert list(read_rows(tmp_path / "two")) == ROWS
    (tmp_path / "one" / "dataset_info.json").write_text("{")
    with pytest.raises(ConfigurationError, match="save_to_disk"):
        list(read_rows(tmp_path / "one"))


def test_a_folder_of_files_is_read_in_order_of_names(tmp_path):
    (tmp_path / "b.json").write_text('[{"instruction": "2"}]')
    (tmp_path / "a.jsonl").write_text('{"instruction": "1"}\n')
    (tmp_path / "notes.txt").write_text("not rows")
    assert [row["instruction"] for row in read_rows(tmp_path)] == ["1", "2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="holds no rows"):
        list(read_rows(tmp_path / "empty"))


def test_a_data_set_of_the_hub(monkeypatch):
    import datasets

    asked = []

    def load(name, configuration, split, revision):
        asked.append((name, configuration, split, revision))
        return datasets.Dataset.from_list(ROWS)

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "load_dataset", load)
        assert list(read_rows("hf:owner/name@0123abc#test")) == ROWS
        assert list(read_rows("hf:owner/name/part")) == ROWS
    assert asked == [
        ("owner/name", None, "test", "0123abc"),
        ("owner/name", "part", "train", "main"),
    ]
    with pytest.raises(UnreachableError, match="'owner/name' at 'v1' cannot be read from the Hub"):
        list(read_rows("hf:owner/name@v1"))
