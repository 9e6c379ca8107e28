"""Lists: sort, largest and smallest, reverse, count, positions, remove, odd one out."""

from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.family import Draw, Family
from synthetic_instruction_tuner.sandbox.wording import Slots

_ORDINALS = ("first", "second", "third", "last")


def split(text: str) -> list[str]:
    """Read a comma-separated list."""
    return text.split(", ")


def numbers(low: int, high: int) -> Draw:
    """Draw a list of three or four different numbers as slot ``nums``."""
    return lambda rng: {
        "nums": ", ".join(map(str, rng.sample(range(1, 61), rng.randint(low, high)))),
        "name": rng.choice(tables.NAMES),
    }


def _items(rng: Random) -> Slots:
    words = rng.sample(tables.LIST_WORDS, rng.randint(3, 4))
    return {"items": ", ".join(words), "name": rng.choice(tables.NAMES)}


def _more_items(rng: Random) -> Slots:
    words = rng.sample(tables.LIST_WORDS, rng.randint(3, 6))
    return {"items": ", ".join(words), "name": rng.choice(tables.NAMES)}


def _shuffled(slots: Slots, key: str, rng: Random) -> str:
    parts = split(key)
    first, second = rng.sample(range(len(parts)), 2)
    parts[first], parts[second] = parts[second], parts[first]
    return ", ".join(parts)


def _other_item(slots: Slots, key: str, rng: Random) -> str:
    return rng.choice([item for item in split(slots.get("items") or slots["nums"]) if item != key])


def _sorted_numbers(slots: Slots, *, down: bool = False) -> str:
    return ", ".join(map(str, sorted(map(int, split(slots["nums"])), reverse=down)))


def _extreme(slots: Slots, *, largest: bool) -> str:
    return str((max if largest else min)(map(int, split(slots["nums"]))))


def _position(rng: Random) -> Slots:
    return {**_more_items(rng), "w": rng.choice(_ORDINALS)}


def _at(slots: Slots) -> str | None:
    items, ordinal = split(slots["items"]), slots["w"].lower()
    if ordinal not in _ORDINALS:
        return None
    index = -1 if ordinal == "last" else _ORDINALS.index(ordinal)
    return items[index] if index < len(items) else None


def _removal(rng: Random) -> Slots:
    slots = _items(rng)
    return {**slots, "w": rng.choice(split(slots["items"]))}


def _without(slots: Slots) -> str | None:
    items = split(slots["items"])
    if slots["w"] not in items:
        return None
    return ", ".join(item for item in items if item != slots["w"])


def _intruder(rng: Random) -> Slots:
    home, away = rng.sample(sorted(tables.CATEGORIES), 2)
    words = [*rng.sample(tables.CATEGORIES[home], 3), rng.choice(tables.CATEGORIES[away])]
    if len(set(words)) < 4 or _odd_one({"items": ", ".join(words)}) is None:
        return _intruder(rng)
    rng.shuffle(words)
    return {"items": ", ".join(words)}


def _odd_one(slots: Slots) -> str | None:
    items = split(slots["items"])
    found = set()
    for words in tables.CATEGORIES.values():
        outside = [item for item in items if item not in words]
        if len(outside) == 1 and len(items) >= 3:
            found.add(outside[0])
    return found.pop() if len(found) == 1 else None


