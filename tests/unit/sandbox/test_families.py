"""Each family by a literal: its right answer, a wrong one, and what the checker tolerates."""

from random import Random

import pytest

from synthetic_instruction_tuner.sandbox.checking import check, family_of, read_task
from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.families import all_families, family_named
from synthetic_instruction_tuner.sandbox.prompts import draw_prompt

# family, instruction, right answer, wrong answer
LITERALS = [
    ("add", "Add 17 and 25.", "17 + 25 = 42", "17 + 25 = 32"),
    ("subtract", "Take 8 from 20.", "20 - 8 = 12", "20 - 8 = 13"),
    ("multiply", "What is 7 times 6?", "7 x 6 = 42", "7 x 6 = 48"),
    (
        "story_add",
        "Tom has 4 apples. Anna gives Tom 7 more apples. How many apples does Tom have now?",
        "4 + 7 = 11, so the answer is 11 apples.",
        "4 + 7 = 11, so the answer is 12 apples.",
    ),
    (
        "story_subtract",
        "There are 15 eggs on the table. Nora takes 5 eggs home. How many eggs are left?",
        "15 - 5 = 10, so the answer is 10 eggs.",
        "15 - 5 = 10, so the answer is 10 books.",
    ),
    (
        "story_multiply",
        "Omar packs 3 boxes. Each holds 4 plums. How many plums are there in total?",
        "3 x 4 = 12, so the answer is 12 plums.",
        "3 x 4 = 7, so the answer is 7 plums.",
    ),
    ("sequence", "What number comes next: 3, 6, 9, 12?", "The next number is 15.", "15, 18"),
    (
        "units",
        "How many minutes are in 3 hours?",
        "3 hours are 180 minutes.",
        "3 hours are 30 minutes.",
    ),
    ("even_odd", "Is 17 even or odd?", "17 is odd.", "17 is even."),
    ("plural", "What is the plural of mouse?", "The plural of mouse is mice.", "mouses"),
    ("past_tense", "What is the past tense of go?", "The past tense of go is went.", "goed"),
    ("opposite", "Name the opposite of hot.", "The opposite of hot is cold.", "warm"),
    (
        "comparative",
        "What is the comparative of good?",
        "The comparative of good is better.",
        "gooder",
    ),
    ("first_letter", "What is the first letter of house?", "The first letter of house is h.", "o"),
    ("last_letter", "What is the last letter of house?", "The last letter of house is e.", "s"),
    ("count_letters", "How many letters are in house?", "The word house has 5 letters.", "6"),
    ("spell", "Spell the word lamp with hyphens.", "l-a-m-p", "l-a-p-m"),
    ("spell_backwards", "Spell lamp backwards.", "p-m-a-l", "l-a-m-p"),
    (
        "sort_words",
        "Put these words in alphabetical order: tiger, apple, queen.",
        "apple, queen, tiger",
        "apple, tiger, queen",
    ),
    ("sort_numbers", "Put these numbers in rising order: 9, 30, 4.", "4, 9, 30", "9, 30, 4"),
    ("sort_down", "Put these numbers in falling order: 9, 30, 4.", "30, 9, 4", "4, 9, 30"),
    ("largest", "What is the largest number of these: 9, 30, 4?", "The largest number is 30.", "9"),
    (
        "smallest",
        "What is the smallest number of these: 9, 30, 4?",
        "The smallest number is 4.",
        "9",
    ),
    (
        "reverse_list",
        "Reverse this list: tiger, apple, queen.",
        "queen, apple, tiger",
        "tiger, apple, queen",
    ),
    (
        "count_items",
        "How many words are in this list: tiger, apple, queen?",
        "The list has 3 items.",
        "4",
    ),
    (
        "position",
        "What is the second word of this list: tiger, apple, queen?",
        "The second item is apple.",
        "tiger",
    ),
    (
        "remove_item",
        "Remove apple from this list: tiger, apple, queen.",
        "tiger, queen",
        "tiger, apple",
    ),
    (
        "odd_one_out",
        "Which one does not fit: apple, pear, hammer, plum?",
        "The odd one out is hammer.",
        "plum",
    ),
    (
        "tallest",
        "If Anna is taller than Ben and Ben is taller than Carl, who is the tallest?",
        "Anna is the tallest.",
        "Ben is the tallest.",
    ),
    ("larger_of_two", "Which is larger, 13 or 27?", "27 is larger.", "13 is larger."),
    (
        "who_has_more",
        "Anna has 5 eggs and Ben has 9 eggs. Who has more eggs?",
        "Ben has more eggs.",
        "Anna has more eggs.",
    ),
    ("who_was_first", "Anna left after Ben. Who left first?", "Ben was first.", "Anna was first."),
    (
        "membership",
        "Is the whale a fish?",
        "No, the whale is not a fish.",
        "Yes, the whale is a fish.",
    ),
    ("true_false", "True or false: 3 + 4 = 8", "False.", "True."),
    (
        "capital",
        "What is the capital of Australia?",
        "The capital of Australia is Canberra.",
        "Sydney",
    ),
    ("continent", "Which continent is Peru?", "Peru is in South America.", "Peru is in Africa."),
    ("sound", "What sound does the cow make?", "The cow moos.", "The cow barks."),
    ("young", "What is the young dog called?", "A young dog is called a puppy.", "kitten"),
    ("colour", "What colour is snow?", "The colour of snow is white.", "black"),
    ("job_place", "Where does the baker work?", "The baker works at the bakery.", "school"),
    ("weekday", "What day comes after Sunday?", "The day after Sunday is Monday.", "Saturday"),
    (
        "month",
        "What month comes before January?",
        "The month before January is December.",
        "February",
    ),
    (
        "steps",
        "List the steps to make toast.",
        "1. slice the bread\n2. toast the bread\n3. spread the butter\n4. eat the toast",
        "1. toast the bread\n2. slice the bread\n3. spread the butter\n4. eat the toast",
    ),
    (
        "next_step",
        "To make tea, what do we do after this step: boil the water?",
        "The next step is: put the tea in the cup.",
        "The next step is: drink the tea.",
    ),
    (
        "first_step",
        "What is the first step to make tea?",
        "The first step is: boil the water.",
        "pour the water",
    ),
    (
        "arrival",
        "A bus leaves at 9 and needs 4 hours. When is it there?",
        "9 + 4 = 13, so it arrives at 13.",
        "9 + 4 = 13, so it arrives at 12.",
    ),
    ("list_expression", "How do I get the length of the list xs in Python?", "len(xs)", "sum(xs)"),
    ("assign", "In Python, set total to 15.", "total = 15", "total == 15"),
    ("change_variable", "Write a Python line that decreases n by 3.", "n -= 3", "n += 3"),
    ("print_result", "What does Python print for print(8 - 3)?", "It prints 5.", "It prints 11."),
    (
        "for_loop",
        "Write a for loop that prints each row of rows.",
        "for row in rows: print(row)",
        "for row in rows: print(rows)",
    ),
    (
        "weather",
        "Use the weather tool for Rome tomorrow.",
        '{"tool": "weather", "city": "Rome", "day": "tomorrow"}',
        '{"tool": "weather", "city": "Paris", "day": "tomorrow"}',
    ),
    (
        "timer",
        "Set a timer for 10 minutes.",
        '{"tool": "timer", "minutes": 10}',
        '{"tool": "timer", "minutes": "10"}',
    ),
    (
        "message",
        "Send Anna this message: I am late.",
        '{"tool": "message", "to": "Anna", "text": "I am late"}',
        '{"tool": "message", "to": "Ben", "text": "I am late"}',
    ),
    (
        "reminder",
        "Remind me at 9 to make tea.",
        '{"tool": "reminder", "hour": 9, "text": "make tea"}',
        '{"tool": "reminder", "hour": 8, "text": "make tea"}',
    ),
    (
        "calculator",
        "Use the calculator for 8 times 4.",
        '{"tool": "calculator", "expression": "8 * 4"}',
        '{"tool": "calculator", "expression": "8 + 4"}',
    ),
    (
        "shopping",
        "Put 12 eggs on my shopping list.",
        '{"tool": "shopping", "item": "eggs", "count": 12}',
        '{"tool": "shopping", "item": "eggs", "count": 1}',
    ),
    (
        "numbered_list",
        "Write these words as a numbered list: tiger, apple, queen.",
        "1. tiger\n2. apple\n3. queen",
        "- tiger\n- apple\n- queen",
    ),
    (
        "bullet_list",
        "Write these words as a bullet list: tiger, apple, queen.",
        "- tiger\n- apple\n- queen",
        "1. tiger\n2. apple\n3. queen",
    ),
    ("capital_letters", "Write the word lamp in capital letters.", "LAMP", "Lamp"),
    (
        "joined",
        "Join these words with hyphens: tiger, apple, queen.",
        "tiger-apple-queen",
        "tiger, apple, queen",
    ),
    (
        "json_person",
        "Turn this into JSON: Anna, 12, Rome.",
        '{"name": "Anna", "age": 12, "city": "Rome"}',
        '{"name": "Anna", "age": 21, "city": "Rome"}',
    ),
    ("examples", "Name exactly three animals.", "cat, dog, bear", "cat, dog, cat"),
    ("quoted", "Put the word lamp in quotes.", '"lamp"', "lamp"),
]


