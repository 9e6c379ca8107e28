"""A base that answers better in a plain prompt than the arms in the template, in every output."""

import json

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.evaluation.run import OWN_TEMPLATE
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.run import write_report

STRONG = {
    "qa": {"verifiable": 0.95, "instructions": 0.9},
    "qa_4": {"verifiable": 0.9, "instructions": 0.85},
}


def make(root, base=STRONG, **changes):
    config = measured_study.settings(
        evaluation={
            "benchmarks": [
                {"name": "arc_easy", "items": 200},
                {"name": "verifiable", "items": 200},
                {"name": "instructions", "items": 200},
            ],
            **changes,
        },
        training={
            "student": {"name": "a/b"},
            "arms": [
                {"name": "sft", "method": "lora"},
                {"name": "prompt_tuning", "method": "prompt_tuning"},
            ],
        },
    )
    study = measured_study.build(root, config, skip=["pairs"], plain=base)
    return study


def written(study, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    compared = compare(study)
    return compared, write_report(study)


def share(key, able):
    """Count the right answers that the test data give a base of that ability."""
    items = measured_study.score_items("base", key, 200, able)
    return sum(one.scores["accuracy"] for one in items) / len(items)


def use(store, case):
    return next(one for one in store["recommendations"] if one["use_case"] == case)


def test_arms_that_lose_against_the_base_in_a_plain_prompt_are_said_to_lose(tmp_path, monkeypatch):
    compared, report = written(make(tmp_path), monkeypatch)
    store = measured_study.store_of(compared)
    for key in ("verifiable", "instructions"):
        assert store["base_prompts"][key]["chosen"] == "qa"
        assert store["comparisons"]["sft-vs-base"][key]["verdict"] == "worse"
        assert store["scores"]["base"][key]["score"] == pytest.approx(share(key, STRONG["qa"][key]))
        template = store["base_in_template"]["scores"][key]["score"]
        assert template == pytest.approx(share(key, None))
        assert template < 0.1
    assert (
        store["base_in_template"]["mean"]["score"] < store["aggregate"]["models"]["base"]["score"]
    )
    overall = use(store, "balance")
    assert (overall["state"], overall["winner"]) == ("none", None)
    assert overall["behind"] == ["sft", "prompt_tuning"]
    assert use(store, "right_answers")["state"] == use(store, "fastest")["state"] == "none"
    headline = (
        "The base in its best prompt is better than every arm overall, each trained with one seed"
    )
    markdown = report.path("report.md").read_text("utf-8")
    page = report.path("report.html").read_text("utf-8")
    slides = "\n".join(texts(report.path("slides.pptx")))
    for text in (markdown, page, slides):
        assert headline in text
        assert "Base, best prompt" in text
        assert "Base, template" in text
    assert "LoRA, has" in markdown
    assert "Verifiable answers: every arm is behind" in markdown
    assert "asked as Q: … A:" in markdown
    assert compared.path("tables/base_prompts.csv").read_text().count("\nverifiable,") == 3
    assert json.loads(compared.path("base_prompts.json").read_text()) == store["base_prompts"]
    assert compared.path("base_in_template.json").is_file()


def texts(path):
    from pptx import Presentation

    for slide in Presentation(path).slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            if shape.has_table:
                for row in shape.table.rows:
                    yield from (cell.text for cell in row.cells)


def test_a_student_with_a_template_of_its_own_has_one_prompt_and_the_report_says_so(
    tmp_path, monkeypatch
):
    study = make(tmp_path)
    for one in study.readings:
        facts = {"left_out": OWN_TEMPLATE}
        measured_study.write(study, study.reading(one), facts, 0.0, left_out=facts)
    compared, report = written(study, monkeypatch)
    store = measured_study.store_of(compared)
    assert store["comparisons"]["sft-vs-base"]["verifiable"]["verdict"] == "better"
    markdown = report.path("report.md").read_text("utf-8")
    assert "The student brings a chat template, so the base is asked in no other prompt" in markdown
    assert "Base, best prompt" not in markdown
    assert "LoRA, as trained here with one seed, is the best choice overall" in markdown


def test_a_study_of_one_prompt_reads_as_it_always_did(tmp_path, monkeypatch):
    compared, report = written(make(tmp_path, base_prompts=["template"]), monkeypatch)
    store = measured_study.store_of(compared)
    assert store["base_prompts"] == {}
    assert store["base_in_template"]["scores"] == store["scores"]["base"]
    assert "best prompt" not in report.path("report.md").read_text("utf-8")
