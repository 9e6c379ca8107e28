"""Only what the present settings do not need is listed, and only that is removed."""

import os
import subprocess
import sys

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.inspection import cleaning
from synthetic_instruction_tuner.storage import processes
from synthetic_instruction_tuner.study.graph import Study


def test_superseded_and_damaged_go_current_work_stays(tmp_path):
    study = Study(presets.load("sandbox-smoke"), tmp_path)
    current = study.trained(study.subject("sft"))
    kept = [
        tmp_path / "models/sft/final/adapter_model.safetensors",
        tmp_path / f".unfinished/sft-{current.identity[:12]}/checkpoint/weights.safetensors",
        tmp_path / ".unfinished/draws-0000000-0000019-0123456789ab/samples.jsonl",
    ]
    gone = {
        tmp_path / ".superseded/models-sft-0123456789ab/final/adapter_model.safetensors": 5,
        tmp_path / ".set-aside/evaluation-items/items.jsonl": 7,
        tmp_path / ".unfinished/sft-ffffffffffff/checkpoint/weights.safetensors": 11,
        tmp_path / ".study.json.0123456789ab.tmp": 13,
    }
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * gone.get(path, 1))

    found = cleaning.find_leftovers(study)
    assert [(one.path.parent.name, one.size, one.why) for one in found] == [
        (".superseded", 5, "made with earlier settings"),
        (".set-aside", 7, "damaged, and made again since"),
        (".unfinished", 11, "begun with earlier settings"),
        (tmp_path.name, 13, "half written by a killed process"),
    ]
    cleaning.remove(study, found)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert cleaning.find_leftovers(study) == []


def test_what_a_killed_taker_of_a_lease_leaves_is_listed_and_what_a_live_one_writes_is_not(
    tmp_path,
):
    study = Study(presets.load("sandbox-smoke"), tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = processes.process_name().replace(f"-{os.getpid()}", f"-{ended.pid}")
    (tmp_path / ".claims").mkdir()
    for place in (tmp_path / ".lease.json", tmp_path / ".claims/models-sft.json"):
        for holder in (dead, processes.process_name()):
            place.with_name(f"{place.name}.0123456789ab.{holder}").write_text("{}")
    found = [one.path.name for one in cleaning.find_leftovers(study)]
    assert found == [f"models-sft.json.0123456789ab.{dead}", f".lease.json.0123456789ab.{dead}"]
