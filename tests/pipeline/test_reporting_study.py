"""Comparison, figures, report and slides made from result files that the test wrote."""

import base64
import hashlib
import html
import io
import json
import re
import zipfile

import pandas
import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.charts import catalogue, pictures
from synthetic_instruction_tuner.reporting.format import FORMS, MISSING, write
from synthetic_instruction_tuner.reporting.glossary import GLOSSARY, SECTIONS
from synthetic_instruction_tuner.reporting.run import draw_figures, set_aside_outdated, write_report
from synthetic_instruction_tuner.reporting.slides.slides import SLIDES
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@pytest.fixture(scope="module", autouse=True)
def no_browser():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "find_browser", lambda: None)
        yield


def make(root, **options):
    study = measured_study.build(root, **options)
    compare(study)
    return study, write_report(study)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def store(made):
    return measured_study.store_of(made[0].store.require(made[0].comparison))


@pytest.fixture(scope="module")
def page(made):
    return made[1].path("report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def deck(made):
    from pptx import Presentation

    return Presentation(made[1].path("slides.pptx"))


# --- every number comes from the store ----------------------------------------------------------


def leaves(value):
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield value


def known_numbers(store):
    """All numbers a report may print: every value of the store in every form, and its texts."""
    known = set()
    for value in leaves(store):
        if isinstance(value, str):
            known.update(NUMBER.findall(value))
        elif not isinstance(value, bool):
            for form in FORMS:
                known.update(NUMBER.findall(write(value, form)))
    return known


def visible(page):
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def foreign_numbers(text, store):
    """Numbers that no row of the store explains; citations are no results."""
    text = re.sub(r"arXiv:\S+", "", text)
    return sorted(set(NUMBER.findall(text)) - known_numbers(store))


def test_every_number_of_the_page_is_a_row_of_the_store(page, store):
    assert set(foreign_numbers(visible(page), store)) <= {
        str(n) for n in range(1, len(SECTIONS) + 1)
    }


def test_every_tagged_figure_is_what_its_path_holds(page, store):
    results = Results(store)
    spans = re.findall(r'<span class="n" data-from="([^"]+)">([^<]*)</span>', page)
    assert len(spans) > 300
    for path, text in spans:
        value = results.get(html.unescape(path))
        shown = html.unescape(text)
        if shown == MISSING:
            assert value is None
            continue
        forms = FORMS if not isinstance(value, str) else ("plain",)
        assert shown in {write(value, form) for form in forms}, path


def test_every_number_of_markdown_and_cards_is_a_row_of_the_store(made, store):
    for name in made[1].files:
        if name.endswith(".md"):
            text = made[1].path(name).read_text("utf-8")
            assert foreign_numbers(text, store) == [], name


def slide_texts(slide):
    for shape in slide.shapes:
        if shape.has_text_frame:
            yield shape.text_frame.text
        if shape.has_table:
            yield from (cell.text for row in shape.table.rows for cell in row.cells)


def test_every_number_of_the_slides_is_a_row_of_the_store(deck, store):
    for number, slide in enumerate(deck.slides, start=1):
        texts = [one for one in slide_texts(slide) if one != str(number)]
        texts.append(slide.notes_slide.notes_text_frame.text)
        assert foreign_numbers("\n".join(texts), store) == [], number


def test_every_number_of_the_charts_is_a_row_of_the_store(deck, store):
    values = {value for value in leaves(store) if isinstance(value, float | int)}
    for slide in deck.slides:
        for shape in slide.shapes:
            if shape.has_chart:
                for series in shape.chart.plots[0].series:
                    for value in series.values:
                        scaled = {value, value * 60, value * 1e6, value * 1e3}
                        assert any(
                            abs(one - known) < 1e-6 * max(1, known)
                            for one in scaled
                            for known in values
                        )


# --- the page ------------------------------------------------------------------------------------


def test_what_models_wrote_stays_text(page, made):
    assert "<script>alert" not in page
    assert html.escape(measured_study.PLANTED) in page or "&lt;script&gt;alert(&#39;planted" in page
    assert "[[scores/base/verifiable/score|percent]]" in page  # a reference in an answer is text
    markdown = made[1].path("report.md").read_text("utf-8")
    assert "<script>" not in re.sub(r"```text\n.*?\n```", "", markdown, flags=re.S)


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(page):
    body = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:|//)", body)
    assert "url(" not in body
    assert "<link" not in body
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    for script in re.findall(r"<script>(.*?)</script>", page, flags=re.S):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_is_one_small_file_for_light_dark_and_phones(page):
    assert len(page.encode()) < 6_000_000
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert page.count("plotly.js v") == 1


def test_the_page_has_all_sections_and_everything_a_reader_asks_for(page):
    for name, title in SECTIONS:
        assert f'<section id="{name}">' in page
        assert html.escape(title) in page
    for table in ("gates", "scores", "primary", "exploratory", "efficiency", "pareto", "methods"):
        assert f'<table id="{table}"' in page
    for table in ("agents-agent", "errors-agent", "constraints-instructions"):
        assert f'<table id="{table}"' in page
    for chart in ("funnel", "loss", "preference_accuracy", "answers", "gains"):
        assert f'id="figure-{chart}"' in page
    for word, _ in GLOSSARY:
        assert f"<dt>{word}</dt>" in page


def test_the_body_is_as_long_as_a_paper_and_the_rest_is_appendix(page, store):
    told = " ".join(visible(page).split())
    _, body, appendix = told.split("Appendix", 2)  # the first is in the contents
    assert 1_000 < len(body.split()) <= 4_000
    for rule in {Results(store).text(one["rule"]) for one in store["recommendations"]}:
        written = "".join(rule.split())  # tags around figures become blanks
        assert "".join(told.split()).count(written) == 1
        assert written in "".join(appendix.split())
    assert not re.search(r"\b[0-9a-f]{32}\b", told)
    for cited in ("2406.08464", "2106.09685", "2104.08691", "2305.18290", "2403.14608"):
        assert f"arXiv:{cited}" in body
    for words in ("AdamW", "weight decay", "Computed in float32", "Machine:", "no reason is given"):
        assert words in body
    assert "Criteria that were not met" in body


def test_charts_of_the_page_are_valid_plotly(page):
    import plotly.graph_objects as graph

    data = re.search(r'id="charts">(.*?)</script>', page, flags=re.S)[1]
    charts = json.loads(data)
    assert len(charts) >= 10
    named = json.dumps(charts)
    for index in range(8):
        named = named.replace(f'"@{index}"', '"#123456"')
    for word in ("@ink", "@pale", "@muted"):
        named = named.replace(f'"{word}"', '"#123456"')
    for chart in json.loads(named).values():
        graph.Figure(chart)  # raises on any unknown property


# --- the slides ----------------------------------------------------------------------------------


def test_the_deck_lasts_fifteen_minutes_and_has_notes(deck, store):
    assert 12 <= len(deck.slides) <= 14
    assert sum(one.minutes for one in SLIDES if one.wanted(Results(store))) == 15
    for slide in deck.slides:
        assert "minute" in slide.notes_slide.notes_text_frame.text.split(".")[0]


def test_charts_of_the_deck_are_native(deck):
    charts = [shape for slide in deck.slides for shape in slide.shapes if shape.has_chart]
    assert len(charts) >= 5
    assert not any(shape.shape_type == 13 for slide in deck.slides for shape in slide.shapes)


def test_nothing_on_a_slide_is_under_fourteen_points(deck):
    sizes = set()
    for slide in deck.slides:
        for shape in slide.shapes:
            frames = [shape.text_frame] if shape.has_text_frame else []
            if shape.has_table:
                frames += [cell.text_frame for row in shape.table.rows for cell in row.cells]
            runs = [run for one in frames for part in one.paragraphs for run in part.runs]
            sizes |= {run.font.size.pt for run in runs if run.text.strip()}
            if shape.has_chart:
                xml = shape.chart._chartSpace.xml
                sizes |= {int(size) / 100 for size in re.findall(r'sz="(\d+)"', xml)}
    assert min(sizes) >= 14


def test_the_deck_tells_why_shows_gains_and_answers_and_what_comes_next(deck):
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    wanted = ("Why it matters", "Gain or loss", "Two prompts, before and after", "what comes next")
    for words in wanted:
        assert any(words in title for title in titles), words
    assert "Agent tasks by category" not in titles  # a table of zeros tells nothing


def test_nothing_leaves_its_slide(deck):
    for slide in deck.slides:
        for shape in slide.shapes:
            height = shape.height
            if shape.has_table:
                height = sum(row.height for row in shape.table.rows)
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + height <= deck.slide_height


# --- determinism, renewal, what is missing -------------------------------------------------------


def test_a_second_workspace_gives_the_same_bytes(made, tmp_path):
    _, again = make(tmp_path)
    assert again.files == made[1].files


def test_a_rerun_does_nothing(made):
    study, report = made
    assert compare(study).created == study.store.require(study.comparison).created
    assert write_report(study) == report


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    return make(
        tmp_path_factory.mktemp("partial"),
        skip=["dpo", "pairs", "dpo/verifiable", "sft/mmlu-0shot", "filtered"],
    )


def test_what_is_missing_reads_not_measured(partial):
    study, report = partial
    store = measured_study.store_of(study.store.require(study.comparison))
    assert store["scores"]["dpo"]["verifiable"] == {"status": "not measured"}
    assert store["efficiency"]["dpo"]["train_seconds"] is None
    assert store["dataset"] == {"status": "not measured"}
    states = {gate["name"]: gate["state"] for gate in store["gates"]}
    assert states["preference_accuracy:dpo"] == states["quality"] == "not measured"
    page = report.path("report.html").read_text("utf-8")
    assert "DPO on Verifiable answers" in page
    numbers = set(foreign_numbers(visible(page), store))
    assert numbers <= {str(n) for n in range(1, len(SECTIONS) + 1)}
    table = pandas.read_csv(report.path("tables/comparisons.csv"))
    chosen = table.query(
        "challenger == 'dpo' and reference == 'base' and benchmark == 'verifiable'"
    )
    assert chosen["status"].tolist() == ["not measured"]
    assert chosen.iloc[0].dropna().to_dict() == {
        "benchmark": "verifiable", "reference_score": 0.07, "challenger": "dpo",
        "reference": "base", "family": "primary", "status": "not measured",
    }  # fmt: skip


def tiny(**changes):
    """One arm, one benchmark of forty items."""
    return measured_study.settings(
        items=40,
        evaluation={"benchmarks": [{"name": "arc_easy", "items": 40}]},
        training={"student": {"name": "a/b"}, "arms": [{"name": "sft", "method": "lora"}]},
        **changes,
    )


def test_a_result_that_comes_later_renews_comparison_and_report(tmp_path):
    config = tiny()
    study = measured_study.build(tmp_path, config, skip=["sft/arc_easy"])
    before = compare(study)
    assert measured_study.store_of(before)["scores"]["sft"]["arc_easy"]["status"] == "not measured"
    old = write_report(study)
    set_aside_outdated(study)
    assert study.store.find(study.comparison) == before  # nothing new: nothing happens
    measured_study.write_result(study, study.subject("sft"), config.evaluation.benchmarks[0])
    set_aside_outdated(study)
    assert study.store.find(study.comparison) is study.store.find(study.report) is None
    after = compare(study)
    assert measured_study.store_of(after)["scores"]["sft"]["arc_easy"]["status"] == "measured"
    assert write_report(study).files != old.files


def test_an_adapter_under_another_name_is_an_error(tmp_path):
    study = measured_study.build(tmp_path, tiny(), skip=["filtered", "sft"])
    measured_study.write_run(study, study.subject("sft"), subject="dpo")
    with pytest.raises(StageError, match="holds the run of dpo"):
        compare(study)


def test_several_seeds_show_their_spread(tmp_path):
    study, report = make(tmp_path, config=tiny(seeds=[42, 43]), skip=["filtered", "pairs"])
    store = measured_study.store_of(study.store.require(study.comparison))
    assert store["seeds"]["sft"]["arc_easy"]["seeds"] == 2
    assert "Between training seeds" in report.path("report.html").read_text("utf-8")
    assert not any(one["kind"] == "one seed" for one in store["warnings"])
    cell = store["comparisons"]["sft-vs-base"]["arc_easy"]
    assert (cell["seeds"], cell["test"]) == (2, "t over items and seeds")
    runs = [store["runs"][name]["arc_easy"] for name in ("sft", "sft-seed43")]
    assert store["scores"]["sft"]["arc_easy"]["score"] == pytest.approx(sum(runs) / 2)
    assert len(store["efficiency"]["sft"]["repeated"]["chain_seconds"]) == 2


def test_every_benchmark_stands_beside_what_needs_no_skill(store, page):
    found = store["yardsticks"]
    assert (found["mmlu-0shot"]["constant"], found["mmlu-0shot"]["floor"]) == ("always B", 0.27)
    assert (found["arc_easy"]["constant"], found["arc_easy"]["floor"]) == (None, 0.25)
    assert "always B" in page
    assert '<table id="commonest"' in page
    assert "One training seed: scores and verdicts are about these trained models." in page
    assert "verifiable" in store["aggregate"]["benchmarks"]
    assert "verifiable" not in store["elsewhere"]["benchmarks"]
    assert "without tasks like those trained on" in page
    counted = set(store["aggregate"]["benchmarks"])
    assert counted == {key for key, one in found.items() if one["state"] == "measures"}


def test_fourteen_arms_fit_the_page_and_the_deck(tmp_path):
    from pptx import Presentation

    methods = ("lora", "dora", "rslora", "ia3", "vera", "p_tuning", "prefix_tuning", "full")
    arms = [{"name": name, "method": name} for name in methods]
    arms += [{"name": f"more_{n}", "method": "lora", "rank": n} for n in range(2, 8)]
    config = measured_study.settings(items=40, training={"student": {"name": "a/b"}, "arms": arms})
    with pytest.MonkeyPatch.context() as patch:
        for arm in arms:
            patch.setitem(measured_study.ABILITY, arm["name"], measured_study.ABILITY["sft"])
            patch.setitem(measured_study.COST, arm["name"], measured_study.COST["sft"])
        study, report = make(tmp_path, config=config, skip=["filtered"])
    page = report.path("report.html").read_text("utf-8")
    assert len(page.encode()) < 6_000_000
    store = measured_study.store_of(study.store.require(study.comparison))
    cells = [cell for row in store["comparisons"].values() for cell in row.values()]
    assert len(cells) == 105 * 6
    shown = re.search(r'<table id="exploratory".*?</table>', page, flags=re.S)[0]
    assert shown.count("<tr>") == 1 + tables.MOST_EXPLORATORY
    assert "all of them are in tables/comparisons.csv" in page
    wide = re.findall(r'class="scroll many"><table id="(\w+)"', page)  # printed on wide pages
    assert "scores" in wide
    assert "training" not in wide
    deck = Presentation(report.path("slides.pptx"))
    table = next(
        shape.table
        for slide in deck.slides
        if slide.shapes.title.text_frame.text == "All benchmarks, all models"
        for shape in slide.shapes
        if shape.has_table
    )
    assert table.rows[len(table.rows) - 1].cells[0].text == "… more in the report"
    assert table.cell(0, 1).text == "MMLU, 0-shot"


def test_figures_are_written_as_png_and_svg(tmp_path):
    study, _ = make(tmp_path, config=tiny(), skip=["filtered", "pairs"])
    files = draw_figures(study).files
    assert {
        "answers.png",
        "answers.svg",
        "gains.png",
        "gains.svg",
        "loss.png",
        "memory.svg",
    } <= set(files)


@pytest.mark.parametrize("name", ["answers", "gains", "loss", "pareto_chain_seconds"])
def test_a_chart_drawn_again_has_the_same_bytes(store, name, tmp_path):
    results = Results(store)
    chart = catalogue.charts(results)[name]
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        pictures.save(chart, results.models, tmp_path / folder)
    for suffix in (".png", ".svg"):
        one, two = (tmp_path / folder / f"{name}{suffix}" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_the_deck_holds_no_clock(made):
    content = made[1].path("slides.pptx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
