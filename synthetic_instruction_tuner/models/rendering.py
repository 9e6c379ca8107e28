"""Turns rendered by a tokenizer's own chat template, to text and to tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.models.families import Family
from synthetic_instruction_tuner.models.templates import (
    FIXED_DATE,
    control_tokens,
    pin,
    template_text,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]

SENTINEL = "Zyxwvut sentinel tuvwxyz"
"""Words that no template holds."""
QUESTION: Message = {"role": "user", "content": "Hello?"}


@dataclass(frozen=True)
class Rendering:
    """A tokenizer with its chat template, date fixed and reasoning off.

    Attributes:
        tokenizer: A transformers tokenizer with a chat template.
        family: Says where a system turn goes.
    """

    tokenizer: PreTrainedTokenizerBase
    family: Family

    @cached_property
    def _options(self) -> dict[str, Any]:
        return {
            "chat_template": pin(template_text(self.tokenizer)),
            "date_string": FIXED_DATE.strftime("%d %b %Y"),
        }

    @cached_property
    def added(self) -> frozenset[int]:
        """Token ids that no text is made of: special ones and others that were added."""
        return frozenset(self.tokenizer.added_tokens_decoder)

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        """Finds control tokens that a text spells out; they are encoded as the text they are."""
        longest_first = sorted(control_tokens(self.tokenizer), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    @cached_property
    def has_system_turn(self) -> bool:
        """Whether the template shows a system turn of its own."""
        from jinja2.exceptions import TemplateError

        if self.family.system == "user":
            return False
        try:
            return SENTINEL in self._render([{"role": "system", "content": SENTINEL}, QUESTION])
        except TemplateError:
            return False

    def ids(self, turns: Sequence[Message], add_generation_prompt: bool = False) -> list[int]:
        """Render turns to tokens; control tokens that a turn spells out stay text."""
        ids: list[int] = self.tokenizer.apply_chat_template(
            self._placed(turns),
            add_generation_prompt=add_generation_prompt,
            tokenize=True,
            return_dict=False,
            sanitize_control_tokens=any(self._spelled.search(one["content"]) for one in turns),
            **self._options,
        )
        return list(ids)

    def rendered(self, turns: Sequence[Message], **ending: bool) -> str:
        """Render turns to text."""
        return self._render(self._placed(turns), **ending)

    def _render(self, turns: Sequence[Message], **ending: bool) -> str:
        text: str = self.tokenizer.apply_chat_template(
            list(turns), tokenize=False, **ending, **self._options
        )
        return text

    def _placed(self, turns: Sequence[Message]) -> list[Message]:
        """Move a system turn into the first user turn where the template has no place for it."""
        if turns[0]["role"] != "system" or self.has_system_turn or len(turns) == 1:
            return list(turns)
        system, first, *rest = turns
        return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]

    def behind(self, role: str) -> int | None:
        """Return the token right behind a turn's words, None if it is no token of its own."""
        turn = {"role": role, "content": SENTINEL}
        turns = [turn] if role == "user" else [QUESTION, turn]
        behind = self.rendered(turns).split(SENTINEL)[-1]
        for one in self.tokenizer(behind, add_special_tokens=False)["input_ids"]:
            if one in self.added:
                return int(one)
            if self.tokenizer.decode([one]).strip():
                return None
        return None
