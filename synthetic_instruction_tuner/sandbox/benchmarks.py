"""Benchmarks of the closed world in the row shapes of MMLU, HellaSwag, ARC-Easy and TruthfulQA.

The shapes equal those of the public data sets, so that stock evaluation tasks read them with
nothing but another path. Questions are new draws from the families: a benchmark seed never
seeds a corpus. Small families (capitals, plurals) have few distinct questions, so some of
theirs occur in the corpora with another wording, order of choices or opening.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Final

from synthetic_instruction_tuner.sandbox.families import family_named
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.prompts import draw_solvable
from synthetic_instruction_tuner.sandbox.stories import Row, story_row
from synthetic_instruction_tuner.sandbox.wording import Slots

# Real MMLU subject -> the families whose content fits it.
SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "elementary_mathematics": ("add", "subtract", "multiply", "story_add", "story_subtract"),
    "formal_logic": ("tallest", "who_has_more", "odd_one_out"),
    "global_facts": ("units", "weekday", "month"),
    "high_school_computer_science": ("list_expression", "print_result", "change_variable"),
    "high_school_geography": ("capital", "continent"),
    "high_school_mathematics": ("sequence", "arrival", "story_multiply"),
    "high_school_statistics": ("largest", "smallest", "position"),
    "miscellaneous": ("sound", "young", "colour", "job_place"),
}

_FAMILIES_OF_ARC: Final = """
    add subtract sequence units plural opposite first_letter largest smallest count_items
    position tallest who_has_more capital continent sound young colour job_place weekday
    month first_step next_step
"""
_ARC: Final = tuple(_FAMILIES_OF_ARC.split())

_TRUTHFUL: Final = (
    "plural",
    "past_tense",
    "comparative",
    "capital",
    "continent",
    "membership",
    "sound",
    "young",
)

# What people wrongly take for the capital: the distractor of a TruthfulQA-shaped question.
_FAMOUS_CITIES: Final = {
    "Australia": "Sydney",
    "Brazil": "Rio",
    "Canada": "Toronto",
    "Turkey": "Istanbul",
    "India": "Mumbai",
    "China": "Shanghai",
    "Morocco": "Casablanca",
    "Nigeria": "Lagos",
    "Vietnam": "Saigon",
    "Germany": "Frankfurt",
    "Italy": "Milan",
    "Spain": "Barcelona",
}

_LETTERS: Final = "ABCD"


def _question(family: Family, rng: Random) -> tuple[Slots, str, str]:
    slots = draw_solvable(family, rng)
    key = family.key(slots)
    assert key is not None
    return slots, family.instruction(slots, rng), key


def wrong_keys(family: Family, slots: Slots, count: int, rng: Random) -> list[str]:
    """Draw different plausible wrong keys, if need be the keys of other draws."""
    right = family.key(slots)
    found: list[str] = []
    for attempt in range(200):
        key = (
            family.wrong_key(slots, rng) if attempt < 30 else family.key(draw_solvable(family, rng))
        )
        if key is not None and key != right and key not in found:
            found.append(key)
        if len(found) == count:
            return found
    raise ValueError(f"family {family.name} has fewer than {count} wrong answers")


def choice_row(family: Family, subject: str, rng: Random) -> Row:
    """Draw one MMLU-shaped row."""
    slots, question, key = _question(family, rng)
    choices = [key, *wrong_keys(family, slots, 3, rng)]
    rng.shuffle(choices)
    return {
        "question": question,
        "choices": choices,
        "answer": choices.index(key),
        "subject": subject,
    }


def choice_text(row: Row, *, answered: bool = True) -> str:
    """Write an MMLU-shaped row the way evaluation harnesses show it."""
    lines = [
        row["question"],
        *(f"{letter}. {text}" for letter, text in zip(_LETTERS, row["choices"], strict=True)),
    ]
    return "\n".join([*lines, "Answer:" + (f" {_LETTERS[row['answer']]}" if answered else "")])


def choice_document(rng: Random) -> str:
    """Draw a plain-text document of multiple-choice questions, for the student's corpus."""
    subject = rng.choice(sorted(SUBJECTS))
    count = rng.choice((1, 1, 2, 3, 6))
    rows = [
        choice_row(family_named(rng.choice(SUBJECTS[subject])), subject, rng) for _ in range(count)
    ]
    title = subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about {title}.\n\n"
    return (head if rng.random() < 0.7 else "") + "\n\n".join(choice_text(row) for row in rows)


