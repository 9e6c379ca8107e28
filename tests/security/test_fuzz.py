"""Whatever is read from outside, or from a disk that rots, ends in a value or in a TunerError.

`CHAOS_EXAMPLES=20000 pytest tests/security/test_fuzz*.py` searches longer; `make chaos` does so.
"""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import JSON, content, fuzzed, shaped

from synthetic_instruction_tuner.analysis import votes
from synthetic_instruction_tuner.analysis.human import Sides, read_key
from synthetic_instruction_tuner.analysis.vote_files import read_votes
from synthetic_instruction_tuner.benchmarks import all_benchmarks
from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.errors import TunerError
from synthetic_instruction_tuner.evaluation import rows as benchmark_rows
from synthetic_instruction_tuner.evaluation.agents import parsing
from synthetic_instruction_tuner.evaluation.agents.database import query
from synthetic_instruction_tuner.evaluation.agents.tool import ToolError
from synthetic_instruction_tuner.evaluation.instructions import constraints
from synthetic_instruction_tuner.evaluation.kinds.instructions import obeys
from synthetic_instruction_tuner.generation.importing import import_row
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.models import families
from synthetic_instruction_tuner.models.templates import pin_date
from synthetic_instruction_tuner.records import Rejection, Sample, read_lines, to_json
from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.artifacts import find_damage, read_manifest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.workspace import read_study_file
from synthetic_instruction_tuner.training import reference
from synthetic_instruction_tuner.training.checkpoints import checkpoint

DEEP = '{"a":' * 100_000
TOOLS = [{"name": "move", "parameters": {"type": "object", "properties": {"to": {}}}}]


@fuzzed
@given(st.sampled_from([".json", ".jsonl"]), content("instruction", "output", "messages"))
def test_own_rows(tmp_path_factory, suffix, written):
    path = tmp_path_factory.mktemp("own") / f"rows{suffix}"
    path.write_bytes(written)
    try:
        rows = list(read_rows(path))
    except TunerError:
        return
    for row in rows:
        result = import_row("id", 0, row)
        assert isinstance(result, Sample | Rejection)
        to_json(result).encode()


