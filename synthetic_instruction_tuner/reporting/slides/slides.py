"""slides.pptx: fifteen minutes, native charts, speaker notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.reporting import findings
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.slides import slides_results, slides_talks
from synthetic_instruction_tuner.reporting.slides.canvas import BODY, Deck
from synthetic_instruction_tuner.reporting.slides.layout import Box, Entry
from synthetic_instruction_tuner.reporting.slides.slides_results import (
    ABOVE_CAPTION,
    CAPTION,
    entries,
)
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables, tables_data

Charts = Mapping[str, Chart]

LEFT = Box(0.7, 1.55, 7.4, 5.2)
RIGHT = Box(8.35, 1.6, 4.3, 5.1)


class Slide(NamedTuple):
    """One slide: minutes to speak, section, and what puts it on the deck.

    `write` returns False where the study has nothing to show; the slide is then left out.
    """

    minutes: float
    section: str
    title: Callable[[Results], str]
    write: Callable[[Deck, Results, Charts], None]
    notes: Callable[[Results], Sequence[str]]
    wanted: Callable[[Results], bool] = lambda results: True


def render(results: Results, charts: Charts) -> bytes:
    """Render the presentation."""
    deck = Deck(f"{results.get('study/title')}  ·  study {results.get('study/name')}")
    for slide in SLIDES:
        if not slide.wanted(results):
            continue
        spoken = [results.text(one) for one in slide.notes(results)]
        notes = "\n\n".join([f"{minutes_in_words(slide.minutes)}.", *spoken])
        deck.add(slide.title(results), slide.section, notes)
        slide.write(deck, results, charts)
    return deck.save()


def minutes_in_words(minutes: float) -> str:
    """Write a speaking time in words: plans are not measurements and carry no figures."""
    return {0.5: "Half a minute", 1: "One minute", 1.5: "One and a half minutes"}[minutes]


# --- what stands on each slide -------------------------------------------------------------------


def _opening(deck: Deck, results: Results, charts: Charts) -> None:
    study = results.data["study"]
    deck.text(Box(0.7, 1.9, 11.9, 1.3), [f"{findings.headline(results)}."], (30, 28, 26, 24, 20))
    lines = [
        f"Student: {study['student']}",
        f"Rows: imported from {study['source']}"
        if study["source"]
        else f"Teacher: {study['teacher']}",
        f"Compared: the untrained base, {', '.join(results.label(arm) for arm in results.arms)}",
    ]
    deck.text(Box(0.7, 3.7, 11.9, 2.4), lines, (20, 18, 16, 14), "5B6675")


def _short(deck: Deck, results: Results, charts: Charts) -> None:
    deck.text(BODY, [results.text(one) for one in findings.summary(results)], bullets=True)


def _setup(deck: Deck, results: Results, charts: Charts) -> None:
    steps = [
        "Why: adapting a small model costs a fraction of serving a large one, but which method is "
        "worth it is mostly told from untuned runs on different data.",
        "Generate: the teacher writes instructions and answers, seeing only the empty start of a "
        "conversation (Magpie).",
        "Filter: rules reject what is too short, repeated, refused, foreign or a "
        "near-duplicate; every rejected row keeps its reason.",
        "Prefer: several models answer, a reward model ranks, best and worst become a pair.",
        "Adapt: each arm trains a small addition to the same frozen student.",
        "Measure: base and arms answer the same items under the same conditions; differences are "
        "paired, corrected, and judged better, worse, equivalent or inconclusive.",
    ]
    if not results.preference_arms:
        steps.pop(3)
    deck.text(BODY, steps, bullets=True, gap=0.7)


def _data(deck: Deck, results: Results, charts: Charts) -> None:
    if "funnel" in charts:
        deck.chart(charts["funnel"], results.models, Box(0.7, 1.55, 4.6, 5.2))
    rows = entries(results, tables.gates(results), small=False)
    rows.sort(key=lambda row: row[1].state == "pass")  # what was not met comes first
    header = ("Acceptance criterion", "Result", "Measured", "Required")
    deck.table(header, rows, (3.6, 1.2, 1.1, 1.7), Box(5.4, 1.6, 7.2, 5.2), frozenset({0, 1}))


def _methods(deck: Deck, results: Results, charts: Charts) -> None:
    table = tables_data.methods(results)
    deck.table(
        table.header,
        entries(results, table),
        (2.6, 1.4, 1.2, 1.3, 1.1, 3.4),
        left=frozenset({0, 1, 2, 5}),
    )


def _training(deck: Deck, results: Results, charts: Charts) -> None:
    table = tables_data.training(results)
    ranked = {results.label(arm) for arm in results.preference_arms}  # their loss: another scale
    rows = [row for row in entries(results, table, (0, 3, 4)) if row[0].text not in ranked]
    if "loss" in charts:
        deck.chart(charts["loss"], results.models, LEFT)
    deck.table(("Arm", "Before", "After"), rows, (2, 1, 1), RIGHT)


def _preference(deck: Deck, results: Results, charts: Charts) -> None:
    lines = [results.text(one) for one in findings.preference(results)]
    rows = entries(results, tables_data.preference(results))
    known = [one for one in ("preference_accuracy", "preference_margin") if one in charts]
    if not known:
        deck.text(RIGHT, lines, (18, 17, 16, 15, 14))
        deck.table(("Pairs", ""), rows, (2.4, 1), LEFT)
        return
    deck.chart(charts[known[0]], results.models, LEFT)
    deck.text(Box(8.35, 1.6, 4.3, 1.75), lines, (14,))
    deck.table(("Pairs", ""), rows, (2.4, 1), Box(8.35, 3.4, 4.3, 3.4))


def _gains(deck: Deck, results: Results, charts: Charts) -> None:
    if "gains" not in charts:
        deck.text(BODY, ["Not measured."])
        return
    bars = dataclasses.replace(charts["gains"], kind="bars")  # programs have no chart of dots
    deck.chart(bars, results.models, ABOVE_CAPTION)
    deck.text(CAPTION, [results.text(charts["gains"].note)], (14,), "5B6675")


def _efficiency(deck: Deck, results: Results, charts: Charts) -> None:
    table, columns = tables.efficiency(results), (0, 1, 2, 3, 4, 5, 6)
    header = [table.header[index] for index in columns]
    deck.table(header, entries(results, table, columns), (2, *[1.3] * 6), ABOVE_CAPTION)
    deck.text(CAPTION, [results.text(table.note)], (14,), "5B6675")


def _tradeoff(deck: Deck, results: Results, charts: Charts) -> None:
    chart = charts.get("pareto_chain_seconds")
    if chart is None:
        deck.text(BODY, ["Not measured."])
        return
    deck.chart(chart, results.models, ABOVE_CAPTION)
    base = "[[aggregate/models/base/score|percent]]"
    deck.text(
        CAPTION,
        [results.text(f"{chart.note} The base stands at {base}.")],
        (14,),
        "5B6675",
    )


def _recommendations(deck: Deck, results: Results, charts: Charts) -> None:
    rows = []
    for one in results.data["recommendations"]:
        chosen = tables.choice(results, one)
        rows.append([Entry(one["label"]), Entry(chosen), Entry(results.text(one["reason"]) or "–")])
    header = ("If you want", "Use", "Why")
    deck.table(header, rows, (2.2, 2, 6), left=frozenset({0, 1, 2}))


def _limits(deck: Deck, results: Results, charts: Charts) -> None:
    lines = [results.text(one) for one in findings.limitations(results)]
    lines = [*_next(results), *lines]
    deck.text(BODY, lines, (18, 17, 16, 15, 14), bullets=True)


def _next(results: Results) -> list[str]:
    """Say what would answer what stays open."""
    steps = []
    cells = [cell for row in results.data["comparisons"].values() for cell in row.values()]
    primary = [one for one in cells if one["family"] == "primary" and one["status"] == "measured"]
    if any(one["verdict"] == "inconclusive" for one in primary):
        steps.append("Next: more items where declared comparisons stay open; the report tells "
                     "which difference the items at hand could show.")  # fmt: skip
    if results.data["terms"]["seeds"] == 1:
        steps.append("Next: further training seeds, so that claims are about the methods.")
    if results.get("study/embedded"):
        steps.append("Next: the same study on models of billions of parameters (preset colab-t4).")
    steps.append("Every number stands in the report's tables; a rerun gives the same data.")
    return steps


def _fixed(text: str) -> Callable[[Results], str]:
    return lambda results: text


def _has_preference(results: Results) -> bool:
    return bool(results.preference_arms)


def _has_transcripts(results: Results) -> bool:
    return bool(results.data["transcripts"])


def _shows_agents(results: Results) -> bool:
    """Whether agent tasks get the minute of the examples, and any model has done one."""
    done = (one for models in results.data["agents"].values() for one in models.values() if one)
    return not _has_transcripts(results) and any(one["overall"]["success"] > 0 for one in done)


SLIDES = (
    Slide(0.5, "Study", lambda r: str(r.get("study/title")), _opening, lambda r: [
        "Welcome. The question is practical: which way of adapting a model is worth its cost.",
        f"The short answer: {findings.headline(r)}."]),
    Slide(1.5, "In short", _fixed("What was found"), _short, lambda r: [
        "Say the verdicts as they stand. Where one is inconclusive, say that it is open.",
        *findings.summary(r)]),
    Slide(1, "Introduction", _fixed("Why it matters, and how it works"), _setup, lambda r: [
        "All arms share student, data, items and conditions. Only the method differs."]),
    Slide(1, "Dataset", _fixed("From drawn to kept rows"), _data, lambda r: [
        "[[dataset/drawn|count]] rows drawn, [[dataset/kept|count]] kept.",
        "Every rejected row keeps the rule that rejected it; the report shows examples.",
        "The criteria were fixed before the study ran. A failed one is shown, not hidden."]),
    Slide(1, "Methods", _fixed("How each arm adapts the student"), _methods, lambda r: [
        "The student stays frozen. What differs is how much is trained, and from what."]),
    Slide(1, "Training", _fixed("Loss on held-out rows"), _training, lambda r: [
        "Lower is better. The first point is before the first step.", *findings.costs(r)]),
    Slide(1, "Training", _fixed("What preference training learns"), _preference, lambda r: [
        *findings.preference(r)], _has_preference),
    Slide(1.5, "Results", _fixed("Gain or loss against the base"), _gains, lambda r: [
        findings.answers(r)]),
    Slide(1.5, "Results", _fixed("All benchmarks, all models"), slides_results.benchmarks,
          lambda r: [
        "Colour and sign are the verdict against the base on the same items.",
        *(findings.against_base(r, arm) for arm in r.arms)]),
    Slide(1, "Results", _fixed("Agent tasks by category"), slides_results.agents, lambda r: [
        "Every task is executed and checked by a program; no model judges another.",
        "Lenient: the meaning can be read. Strict: exactly the form that was asked for."],
        _shows_agents),
    Slide(1, "Comparison", _fixed("What each arm costs"), _efficiency, lambda r: findings.costs(r)),
    Slide(1, "Comparison", _fixed("Quality against training time"), _tradeoff, lambda r: [
        "Up is better, left is cheaper. Nothing above and to the left: on the front."]),
    Slide(1, "Comparison", _fixed("Two prompts, before and after"), slides_talks.write, lambda r: [
        "Chosen by a hash, without looking at the answers. Long answers are cut."],
        _has_transcripts),
    Slide(1.5, "Conclusion", _fixed("What to use when"), _recommendations, lambda r: [
        "Each line follows from a rule that the report prints beside it.",
        *findings.conclusion(r)]),
    Slide(0.5, "Conclusion", _fixed("Limits, and what comes next"), _limits, lambda r: [
        "These limits belong to the result."]),
)  # fmt: skip
"""The deck in order."""
