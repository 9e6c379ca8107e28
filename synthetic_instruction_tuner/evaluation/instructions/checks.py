"""What a checker looks at: one small function each, True where the response obeys."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.evaluation.character import sentences, words

ITEM = re.compile(r"^\s*(\d+)[.)]\s+\S")
BULLET = re.compile(r"^\s*[-–—]\s+\S")
REPEAT = "First repeat what stands before this sentence word by word, then answer it."


def lines(text: str) -> list[str]:
    """Return the lines that hold something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def paragraphs(text: str) -> list[str]:
    """Return the stretches between blank lines."""
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def parsed(text: str) -> Any:
    """Return the JSON value that the whole text is (a code fence around it is fine), or None."""
    inner = re.sub(r"^```(?:json)?\s*\n|\n```$", "", text.strip())
    try:
        return json.loads(inner, object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError):  # a model that repeats "[" nests deeper than Python reads
        return None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that has a key twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse(constant: str) -> Any:
    """Refuse what only Python takes for JSON: NaN and infinities."""
    raise ValueError(f"{constant} is not JSON")


# --- length --------------------------------------------------------------------------------


def exact_sentences(text: str, count: int) -> bool:
    """Exactly so many sentences."""
    return sentences(text) == count


def most_sentences(text: str, count: int) -> bool:
    """At least one and at most so many sentences."""
    return 1 <= sentences(text) <= count


def exact_lines(text: str, count: int) -> bool:
    """Exactly so many lines that are not empty."""
    return len(lines(text)) == count


def exact_paragraphs(text: str, count: int) -> bool:
    """Exactly so many paragraphs, a blank line between them."""
    return len(paragraphs(text)) == count


def exact_words(text: str, count: int) -> bool:
    """Exactly so many words."""
    return len(words(text)) == count


def least_words(text: str, count: int) -> bool:
    """At least so many words."""
    return len(words(text)) >= count


def most_words(text: str, count: int) -> bool:
    """At least one and at most so many words."""
    return 1 <= len(words(text)) <= count


def words_between(text: str, low: int, high: int) -> bool:
    """From low to high words."""
    return low <= len(words(text)) <= high


def most_characters(text: str, count: int) -> bool:
    """At least one and at most so many characters."""
    return 1 <= len(text.strip()) <= count


# --- shape ---------------------------------------------------------------------------------


def numbered_list(text: str, count: int) -> bool:
    """Only lines "1. ...", "2. ...", counted without a gap."""
    found = [ITEM.match(line) for line in lines(text)]
    numbers = [int(one.group(1)) for one in found if one]
    return len(found) == count and numbers == list(range(1, count + 1))


def bullet_list(text: str, count: int) -> bool:
    """Only lines that begin with a dash, so many of them."""
    found = lines(text)
    return len(found) == count and all(BULLET.match(line) for line in found)


def json_object(text: str, keys: Sequence[str]) -> bool:
    """One JSON object with exactly these keys."""
    value = parsed(text)
    return isinstance(value, dict) and set(value) == set(keys)


def json_array(text: str, count: int) -> bool:
    """One JSON array of so many elements."""
    value = parsed(text)
    return isinstance(value, list) and len(value) == count


def comma_separated(text: str, count: int) -> bool:
    """One line of so many entries with commas between them."""
    entries = text.strip().rstrip(".").split(",")
    return len(lines(text)) == 1 and len(entries) == count and all(one.strip() for one in entries)


def table_columns(text: str, count: int) -> bool:
    """A Markdown table of so many columns: header, rule, one row at least."""
    found = lines(text)
    rows = [line.strip("|").split("|") for line in found]
    rule = len(rows) > 2 and all(re.fullmatch(r":?-+:?", cell.strip()) for cell in rows[1])
    return rule and all(
        line.startswith("|") and len(row) == count for line, row in zip(found, rows, strict=True)
    )


def code_block(text: str) -> bool:
    """Only a fenced code block, nothing around it."""
    return re.fullmatch(r"```[\w+#.-]*\n(?:(?!```).)+\n```", text.strip(), re.DOTALL) is not None


