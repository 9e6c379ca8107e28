"""Short stories of steps: plain text for the student's corpus, and HellaSwag-shaped rows."""

from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple

from synthetic_instruction_tuner.sandbox import tables

Row = dict[str, Any]


def _story(rng: Random) -> tuple[str, str, tuple[str, ...]]:
    activity = rng.choice(sorted(tables.ACTIVITIES))
    names = rng.sample(tables.NAMES, 2)
    opening = rng.choice(
        ("{0} and {1} want to {a}.", "{0} wants to {a} with {1}.", "{0} helps {1} to {a}.")
    )
    return activity, opening.format(*names, a=activity), tables.ACTIVITIES[activity]


def _told(opening: str, steps: Iterable[str]) -> str:
    sentences = [f"{'Then' if index else 'First'} they {step}." for index, step in enumerate(steps)]
    return " ".join([opening, *sentences])


def story_document(rng: Random) -> str:
    """Draw a plain-text story of an activity, for the student's corpus."""
    activity, opening, steps = _story(rng)
    return f"{activity.capitalize()}: {_told(opening, steps)}"


class Scene(NamedTuple):
    """A story that breaks off.

    Attributes:
        title: What is done.
        told: The story so far.
        next: What comes next.
        wrong: Three things that do not.
    """

    title: str
    told: str
    next: str
    wrong: list[str]


def _activity_scene(rng: Random) -> Scene:
    """An activity that the corpus tells too; one wrong ending is another of its own steps."""
    activity, opening, steps = _story(rng)
    cut = rng.randint(1, 3)
    others = [s for other, own in tables.ACTIVITIES.items() if other != activity for s in own]
    wrong = [rng.choice([step for step in steps if step != steps[cut]])]
    while len(wrong) < 3:
        step = rng.choice(others)
        if step not in wrong and step not in steps:
            wrong.append(step)
    return Scene(activity.capitalize(), _told(opening, steps[:cut]), steps[cut], wrong)


def _sorting_scene(rng: Random) -> Scene:
    """Numbers or words put in order step by step; no corpus tells this."""
    count = rng.choice((3, 4))
    if rng.random() < 0.5:
        values = [str(number) for number in sorted(rng.sample(range(1, 61), count))]
        kind, order = "numbers", "from small to large"
    else:
        values = sorted(rng.sample(tables.LIST_WORDS, count))
        kind, order = "words", "in alphabetical order"
    names = rng.sample(tables.NAMES, 2)
    listed = ", ".join(rng.sample(values, count))
    opening = f"{names[0]} and {names[1]} write the {kind} {listed} {order}."
    cut = rng.randint(1, count - 1)
    steps = [f"write {value}" for value in values]
    wrong = [step for step in steps if step != steps[cut]]
    while len(wrong) < 3:
        other = f"write {rng.choice(tables.LIST_WORDS) if kind == 'words' else rng.randint(1, 60)}"
        if other not in steps and other not in wrong:
            wrong.append(other)
    return Scene(f"Sort {kind}", _told(opening, steps[:cut]), steps[cut], wrong)


def story_row(index: int, rng: Random) -> Row:
    """Draw one HellaSwag-shaped row: a story that breaks off, with four next steps."""
    scene = (_activity_scene if rng.random() < 0.5 else _sorting_scene)(rng)
    endings = [scene.next, *scene.wrong]
    rng.shuffle(endings)
    return {
        "ind": index,
        "activity_label": scene.title,
        "ctx_a": scene.told,
        "ctx_b": "then they",
        "ctx": f"{scene.told} then they",
        "endings": [f"{step}." for step in endings],
        "source_id": f"sandbox~{index}",
        "split": "val",
        "split_type": "indomain",
        "label": str(endings.index(scene.next)),
    }
