"""The results store as reports read it: by path, so that every printed figure has a source.

Text is written with references instead of numbers: [[scores/sft/mmlu/score|percent]] prints the
value at that path in that form. Sentences hold no digits of their own.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.reporting.format import FORMS, write
from synthetic_instruction_tuner.study.subject import BASE

REFERENCE = re.compile(r"\[\[([^|\[\]]+)\|([a-z0-9_]+)\]\]")


class Results:
    """The content of comparison.json.

    Args:
        data: The parsed file.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a committed comparison."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def get(self, path: str) -> Any:
        """Return the value at a path ("scores/sft/mmlu/score"); None where nothing was measured."""
        value: object = self.data
        for key in path.split("/"):
            if isinstance(value, Mapping):
                value = value.get(key)
            elif isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit():
                value = value[int(key)] if int(key) < len(value) else None
            else:
                return None
        return value

    def number(self, path: str, form: str) -> str:
        """Write the figure at a path."""
        return write(self.get(path), form)

    # --- text with references ----------------------------------------------------------------

    def text(self, template: str) -> str:
        """Fill a template for Markdown, slides and notes."""
        return REFERENCE.sub(lambda match: self.number(*_checked(match)), template)

    def html(self, template: str) -> str:
        """Fill a template for HTML: text escaped, every figure tagged with its path."""
        parts, end = [], 0
        for match in REFERENCE.finditer(template):
            parts.append(html.escape(template[end : match.start()]))
            parts.append(self.tagged(*_checked(match)))
            end = match.end()
        return "".join(parts) + html.escape(template[end:])

    def tagged(self, path: str, form: str) -> str:
        """Write the figure at a path as HTML that names the path."""
        value = html.escape(self.number(path, form))
        return f'<span class="n" data-from="{html.escape(path, quote=True)}">{value}</span>'

    # --- what most pages ask for ---------------------------------------------------------------

    @property
    def models(self) -> list[str]:
        """Models that tables show, the base first."""
        return [name for name, one in self.data["subjects"].items() if one["headline"]]

    @property
    def arms(self) -> list[str]:
        """Models that tables show, without the base."""
        return [name for name in self.models if name != BASE]

    @property
    def benchmarks(self) -> list[str]:
        """Benchmarks that score answers."""
        return list(self.data["benchmarks"])

    def label(self, model: str) -> str:
        """How a model is called."""
        return str(self.data["subjects"][model]["label"])

    def benchmark(self, key: str) -> str:
        """How a benchmark is called."""
        return str(self.data["benchmarks"][key]["label"])

    def measured(self, model: str, key: str) -> bool:
        """Whether a model has a score on a benchmark."""
        return bool(self.data["scores"][model][key]["status"] == "measured")

    def difference(self, challenger: str, reference: str, key: str) -> Mapping[str, Any] | None:
        """Return the stored comparison of two models; None if there is none."""
        cell = self.data["comparisons"].get(f"{challenger}-vs-{reference}", {}).get(key)
        return cell if cell and cell["status"] == "measured" else None

    @property
    def answers(self) -> str | None:
        """The benchmark of freely written, checked answers; else the first one; None: none."""
        found = self.data["benchmarks"]
        checked = [key for key, one in found.items() if one["skill"] == "right answers"]
        return next(iter([*checked, *found]), None)

    @property
    def preference_arms(self) -> list[str]:
        """Arms that learn from preference pairs."""
        return [one for one in self.arms if self.data["subjects"][one]["data"] == "preference"]

    @property
    def trained(self) -> list[str]:
        """Arms with a training run."""
        runs = self.data["training"]
        return [one for one in self.arms if runs[one]["status"] == "measured"]


def _checked(match: re.Match[str]) -> tuple[str, str]:
    path, form = match.groups()
    if form not in FORMS:
        raise StageError(f"unknown form {form!r} in the reference {match.group()!r}")
    return path, form
