"""Own rows through `--until filtering` on the T4 preset, without any way to the Hub."""

import json
from collections import Counter

import pytest

from flows.study import study as study_flow
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.records import Example, Rejection, read_lines
from synthetic_instruction_tuner.study.graph import Study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

THINGS = (
    "a bridge", "the tides", "yeast", "a compass", "glass", "a violin", "rust", "the moon",
    "silk", "a candle", "ice", "honey",
)  # fmt: skip
ANSWER = "It depends on where you are and on the time you have, so look closely before you begin."


def rows_like_a_reseeded_run():
    """36 distinct rows, then 12 of them word for word and 4 with one word added: 52 rows."""
    pairs = [(THINGS[n % 12], THINGS[(n + 1 + n // 12) % 12]) for n in range(36)]
    asked = [f"Will {one} outlast {other}?" for one, other in pairs]
    texts = [*asked, *asked[:12], *(f"Now, {one.lower()}" for one in asked[:4])]
    return [{"instruction": one, "response": ANSWER} for one in texts]


def test_own_rows_are_filtered_offline_with_every_survivor_named(tmp_path):
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(rows_like_a_reseeded_run()), encoding="utf-8")
    config = presets.load("colab-t4", [f"generation.source={source}"])
    root = tmp_path / "workspace"

    study_flow(config=config, workspace=str(root), until="filtering")

    study = Study(config, root)
    manifest = study.store.require(study.provisional)
    assert manifest.facts["decontaminated"] is False
    kept = list(read_lines(manifest.path("examples.jsonl"), Example))
    rejected = list(read_lines(manifest.path("rejected.jsonl"), Rejection))
    assert len(kept) + len(rejected) == 52
    rules = Counter(one.rule for one in rejected)
    assert (rules["exact_duplicate"], rules["near_duplicate"], len(kept)) == (12, 4, 36)
    ids = {one.id for one in kept}
    assert len(ids | {one.id for one in rejected}) == 52
    assert all(one.similarity >= 0.8 for one in rejected)
    survivors = {one.id: one.survivor for one in rejected}
    for last in survivors.values():  # a copy of a near-duplicate names that one first
        assert survivors.get(last, last) in ids
    splits = {}
    for one in kept:
        splits.setdefault(one.cluster, set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {one.split for one in kept} == {"train", "validation"}
    assert study.store.find(study.items) is None
    assert study.store.find(study.filtered) is None