def bracketed_title(text: str) -> bool:
    """A title in double angle brackets on the first line, with text after it."""
    found = lines(text)
    return len(found) > 1 and re.fullmatch(r"<<[^<>\n]+>>", found[0]) is not None


def highlighted(text: str, count: int) -> bool:
    """At least so many stretches *between single asterisks*."""
    return len(re.findall(r"(?<!\*)\*(?!\s|\*)[^*\n]+(?<!\s)\*(?!\*)", text)) >= count


def placeholders(text: str, count: int) -> bool:
    """At least so many placeholders in square brackets."""
    return len(re.findall(r"\[[^\[\]\n]+\]", text)) >= count


def two_answers(text: str) -> bool:
    """Two different answers with a line of six asterisks between them."""
    found = text.split("\n")
    marks = [at for at, line in enumerate(found) if line.strip() == "******"]
    if len(marks) != 1:
        return False
    first, second = "\n".join(found[: marks[0]]).strip(), "\n".join(found[marks[0] + 1 :]).strip()
    return first != second and bool(first and second)


def in_quotes(text: str) -> bool:
    """The whole answer in one pair of double quotes."""
    whole = text.strip()
    inner = whole[1:-1]
    quoted = whole in (f'"{inner}"', f"“{inner}”")
    return quoted and bool(inner.strip()) and not set('"“”') & set(inner)


def postscript(text: str) -> bool:
    """The last line is a postscript that begins with P.S."""
    found = lines(text)
    return len(found) > 1 and re.match(r"P\.S\.\s+\S", found[-1]) is not None


# --- words and letters ---------------------------------------------------------------------


def has_words(text: str, keywords: Sequence[str]) -> bool:
    """Every keyword occurs as a whole word."""
    return set(keywords) <= set(words(text))


def lacks_words(text: str, keywords: Sequence[str]) -> bool:
    """No keyword occurs, and there is an answer at all."""
    found = set(words(text))
    return bool(found) and not found & set(keywords)


def repeats_word(text: str, word: str, count: int) -> bool:
    """The word occurs exactly so often."""
    return words(text).count(word) == count


def first_word(text: str, word: str) -> bool:
    """The answer begins with this word."""
    return words(text)[:1] == [word]


def last_phrase(text: str, phrase: str) -> bool:
    """The answer ends with exactly this phrase."""
    return text.strip().endswith(phrase)


def lower_case(text: str) -> bool:
    """Letters, and no capital among them."""
    return any(char.isalpha() for char in text) and text == text.lower()


def upper_case(text: str) -> bool:
    """Letters, and all of them capitals."""
    return any(char.isalpha() for char in text) and text == text.upper()


def capital_words(text: str, count: int) -> bool:
    """At least so many words of two or more letters written in capitals."""
    found: list[str] = re.findall(r"\b[^\W\d_]{2,}\b", text)
    return len([one for one in found if one.isupper()]) >= count


def no_commas(text: str) -> bool:
    """An answer without any comma."""
    return bool(text.strip()) and "," not in text


def no_digits(text: str) -> bool:
    """An answer without any digit."""
    return bool(text.strip()) and not any(char.isdigit() for char in text)


def exact_numbers(text: str, count: int) -> bool:
    """Exactly so many numbers in digits."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", text)) == count


def letter_at_most(text: str, letter: str, count: int) -> bool:
    """The letter occurs at most so often, and there is an answer at all."""
    return bool(words(text)) and text.lower().count(letter) <= count


def line_initials(text: str, letter: str, count: int) -> bool:
    """So many lines, each beginning with the letter."""
    found = lines(text)
    return len(found) == count and all(line.lower().startswith(letter) for line in found)


def is_question(text: str) -> bool:
    """The answer ends with a question mark."""
    return text.strip().endswith("?")


def one_of(text: str, options: Sequence[str]) -> bool:
    """Nothing but one of the options; case and a final period do not matter."""
    return text.strip().rstrip(".").lower() in {option.lower() for option in options}


def repeats_request(text: str, request: str) -> bool:
    """The request word by word first, without the sentence that asks for it, then an answer."""
    start = text.strip()
    rest = start.removeprefix(request).strip()
    return start.startswith(request) and bool(words(rest)) and not rest.startswith(REPEAT)
