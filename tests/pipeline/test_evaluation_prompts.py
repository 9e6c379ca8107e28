"""The base asked in plain prompts: what is measured, what is left out, and what a kill costs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from support import evaluation_bench as bench
from support.training_models import save_student

from synthetic_instruction_tuner.evaluation import asking, generation, run
from synthetic_instruction_tuner.evaluation.trial import Trial
from synthetic_instruction_tuner.models.engines.running import RunningBatch
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Example
from synthetic_instruction_tuner.sandbox import held_out_prompts
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Reading
from synthetic_instruction_tuner.training import students

BENCHMARKS = [{"name": "verifiable", "items": 24}, {"name": "agent", "items": 6}]


def make(root: Path, template: str | None = None, **evaluation: object) -> Study:
    data = bench.write_data(root / "d")
    student = save_student(
        root / "m", *(() if template == "own" else (None,)), max_position_embeddings=2048
    )
    settings = {"benchmarks": BENCHMARKS, "prompt_items": 10} | evaluation
    study = bench.make_study(root / "ws", student, data, arms=[bench.ARMS[0]], **settings)
    run.prepare_items(study, Silent())
    kept = [
        Example(f"k{n}", one.instruction, one.answer, one.domain, 0.8, f"c{n}", "train")
        for n, one in enumerate(held_out_prompts(60, 9))
    ]
    with study.store.writing(study.filtered) as folder:
        bench.write(folder / "examples.jsonl", [asdict(one) for one in kept])
    study.store.commit(study.filtered, {}, 0.0)
    return study


def log(manifest) -> list[dict]:
    return [json.loads(line) for line in manifest.path("items.jsonl").read_text().splitlines()]


def named(study: Study, prompt: str, selecting: bool = False, benchmark: str = "verifiable"):
    found = next(b for b in study.config.evaluation.benchmarks if b.name == benchmark)
    return Reading(found, prompt, selecting)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make(tmp_path_factory.mktemp("prompts"))


def test_the_same_items_are_asked_in_every_form_with_prompt_and_answer(study: Study) -> None:
    base = study.subject("base")
    template = run.evaluate(study, base, named(study, "template").benchmark, Silent())
    readings = {name: run.read_base(study, named(study, name), Silent()) for name in ("qa", "qa_4")}
    items = {one["id"]: one for one in log(template)}
    assert len(items) == 24
    assert all("asked" not in one["detail"] for one in items.values())
    for name, found in readings.items():
        asked = {one["id"]: one for one in log(found)}
        assert asked.keys() == items.keys()
        for key, one in asked.items():
            question = one["detail"]["prompt"]
            assert question == items[key]["detail"]["prompt"]
            assert one["detail"]["asked"].endswith(f"Q: {question}\nA:")
            assert one["detail"]["asked"].count("Q: ") >= (5 if name == "qa_4" else 1)
            assert one["target_hash"] == items[key]["target_hash"]
            assert "\nQ:" not in one["detail"]["response"]
    chosen_on = log(run.read_base(study, named(study, "template", True), Silent()))
    assert not {one["detail"]["prompt"] for one in chosen_on} & {
        one["detail"]["prompt"] for one in items.values()
    }


def test_an_answer_stops_where_it_would_be_cut(study: Study) -> None:
    with students.under_test(study, study.subject("base")) as student:
        texts = ["Q: one two\nA:", "Q: three\nA:"]
        whole = generation.continue_texts(student, texts, 40, 512, 2)
        stop = whole[0].text.lstrip()[3:5]
        cut = generation.continue_texts(student, texts, 40, 512, 2, [stop])
        assert [one.text for one in cut] == [asking.cut(one.text, [stop]) for one in whole]
        assert cut[0].tokens < whole[0].tokens
        assert cut[0].finish == "stop"


def test_a_killed_reading_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = named(make(tmp_path / "a", answer_batch_size=2), "qa")
    whole = run.read_base(make(tmp_path / "a", answer_batch_size=2), reading, Silent())
    other = make(tmp_path / "b", answer_batch_size=2)
    calls, answer = [], generation._answer_chunk

    def dying(trial: Trial, texts: list[str], name: str, journal) -> None:
        calls.append(journal.get(name) is None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        answer(trial, texts, name, journal)

    monkeypatch.setattr(generation, "_answer_chunk", dying)
    with pytest.raises(KeyboardInterrupt):
        run.read_base(other, reading, Silent())
    assert other.store.find(other.reading(reading)) is None
    again = run.read_base(other, reading, Silent())
    assert calls == [True, True, True, False, False, True]
    assert log(again) == log(whole)


@pytest.mark.parametrize("prompts", [None, ("template", "qa")])
def test_a_student_that_brings_a_template_is_asked_otherwise_only_if_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: tuple[str, ...] | None
) -> None:
    study = make(tmp_path, "own", base_prompts=prompts)
    drawn = []
    advance = RunningBatch.advance
    monkeypatch.setattr(RunningBatch, "advance", lambda one: (drawn.append(1), advance(one)))
    found = run.read_base(study, named(study, "qa", benchmark="agent"), Silent())
    if prompts is None:
        assert found.facts == {"left_out": "the student brings a chat template"}
        assert set(found.files) == {"left_out.json"}
        assert not drawn
    else:
        assert found.facts["items"] == 6
        assert drawn
