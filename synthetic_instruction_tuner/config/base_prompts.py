"""The forms in which the base is asked what models write: one entry of `LAYOUTS` adds one.

A base that was never trained on a chat template may answer a plain question well and nothing under
the template, so a gain over the template alone would be a gain in reading the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TEMPLATE = "template"
"""The prompt that the arms are trained and asked with."""
BLANK_LINE = "\n\n"
_NAME = re.compile(r"(?P<layout>[a-z]+)(?:_(?P<examples>[1-9][0-9]?))?")


@dataclass(frozen=True)
class Layout:
    """A conversation as plain text.

    Attributes:
        question: What stands before what the user says.
        answer: What stands before what the model says.
        stops: Where an answer ends besides a blank line: the model goes on with a question.
        source: Where the layout is from.
    """

    question: str
    answer: str
    stops: tuple[str, ...]
    source: str


LAYOUTS: Mapping[str, Layout] = {
    "qa": Layout(
        "Q:", "A:", ("\nQ:",), "Brown et al. 2020, arXiv 2005.14165, and TruthfulQA's QA prompt"
    ),
}
"""Plain layouts by name."""


@dataclass(frozen=True)
class BasePrompt:
    """One form of prompt.

    Attributes:
        name: "template", a layout's name, or "qa_4" for that layout after four solved examples.
        layout: None: the template.
        examples: Solved examples before the question (in-context examples make a base answer
            like a tuned model: URIAL, arXiv 2312.01552).
    """

    name: str
    layout: Layout | None = None
    examples: int = 0

    def stops(self, paragraphs: bool) -> tuple[str, ...]:
        """Return the texts that end an answer.

        Args:
            paragraphs: Whether a right answer may hold a blank line.
        """
        if self.layout is None:
            return ()
        return self.layout.stops if paragraphs else (BLANK_LINE, *self.layout.stops)


AS_TRAINED = BasePrompt(TEMPLATE)
DEFAULT = (TEMPLATE, "qa", "qa_4")
"""What the base is asked in where a study says nothing else."""


def base_prompt(name: str) -> BasePrompt:
    """Return the form of that name.

    Raises:
        ValueError: If there is none; says what is allowed.
    """
    if name == TEMPLATE:
        return AS_TRAINED
    found = _NAME.fullmatch(name)
    if found is None or found["layout"] not in LAYOUTS:
        plain = ", ".join(f"{one!r} and {one + '_k'!r}" for one in LAYOUTS)
        raise ValueError(
            f"no prompt is called {name!r}; allowed: {TEMPLATE!r}, {plain} (k from 1 to 99)"
        )
    return BasePrompt(name, LAYOUTS[found["layout"]], int(found["examples"] or 0))
