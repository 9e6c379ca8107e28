import io
import zipfile

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.reporting import findings
from synthetic_instruction_tuner.reporting.charts import ticks
from synthetic_instruction_tuner.reporting.charts.chart import marker_of, style_of
from synthetic_instruction_tuner.reporting.format import write
from synthetic_instruction_tuner.reporting.markdown import cell, fenced
from synthetic_instruction_tuner.reporting.page import as_json, content_policy
from synthetic_instruction_tuner.reporting.slides import canvas, fitting, zips
from synthetic_instruction_tuner.reporting.slides.layout import Entry, fit_table, fit_text
from synthetic_instruction_tuner.reporting.store import Results


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.463, "percent", "46.3 %"),
        (-0.0001, "percent", "0.0 %"),
        (0.95, "percent0", "95 %"),
        (0.00377, "small_percent", "0.38 %"),
        (0.0000191, "small_percent", "0.0019 %"),
        (0.085, "small_percent", "8.5 %"),
        (0.02, "points", "2.0 points"),
        (0.041, "delta", "+4.1"),
        (-0.041, "delta", "−4.1"),
        (-0.0001, "delta", "0.0"),
        (12156928, "count", "12,156,928"),
        (0.7249, "ratio", "0.72"),
        (0.0132, "p", "0.013"),
        (0.0001, "p", "< 0.001"),
        (41.53, "seconds", "41.5 s"),
        (738, "seconds", "12.3 min"),
        (11520, "seconds", "3.2 h"),
        (312_496, "bytes", "312 KB"),
        (1_240_000_000, "bytes", "1.2 GB"),
        (0.118, "money", "0.12 USD"),
        (0.00005, "plain", "0.00005"),
        (3.0, "plain", "3"),
        (None, "percent", "not measured"),
    ],
)
def test_figures_are_written_one_way(value, form, text):
    assert write(value, form).replace("\u00a0", " ") == text


def test_text_takes_its_figures_from_the_store():
    results = Results({"scores": {"sft": [0.5, None]}})
    assert results.text("It is [[scores/sft/0|percent]].").replace("\u00a0", " ") == "It is 50.0 %."
    assert results.text("[[scores/sft/1|percent]], [[scores/dpo|percent]]") == (
        "not measured, not measured"
    )
    assert results.html("a < b: [[scores/sft/0|count]]") == (
        'a &lt; b: <span class="n" data-from="scores/sft/0">0</span>'
    )


def test_an_unknown_form_is_an_error():
    with pytest.raises(StageError, match="unknown form 'nice'"):
        Results({}).text("[[a|nice]]")


def compared(verdict, mde=0.05, p=0.4):
    cell = {"status": "measured", "challenger": "dpo", "reference": "sft", "verdict": verdict}
    cell |= {"delta": 0.03, "low": -0.01, "high": 0.07, "mde": mde, "p": p, "p_corrected": 3 * p}
    results = Results(
        {
            "subjects": {"sft": {"label": "LoRA"}, "dpo": {"label": "DPO"}},
            "benchmarks": {"arc": {"label": "ARC"}},
            "comparisons": {"dpo-vs-sft": {"arc": cell}},
            "terms": {"margin": 0.02, "alpha": 0.05},
        }
    )
    return results.text(findings.contrast(results, cell, "arc")).replace("\u00a0", " ")


def test_the_sentence_follows_the_verdict():
    assert compared("better").startswith("DPO is better than LoRA on ARC (+3.0 points")
    assert compared("worse").startswith("DPO is worse than LoRA on ARC")
    assert compared("equivalent").startswith("DPO and LoRA are equivalent on ARC")
    open_question = compared("inconclusive")
    assert open_question.startswith("Whether DPO or LoRA is better on ARC stays open: +3.0 points")
    assert "A true difference of 5.0 points or more would probably have been found" in open_question
    assert "too few groups of items" in compared("inconclusive", mde=None)
    corrected = compared("inconclusive", p=0.03)
    assert "On its own the difference would be significant (p 0.030); corrected" in corrected
    assert corrected.endswith("it is not (p 0.090).")


def test_text_is_shortened_to_its_box():
    assert fitting.shorten("short", 12, (100, 20)) == "short"
    cut = fitting.shorten("word " * 50, 12, (100, 30))
    assert cut.endswith("…")
    assert fitting.height([cut], 12, 100) <= 30
    assert all(fitting.width(line, 12) <= 100 for line in cut.split("\n"))


def test_long_words_are_broken_and_nothing_is_lost():
    found = fitting.lines("a" * 100, 12, 60)
    assert "".join(found) == "a" * 100
    assert all(fitting.width(line, 12) <= 60 for line in found)


def test_no_size_fits_a_box_too_small():
    assert fitting.fitting_size(["text"] * 9, (20, 10), (100, 20)) is None