def science_row(index: int, rng: Random) -> Row:
    """Draw one ARC-shaped row; the choices are whole answers, as a reader would say them."""
    family = family_named(rng.choice(_ARC))
    slots, question, key = _question(family, rng)
    keys = [key, *wrong_keys(family, slots, 3, rng)]
    rng.shuffle(keys)
    return {
        "id": f"sandbox-{index}",
        "question": question,
        "choices": {
            "text": [family.speak(slots, choice) for choice in keys],
            "label": list(_LETTERS),
        },
        "answerKey": _LETTERS[keys.index(key)],
    }


def _misconceptions(family: Family, slots: Slots, rng: Random) -> list[str]:
    if family.name == "capital" and slots["proper"] in _FAMOUS_CITIES:
        return [_FAMOUS_CITIES[slots["proper"]], *wrong_keys(family, slots, 2, rng)]
    if family.name == "comparative":
        return [f"more {slots['w']}", *wrong_keys(family, slots, 2, rng)]
    count = 1 if family.name == "membership" else 2
    return [family.wrong_key(slots, rng) for _ in range(1)] + wrong_keys(family, slots, count, rng)


def truthful_row(rng: Random) -> Row:
    """Draw one TruthfulQA-shaped row; the true answer comes first, then misconceptions."""
    family = family_named(rng.choice(_TRUTHFUL))
    slots, question, key = _question(family, rng)
    wrong = list(
        dict.fromkeys(family.speak(slots, other) for other in _misconceptions(family, slots, rng))
    )
    right = family.speak(slots, key)
    true = [right] if family.say == "{key}." else [right, key]
    return {
        "question": question,
        "mc1_targets": {"choices": [right, *wrong], "labels": [1] + [0] * len(wrong)},
        "mc2_targets": {"choices": [*true, *wrong], "labels": [1] * len(true) + [0] * len(wrong)},
    }


def distinct_rows(draw: Callable[[int], Row], count: int) -> list[Row]:
    """Draw rows until `count` different ones are found; `draw` receives the number found so far.

    Raises:
        ValueError: If 1,000 draws in a row bring nothing new.
    """
    found: dict[str, Row] = {}
    misses = 0
    while len(found) < count:
        row = draw(len(found))
        shown = {k: v for k, v in row.items() if k not in ("ind", "id", "source_id")}
        before = len(found)
        found.setdefault(json.dumps(shown, sort_keys=True), row)
        misses = 0 if len(found) > before else misses + 1
        if misses == 1000:
            raise ValueError(f"the closed world has fewer than {count} different rows of this kind")
    return list(found.values())


def _write(path: Path, rows: Iterable[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def _subject_rows(subject: str, count: int, seed: int) -> list[Row]:
    rng = Random(f"mmlu-{subject}-{seed}")
    families = [family_named(name) for name in SUBJECTS[subject]]
    return distinct_rows(lambda _: choice_row(rng.choice(families), subject, rng), count)


def write_benchmarks(
    directory: Path,
    seed: int = 42,
    *,
    mmlu: int = 40,
    hellaswag: int = 300,
    arc_easy: int = 300,
    truthfulqa: int = 200,
) -> list[Path]:
    """Write the four benchmarks as JSON lines; equal seeds and sizes write equal bytes.

    Args:
        directory: Folder that receives mmlu/<subject>/{test,dev}.jsonl, hellaswag/validation.jsonl,
            arc_easy/test.jsonl and truthfulqa/validation.jsonl.
        seed: Seed of the draw.
        mmlu: Test questions of each subject (the dev file always holds five).
        hellaswag: Number of rows.
        arc_easy: Number of rows.
        truthfulqa: Number of rows.

    Returns:
        The files written.
    """
    written = []
    for subject in SUBJECTS:
        rows = _subject_rows(subject, mmlu + 5, seed)
        written.append(_write(directory / "mmlu" / subject / "dev.jsonl", rows[:5]))
        written.append(_write(directory / "mmlu" / subject / "test.jsonl", rows[5:]))
    stories, science, truth = (
        Random(f"{name}-{seed}") for name in ("hellaswag", "arc_easy", "truthfulqa")
    )
    story_rows = distinct_rows(lambda index: story_row(index, stories), hellaswag)
    science_rows = distinct_rows(lambda index: science_row(index, science), arc_easy)
    truth_rows = distinct_rows(lambda _: truthful_row(truth), truthfulqa)
    written.append(_write(directory / "hellaswag" / "validation.jsonl", story_rows))
    written.append(_write(directory / "arc_easy" / "test.jsonl", science_rows))
    written.append(_write(directory / "truthfulqa" / "validation.jsonl", truth_rows))
    return written
