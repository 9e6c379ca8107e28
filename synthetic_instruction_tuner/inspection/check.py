"""What a look at a study found."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        state: "ok", "warning" (the study may still run), or "problem" (it will fail).
        found: What was found.
        remedy: What to do about it; empty when all is well.
    """

    name: str
    state: Literal["ok", "warning", "problem"]
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)