FAMILIES = (
    Family(
        "sort_words",
        "lists",
        (
            "<Sort|Order|Arrange> <these|the|the following> words <alphabetically|by "
            "alphabet|from a to z>: {items}.",
            "<Put|Bring> <these|the|the following> words <in|into> alphabetical order: {items}.",
            "{name} has a list of words: {items}. <Sort|Order|Arrange> <it|them> "
            "<alphabetically|from a to z>.",
        ),
        (
            "<Sort|Arrange> the list from a to z: {items}.",
            "{name} wants alphabetical order for the words {items}.",
        ),
        _items,
        lambda s: ", ".join(sorted(split(s["items"]))),
        wrong=_shuffled,
    ),
    Family(
        "sort_numbers",
        "lists",
        (
            "<Sort|Order|Arrange> <these|the|the following> numbers from <small to "
            "large|smallest to largest>: {nums}.",
            "<Put|Bring> <these|the|the following> numbers <in|into> <ascending|rising> "
            "order: {nums}.",
            "{name} has the numbers {nums}. <Sort|Order|Arrange> them from small to large.",
        ),
        ("<Sort|Arrange> the numbers in <ascending|rising> order: {nums}.",),
        numbers(3, 4),
        _sorted_numbers,
        wrong=_shuffled,
    ),
    Family(
        "sort_down",
        "lists",
        (
            "<Sort|Order|Arrange> <these|the|the following> numbers from <large to "
            "small|largest to smallest>: {nums}.",
            "<Put|Bring> <these|the|the following> numbers <in|into> <descending|falling> "
            "order: {nums}.",
        ),
        ("<Sort|Arrange> the numbers in <descending|falling> order: {nums}.",),
        numbers(3, 4),
        lambda s: _sorted_numbers(s, down=True),
        wrong=_shuffled,
    ),
    Family(
        "largest",
        "lists",
        (
            "<What|Which> is the <largest|biggest|highest> <number|one> <of|in> <these|this "
            "list>: {nums}?",
            "<Find|Name|Give> the <largest|biggest|highest> <number|one> <of|in|among> {nums}.",
            "{name} draws the numbers {nums}. Which <one|number> is the <largest|biggest|highest>?",
        ),
        ("Which number is the <largest|biggest> in the list {nums}?",),
        numbers(3, 5),
        lambda s: _extreme(s, largest=True),
        "The largest number is {key}.",
        _other_item,
    ),
    Family(
        "smallest",
        "lists",
        (
            "<What|Which> is the <smallest|lowest|least> <number|one> <of|in> <these|this "
            "list>: {nums}?",
            "<Find|Name|Give> the <smallest|lowest|least> <number|one> <of|in|among> {nums}.",
            "{name} draws the numbers {nums}. Which <one|number> is the <smallest|lowest|least>?",
        ),
        ("Which number is the <smallest|lowest> in the list {nums}?",),
        numbers(3, 5),
        lambda s: _extreme(s, largest=False),
        "The smallest number is {key}.",
        _other_item,
    ),
    Family(
        "reverse_list",
        "lists",
        (
            "<Reverse|Turn around> <this list|the list|these words>: {items}.",
            "<Write|Give|Show> <this list|the list|these words> <backwards|in reverse "
            "order>: {items}.",
            "{name} has the list {items}. <Reverse|Turn around> it.",
        ),
        ("<Put|Bring> the list in reverse order: {items}.",),
        _items,
        lambda s: ", ".join(reversed(split(s["items"]))),
        wrong=_shuffled,
    ),
    Family(
        "count_items",
        "lists",
        (
            "How many <words|items> are <there |>in <this list|the list|this row>: {items}?",
            "<Count|Find the number of> <the words|the items> in <this list|the list>: {items}.",
            "{name} has a list: {items}. How many <words|items> <are there|does it have>?",
        ),
        ("How many items does <this|the> list have: {items}?",),
        _more_items,
        lambda s: str(len(split(s["items"]))),
        "The list has {key} items.",
        lambda s, key, rng: str(int(key) + rng.choice((-1, 1))),
    ),
    Family(
        "position",
        "lists",
        (
            "What is the {w} <word|item> <of|in> <this list|the list|this row>: {items}?",
            "<Give|Tell|Show> me the {w} <word|item> of <this list|the list>: {items}.",
            "{name} reads the words {items}. <What|Which> is the {w} <word|one>?",
        ),
        ("Which <word|item> comes {w} in the list {items}?",),
        _position,
        _at,
        "The {w} item is {key}.",
        _other_item,
    ),
    Family(
        "remove_item",
        "lists",
        (
            "<Remove|Delete|Drop> {w} from <this list|the list|this row>: {items}.",
            "<Give|Show|Write> <this list|the list> without {w}: {items}.",
            "{name} has the list {items}. <Remove|Delete|Drop> {w} <from it|from the list>.",
        ),
        ("<Write|Give> the words {items} without {w}.",),
        _removal,
        _without,
        wrong=lambda s, key, rng: ", ".join(
            w for w in split(s["items"]) if w != rng.choice(split(key))
        ),
    ),
    Family(
        "odd_one_out",
        "lists",
        (
            "<What|Which> <word|one> does not <belong|fit>: {items}?",
            "<Find|Name|Tell me> the odd one out: {items}.",
            "<Three|3> of these words belong together. Which one does not: {items}?",
        ),
        ("Which is the odd one out in <this list|the list>: {items}?",),
        _intruder,
        _odd_one,
        "The odd one out is {key}.",
        _other_item,
    ),
)