@fuzzed
@given(shaped("instruction", "output", "input", "system", "messages", "conversations", "domain"))
def test_one_own_row(row):
    to_json(import_row("id", 0, row)).encode()


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_nesting_without_an_end(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    path.write_text(DEEP)
    with suppress(TunerError):
        assert [isinstance(import_row("id", 0, one), Rejection) for one in read_rows(path)]


@fuzzed
@given(st.text(max_size=80))
def test_assignments(text):
    for assignment in (text, f"training.arms.0.{text}", f"seed={text}", f"title={text}"):
        with suppress(TunerError):
            assert isinstance(presets.load("sandbox-smoke", [assignment]), StudyConfig)


@fuzzed
@given(st.text(max_size=80) | shaped("name", "training", "evaluation", "seed").map(json.dumps))
def test_study_files(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with suppress(TunerError):
        assert isinstance(presets.load(str(path)), StudyConfig)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "[" * 1500,
        "a: !!python/object/apply:os.getcwd []",
        LAUGHS,
        f"{LAUGHS}title: *a19",
        f"{LAUGHS}generation: {{teacher: *a19, domains: *a19}}",
        f"{LAUGHS}? *a19\n: b",
    ],
)
def test_hostile_yaml(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(TunerError) as caught:
        presets.load(str(path))
    assert len(str(caught.value)) < 20_000


CALL = st.sampled_from(
    ['{"tool": "move"', '"arguments": {', "}", "]", "<tool_call>", "```json", "1."]
)
REPLIES = st.text(max_size=200) | st.lists(CALL | st.text(max_size=5), max_size=40).map("".join)


@fuzzed
@given(REPLIES)
def test_replies_of_agents(text):
    parsing.read_calls(text, TOOLS)
    parsing.read_plan(text, TOOLS)
    parsing.read_answer(text)
    parsing.read_steps(text)
    parsing.read_object(text)


@pytest.mark.parametrize(
    "piece", ["{", "[", '{"a":', "<tool_call>", "Step 1:", "answer ", "\\", "*"]
)
def test_long_replies_take_no_longer(piece):
    test_replies_of_agents.hypothesis.inner_test(piece * 20_000)


@fuzzed
@given(st.text(max_size=200))
def test_queries_of_agents(text):
    tables = {"t": {"columns": ["a"], "types": ["INT"], "rows": [[1]]}}
    for one in (text, f"SELECT {text}", f"UPDATE t SET a = {text}"):
        with suppress(ToolError):
            query(tables, one)


@fuzzed
@given(st.text(max_size=300), st.randoms(use_true_random=False))
def test_constraints(text, rng):
    for name, one in constraints.CONSTRAINTS.items():
        drawn = {"request": text[:9]} if name == "repeats_request" else one.draw(rng)
        obeys({"name": name, "settings": drawn}, text)


@fuzzed
@given(st.text(max_size=200), st.none() | st.text(max_size=8))
def test_chat_templates(template, name):
    with suppress(TunerError):
        pin_date(template)
    with suppress(TunerError):
        families.find_family(name, template)


@fuzzed
@given(content("schema", "stage", "name", "identity", "facts", "files", "seconds", "created"))
def test_manifests(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("artifact")
    (folder / "manifest.json").write_bytes(written)
    manifest = read_manifest(folder)
    if manifest is not None:
        find_damage(manifest)
    assert checkpoint.find_damage(folder)


@fuzzed
@given(JSON, st.dictionaries(st.text(max_size=9), JSON, max_size=3))
def test_manifests_of_the_right_shape(tmp_path_factory, facts, files):
    folder = tmp_path_factory.mktemp("artifact")
    whole = {"schema": 1, "stage": "s", "name": "n", "identity": "i", "created": "c", "seconds": 1}
    (folder / "manifest.json").write_text(json.dumps(whole | {"facts": facts, "files": files}))
    manifest = read_manifest(folder)
    if manifest is not None:
        find_damage(manifest)


@fuzzed
@given(content("fingerprint"), st.integers(0, 200), st.integers(0, 7))
def test_journals(tmp_path_factory, noise, place, bit):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written = Journal(path, "x")
    for number in range(3):
        written.put(f"batch {number}", [number, "\u2028\x85"], 0.5)
    content = bytearray(path.read_bytes() + noise)
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    read = Journal(path, "x")
    for number in range(3):
        assert read.get(f"batch {number}") in (None, [number, "\u2028\x85"])
    assert Journal(path, "x").read() == read.read()


DATA = [one.dataset for name, one in all_benchmarks().items() if one.dataset and "mc2" not in name]
ROWS = content(
    "question", "choices", "answer", "answerKey", "mc1_targets", "ctx", "endings", "label"
)


@pytest.mark.parametrize("data", DATA, ids=lambda one: one.folder)
@fuzzed
@given(ROWS | st.lists(JSON, min_size=2, max_size=4).map(lambda v: json.dumps({"all": v}).encode()))
def test_rows_of_benchmarks(tmp_path_factory, data, written):
    folder = tmp_path_factory.mktemp("rows")
    values = [written]
    with suppress(ValueError, RecursionError):  # the same value in every field that is asked for
        value = json.loads(written)
        many = value.get("all", [value]) if isinstance(value, dict) else [value]
        for one in (many, {"text": many, "label": many}, {"choices": many, "labels": many}):
            fields = {field.name: one for field in data.fields}
            values.append(fields)
    for value in values:
        (folder / "x.jsonl").write_bytes(
            value if isinstance(value, bytes) else json.dumps(value).encode()
        )
        with suppress(TunerError):
            found = benchmark_rows.read_rows(folder / "x.jsonl", data)
            benchmark_rows.write_rows(folder / "again.jsonl", found)


@fuzzed
@given(content("token", "pid", "host", "machine", "until", "since", "started"))
def test_claims(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("claim") / "x.json"
    path.write_bytes(written)
    holder = claims.take(path, "mine")
    if holder is not None:
        claims.describe(holder)
        claims.is_dead(holder)


@fuzzed
@given(content("name", "config", "id", "index", "pair", "left", "right", "benchmark", "answers"))
def test_other_files(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("files") / "study.json"
    path.write_bytes(written)
    (path.parent / votes.ABOUT).write_bytes(written)
    key = {"1": Sides("item", "a", "b")}
    for read in (
        lambda: read_study_file(path.parent),
        lambda: list(read_lines(path, Sample)),
        lambda: benchmark_rows.read_rows(path, DATA[0]),
        lambda: read_key(path),
        lambda: read_votes([path], key),
        lambda: votes._read_about(path.parent),
    ):
        with suppress(TunerError):
            read()
    (path.parent / "study.manifest").write_bytes(written)
    assert reference.read(path.parent, "study") is None
