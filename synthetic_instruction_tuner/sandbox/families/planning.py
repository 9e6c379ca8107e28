"""Planning: steps of an activity, the next step, the first step, arrival times."""

from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots


def numbered(steps: tuple[str, ...]) -> str:
    """Write steps as a numbered list, one a line."""
    return "\n".join(f"{index}. {step}" for index, step in enumerate(steps, 1))


def _activity(rng: Random) -> Slots:
    return {"text": rng.choice(sorted(tables.ACTIVITIES)), "name": rng.choice(tables.NAMES)}


def _steps(slots: Slots) -> str | None:
    steps = tables.ACTIVITIES.get(slots["text"])
    return None if steps is None else numbered(steps)


def _mixed(slots: Slots, key: str, rng: Random) -> str:
    steps = [line.split(". ", 1)[1] for line in key.split("\n")]
    draw = rng.random()
    if draw < 0.6:
        first, second = rng.sample(range(len(steps)), 2)
        steps[first], steps[second] = steps[second], steps[first]
    elif draw < 0.8:
        steps.pop()
    else:
        other = rng.choice(sorted(tables.ACTIVITIES))
        steps[rng.randrange(len(steps))] = rng.choice(tables.ACTIVITIES[other])
    return numbered(tuple(steps))


def _halfway(rng: Random) -> Slots:
    slots = _activity(rng)
    return {**slots, "text2": rng.choice(tables.ACTIVITIES[slots["text"]][:-1])}


def _next_step(slots: Slots) -> str | None:
    steps = tables.ACTIVITIES.get(slots["text"], ())
    if slots["text2"] not in steps[:-1]:
        return None
    return steps[steps.index(slots["text2"]) + 1]


def _other_step(slots: Slots, key: str, rng: Random) -> str:
    own = [step for step in tables.ACTIVITIES[slots["text"]] if step != key]
    other = tables.ACTIVITIES[rng.choice(sorted(tables.ACTIVITIES))]
    return rng.choice(own if rng.random() < 0.7 else other)


def _first_step(slots: Slots) -> str | None:
    steps = tables.ACTIVITIES.get(slots["text"])
    return None if steps is None else steps[0]


def _trip(rng: Random) -> Slots:
    return {
        "name": rng.choice(tables.NAMES),
        "n1": str(rng.randint(1, 12)),
        "n2": str(rng.randint(1, 9)),
        "w": rng.choice(tables.VEHICLES),
    }


def _arrival(slots: Slots) -> str | None:
    start, hours = int(slots["n1"]), int(slots["n2"])
    return str(start + hours) if start + hours <= 24 else None


FAMILIES = (
    Family(
        "steps",
        "planning",
        (
            "<List|Write|Give me|Show me> the <four |>steps to {text}.",
            "How do <I|you|we> {text}? <List|Write|Give> the steps.",
            "{name} wants to {text}. <What are|List|Write> the steps?",
            "<Make|Write> a <short |>plan to {text}.",
        ),
        ("{name} wants a <short |>plan to {text}.", "What are the <four |>steps to {text}?"),
        _activity,
        _steps,
        wrong=_mixed,
    ),
    Family(
        "next_step",
        "planning",
        (
            "{name} wants to {text}. {name} did this: {text2}. What is the next step?",
            "To {text}, what do <I|you|we> do after this step: {text2}?",
            "<Tell me|Name> the step after '{text2}' in the plan to {text}.",
        ),
        ("In the plan to {text}, what is the step after '{text2}'?",),
        _halfway,
        _next_step,
        "The next step is: {key}.",
        _other_step,
    ),
    Family(
        "first_step",
        "planning",
        (
            "What is the first step to {text}?",
            "{name} wants to {text}. What <must|does> {name} do first?",
            "<Tell me|Name|Give> the first step to {text}.",
        ),
        ("To {text}, what is the first step?",),
        _activity,
        _first_step,
        "The first step is: {key}.",
        _other_step,
    ),
    Family(
        "arrival",
        "planning",
        (
            "The {w} of {name} leaves at {n1} and the trip takes {n2} hours. <When|At what "
            "time> does it arrive?",
            "{name} takes the {w} at {n1} and travels <for |>{n2} hours. <When|At what time> "
            "does {name} arrive?",
            "A {w} <starts|leaves> at {n1} and needs {n2} hours. <When|At what time> is it there?",
        ),
        (
            "{name} leaves at {n1} with the {w} and the trip takes {n2} hours. When does "
            "{name} arrive?",
        ),
        _trip,
        _arrival,
        "{n1} + {n2} = {key}, so it arrives at {key}.",
        lambda s, key, rng: str(max(1, int(key) + rng.choice((-2, -1, 1, 2)))),
    ),
)
