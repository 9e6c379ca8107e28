"""Tags by an instruct model, as Magpie's own data have them: category, difficulty, input quality.

The model reads the instruction and fills in a JSON object whose brace is written for it. What it
answers otherwise is no tag: the row stays without one, and how many did is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.engines import Request, generate_kept, open_engine
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.storage.journal import Journal

logger = logging.getLogger(__name__)

Tags: TypeAlias = dict[str, float | str]
CATEGORY, DIFFICULTY, QUALITY = "category", "asked_difficulty", "input_quality"
CATEGORIES = (
    "information seeking", "reasoning", "planning", "editing", "coding and debugging", "math",
    "role playing", "data analysis", "creative writing", "advice seeking", "brainstorming",
    "others",
)  # fmt: skip
"""Task categories of Magpie (arXiv 2406.08464)."""
DIFFICULTIES = ("very easy", "easy", "medium", "hard", "very hard")
QUALITIES = ("very poor", "poor", "average", "good", "excellent")
LEVELS = {DIFFICULTY: DIFFICULTIES, QUALITY: QUALITIES}
"""What each level is called, lowest first; a tag is its place, 1 to 5."""
SAMPLING = SamplingConfig(temperature=0, max_new_tokens=96)
MUCH = 0.2
"""Share of rows without tags from which on it is said."""
LONGEST = 2000
"""Characters of an instruction that are shown."""
ASK = """Label the user query below. Do not answer it.

category: one of {categories}
asked_difficulty: how hard it is to answer, one of {difficulties}
input_quality: how clear, specific and well written it is, one of {qualities}

User query:
<<<
{query}
>>>

Reply with one JSON object with the keys "category", "asked_difficulty" and "input_quality"."""


def tag(
    rows: Sequence[Sample],
    model: ModelConfig,
    batch_size: int,
    journal: Journal,
    progress: Progress,
) -> dict[str, Tags]:
    """Let a model tag the instructions; finished ones are never asked again.

    Args:
        rows: The rows.
        model: An instruct model.
        batch_size: Instructions side by side.
        journal: Where its answers are kept.
        progress: Told the tagged rows.

    Returns:
        Tags by id of the row; rows whose tags could not be read have none.
    """
    engine = open_engine(model)
    chat = bind(engine.tokenizer, model.family, engine.end_ids)
    brace = chat.tokenizer.encode("{", add_special_tokens=False)
    requests = [
        Request(
            (*chat.response_prompt([{"role": "user", "content": question(row)}]), *brace),
            0,
            SAMPLING,
            chat.stop_ids,
        )
        for row in rows
    ]
    names = [row.id for row in rows]
    drawn = generate_kept(engine, requests, names, batch_size, progress, journal)
    found = {
        row.id: read_tags("{" + chat.answer(one.tokens))
        for row, one in zip(rows, drawn, strict=True)
    }
    read = {name: tags for name, tags in found.items() if tags}
    if rows and len(read) <= (1 - MUCH) * len(rows):
        logger.warning(
            "%d of %d rows of this chunk have no tags: what %s answered could not be read",
            *(len(rows) - len(read), len(rows), model.name),
        )
    return read


def question(row: Sample) -> str:
    """Write what the model is asked about a row."""
    return ASK.format(
        categories=", ".join(CATEGORIES),
        difficulties=", ".join(DIFFICULTIES),
        qualities=", ".join(QUALITIES),
        query=row.instruction[:LONGEST],
    )


def read_tags(text: str) -> Tags:
    """Read the JSON object in an answer; {} unless every tag is one of those asked for."""
    try:
        values = json.loads(text[: text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, Mapping):
        return {}
    words = {name: str(values.get(name, "")).strip().casefold() for name in (CATEGORY, *LEVELS)}
    known = words[CATEGORY] in CATEGORIES
    if not known or any(words[name] not in levels for name, levels in LEVELS.items()):
        return {}
    places = {name: float(levels.index(words[name]) + 1) for name, levels in LEVELS.items()}
    return {CATEGORY: words[CATEGORY], **places}
