"""The stages of a study, in order."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Stage = Literal[
    "items", "generation", "filtering", "preference", "training", "evaluation", "report"
]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Versions(NamedTuple):
    """What the code of each stage writes, counted: raise a number when its bytes change.

    Attributes:
        imports: For imported rows; draws do not depend on it.
        signals: For what models measure on rows before they are filtered.
        scoring: For rewards alone; responses do not depend on it.
        pairing: For the pairs alone; responses and rewards do not depend on it.
        items: Training data are decontaminated against the items, so raising it makes the data
            stages and all training anew.
        votes: For imported votes of people, which nobody can make anew.
    """

    generation: int = 1
    imports: int = 3
    filtering: int = 5
    signals: int = 2
    preference: int = 2
    scoring: int = 2
    pairing: int = 3
    training: int = 3
    items: int = 1
    evaluation: int = 5
    votes: int = 1
    analysis: int = 13
    reporting: int = 15


VERSIONS = Versions()
