"""What constraints are about: single ones have too few items for a table."""

from __future__ import annotations

from collections.abc import Mapping

from synthetic_instruction_tuner.evaluation.instructions.constraints import CONSTRAINTS

KINDS: Mapping[str, str] = dict.fromkeys(
    ("exact_sentences", "one_sentence", "most_sentences", "exact_lines", "exact_paragraphs",
     "exact_words", "one_word", "least_words", "most_words", "words_between", "most_characters"),
    "length",
) | dict.fromkeys(
    ("numbered_list", "bullet_list", "json_object", "json_array", "comma_separated",
     "table_columns", "code_block", "yes_or_no", "agree_or_disagree", "bracketed_title",
     "repeats_request", "in_quotes", "postscript", "two_answers", "highlighted", "placeholders",
     "line_initials"),
    "form",
)  # fmt: skip
"""What a constraint is about; all others are about words and signs."""


def kind_of(name: str) -> str:
    """Return what a constraint is about, of IFEval's names the part that says so.

    >>> kind_of("one_word"), kind_of("no_commas"), kind_of("length_constraints:number_words")
    ('length', 'words and signs', 'length constraints')
    """
    if name not in CONSTRAINTS:
        return name.split(":")[0].replace("_", " ")
    return KINDS.get(name, "words and signs")