def test_every_family_has_a_literal() -> None:
    assert {row[0] for row in LITERALS} == {family.name for family in all_families()}


@pytest.mark.parametrize(("name", "instruction", "right", "wrong"), LITERALS)
def test_a_literal_task(name: str, instruction: str, right: str, wrong: str) -> None:
    assert family_of(instruction) == name
    assert check(instruction, right) is True
    assert check(instruction, f"  {right.removesuffix('.')} \n") is True
    assert check(instruction, wrong) is False
    assert check(instruction, "") is False


def test_openings_and_closings_are_read_past() -> None:
    assert check("Hello, I am Rosa. Add 1 and 2. Thank you!", "1 + 2 = 3") is True
    assert check("My sister Mila asked me this: Is 4 even or odd?", "4 is odd.") is False


@pytest.mark.parametrize(
    "instruction",
    [
        "Hello",
        "How do I open a lock?",
        "What is the capital of Atlantis?",
        "Remove tiger from this list: apple, queen, river.",
        "What number comes next: 1, 2, 4, 8?",
        "Subtract 9 from 4.",
    ],
)
def test_what_this_world_cannot_solve_is_not_checkable(instruction: str) -> None:
    assert check(instruction, "anything") is None
    assert family_of(instruction) is None


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_a_family_reads_back_what_it_words(family) -> None:
    rng = Random(5)
    assert family.domain in DOMAINS
    assert family.held_out, "without held-out wordings generalisation cannot be measured"
    for wording in ("seen", "held_out"):
        for _ in range(10):
            prompt = draw_prompt(family, rng, wording=wording)
            task = read_task(prompt.instruction)
            assert task is not None
            assert task.family.name == family.name
            assert task.answer == prompt.answer
            wrong = family.speak(task.slots, family.wrong_key(task.slots, rng))
            assert check(prompt.instruction, wrong) is False


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(KeyError, match="juggling"):
        family_named("juggling")
