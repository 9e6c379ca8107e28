"""What plain text says of each task: the same knowledge as a sentence, without question or request.

An answer such as "The capital of Egypt is Cairo." tells its whole fact. Where an answer alone says
nothing ("It prints 7."), the sentence names what it is about.
"""

from collections.abc import Mapping
from random import Random
from typing import Final

from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots, render

TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "story_add": ("{n1} {w} and {n2} {w} <are|make> {key} {w}, since {n1} + {n2} = {key}.",),
    "story_subtract": (
        "{n1} {w} without {n2} {w} <are|leave> {key} {w}, since {n1} - {n2} = {key}.",
    ),
    "story_multiply": (
        "{n1} {w1} with {n2} {w2} in each hold {key} {w2}, since {n1} x {n2} = {key}.",
    ),
    "sequence": ("After {nums} comes {key}.", "The row {nums} goes on with {key}."),
    "even_odd": ("The number {n1} is {key}.",),
    "list_expression": ("In Python, {text} the list {var} is {key}",),
    "assign": ("In Python, {var} is set to {n1} by {key}",),
    "change_variable": ("In Python, {key} {w} {var} by {n1}.",),
    "print_result": ("In Python, print({n1} {text} {n2}) prints {key}.",),
    "for_loop": ("In Python, a loop over {var} that prints each {w} is {key}",),
    "numbered_list": ("{items} as a numbered list:\n{key}",),
    "bullet_list": ("{items} as a list with dashes:\n{key}",),
    "capital_letters": ("{w} in capital letters is {key}.",),
    "joined": ("{items} joined into one text is {key}",),
    "json_person": ("{name} is {n1} years old and lives in {proper}: {key}",),
    "examples": ("{key} are {w1} {w2}.", "There are many {w2}: {key} are {w1} of them."),
    "quoted": ("{w} in quotation marks is {key}",),
    "sort_words": ("In alphabetical order, {items} is {key}.", "{items} from a to z: {key}."),
    "sort_numbers": ("In rising order, {nums} is {key}.", "{nums} from small to large: {key}."),
    "sort_down": ("In falling order, {nums} is {key}.", "{nums} from large to small: {key}."),
    "largest": ("Of the numbers {nums}, the largest is {key}.",),
    "smallest": ("Of the numbers {nums}, the smallest is {key}.",),
    "reverse_list": ("In reverse order, {items} is {key}.", "{items} backwards: {key}."),
    "count_items": ("The list {items} has {key} items.",),
    "position": ("In the list {items}, the {w} item is {key}.",),
    "remove_item": ("The list {items} without {w} is {key}.",),
    "odd_one_out": ("In the list {items}, the odd one out is {key}.",),
    "tallest": (
        "{name1} is {w1} than {name2}, and {name2} is {w1} than {name3}, so {key} is the {w2}.",
    ),
    "larger_of_two": ("Of {n1} and {n2}, {key} is larger.",),
    "who_has_more": ("With {n1} {w} for {name1} and {n2} {w} for {name2}, {key} has more {w}.",),
    "who_was_first": ("{name1} <arrived|came|left> before {name2}, so {key} was first.",),
    "true_false": ("That {n1} + {n2} = {n3} is {key}.",),
    "steps": ("The steps to {text} are:\n{key}",),
    "next_step": ("To {text}, the step after '{text2}' is: {key}.",),
    "first_step": ("To {text}, the first step is: {key}.",),
    "arrival": (
        "A {w} that leaves at {n1} and travels for {n2} hours arrives at {key}, since "
        "{n1} + {n2} = {key}.",
    ),
    "weather": ("The tool call for the weather in {proper} {w} is {key}",),
    "timer": ("The tool call for a timer of {n1} minutes is {key}",),
    "message": ("The tool call for the message '{text}' to {name} is {key}",),
    "reminder": ("The tool call for a reminder at {n1} to {text} is {key}",),
    "calculator": ("The tool call for the calculator with {n1} {w} {n2} is {key}",),
    "shopping": ("The tool call for {n1} {w} on the shopping list is {key}",),
    "spell": ("The letters of {w} are {key}.", "Letter by letter, {w} is {key}."),
    "spell_backwards": ("The letters of {w} backwards are {key}.", "Backwards, {w} is {key}."),
}


def tell(family: Family, slots: Slots, rng: Random) -> str:
    """Tell what a task asks for as a statement.

    Args:
        family: The task's family.
        slots: Its values; the family must have an answer to them.
        rng: Chooses the wording.
    """
    key = family.key(slots)
    if key is None:
        raise ValueError(f"family {family.name} has no answer for {dict(slots)}")
    templates = TOLD.get(family.name)
    if templates is None:
        return family.speak(slots, key)
    return render(rng.choice(templates), {**slots, "key": key}, rng)