def test_marks_are_round():
    assert ticks.linear(910) == [0, 250, 500, 750, 1000]
    assert ticks.logarithmic(8, 200, "seconds") == [10, 20, 30, 60, 120]
    assert ticks.logarithmic(4, 25, "count") == [5, 10, 20]
    assert ticks.logarithmic(4.5, 12, "count") == [5, 6, 7, 8, 9, 10]  # else two marks only


def archive(when, inner=b""):
    content = io.BytesIO()
    core = b'<cp:coreProperties><dcterms:created a="b">' + when + b"</dcterms:created></x>"
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(zipfile.ZipInfo("docProps/core.xml", (2020, 1, 2, 3, 4, 6)), core)
        if inner:
            file.writestr("ppt/embeddings/book.xlsx", inner)
    return content.getvalue()


def test_office_files_carry_no_clock():
    early, late = (archive(when, archive(when)) for when in (b"2020-01-01", b"2024-05-06"))
    assert early != late
    assert zips.without_clock(early) == zips.without_clock(late)


def test_markdown_texts_cannot_become_markup():
    assert cell("a|b <script> [x](y)") == r"a\|b \<script\> \[x\](y)"
    assert fenced("```\n# title") == "````text\n```\n# title\n````\n"


def test_chart_data_cannot_end_its_element():
    text = as_json({"label": "</script><b>&"})
    assert not set("<>&") & set(text)


def test_only_the_pages_own_scripts_may_run():
    policy = content_policy("one()", "two()")
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert "unsafe-inline'; style" not in policy.split("script-src")[1].split(";")[0]


def test_what_a_slide_has_no_room_for_is_left_to_the_report():
    rows = [[Entry(f"row {number}"), Entry("1")] for number in range(60)]
    shown, size, heights = fit_table(("Name", "Value"), rows, [3.0, 1.0], 5.0)
    assert shown[0] == rows[0]
    assert shown[-1][0].text == "… more in the report"
    assert (size, sum(heights) <= 5.0) == (14, True)
    texts, size = fit_text(["word " * 30] * 9, (20, 12), (300, 120), 0.5, False)
    assert texts[-1] == "… more in the report"
    assert fitting.height(texts, size, 300, 0.5) <= 120


def test_fourteen_models_have_colour_and_marker_of_their_own():
    models = [f"arm-{n}" for n in range(15)]
    styles = {(style_of(one, models), marker_of(one, models)) for one in models}
    assert len(styles) == 15
    assert [marker_of(one, models) for one in models[:3]] == [0, 1, 2]


@pytest.mark.parametrize("code", [0, 0x0B, 0x1B, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_what_xml_cannot_hold_is_no_text_of_a_slide(code):
    """A model may write any character; one of these would end the report after days of work."""
    assert canvas.printable(f"a{chr(code)}b\t\U0001f600") == "a\ufffdb\t\U0001f600"


def told(seeds=1, state="chosen", winner="sft", better=True, warnings=()):
    """A study of one arm, told by its recommendation."""
    cell = {"status": "measured", "verdict": "better" if better else "inconclusive"}
    return Results(
        {
            "terms": {"seeds": seeds},
            "subjects": {
                "base": {"label": "Base", "headline": True},
                "sft": {"label": "LoRA", "headline": True},
            },
            "benchmarks": {
                "verifiable": {"label": "Verifiable answers", "in_distribution": True},
                "mmlu": {"label": "MMLU", "in_distribution": False},
            },
            "comparisons": {"sft-vs-base": {"verifiable": cell}},
            "recommendations": [{"use_case": "balance", "state": state, "winner": winner}],
            "base_prompts": {},
            "study": {"embedded": False},
            "warnings": list(warnings),
        }
    )


def test_with_one_seed_the_headline_is_about_the_trained_model():
    assert findings.headline(told(3)) == "LoRA is the best choice overall for its cost"
    assert findings.headline(told(1)) == (
        "LoRA, as trained here with one seed, is the best choice overall for its cost"
    )


def test_a_gain_on_tasks_like_those_trained_on_is_told_as_that():
    assert findings.headline(told(3, "none", None)) == (
        "LoRA beats the base on tasks like those trained on; overall no gain is shown"
    )
    assert findings.headline(told(3, "none", None, better=False)) == (
        "No arm is shown to be better than the base overall"
    )


def test_what_does_not_measure_is_told_under_limitations():
    cells = [{"subject": "sft", "benchmark": "mmlu"}]
    said = findings.limitations(
        told(
            warnings=[
                {"kind": "one answer", "cells": cells},
                {"kind": "floor", "benchmarks": ["mmlu"]},
                {"kind": "ceiling", "benchmarks": ["verifiable"]},
                {"kind": "few clusters", "benchmarks": ["mmlu"]},
            ]
        )
    )
    assert said[0].startswith("One answer to (almost) all items: LoRA on MMLU.")
    assert said[1].startswith("No model is shown to be above what guessing or a constant answer")
    assert said[2].startswith("Solved by every model here: Verifiable answers.")
    assert said[3].endswith("to pass the corrected test: MMLU.")
