"""Prompts as token ids, derived from a tokenizer's own chat template.

The pre-query prefix is what comes before the user's words: a model that has learned chats goes on
with an instruction of its own (Magpie, arXiv 2406.08464). It is found by rendering user turns with
different words and keeping the tokens that all renders share, so that it is by construction the
start of what `apply_chat_template` gives, begin token, default system turn and all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.families import Family, find_family
from synthetic_instruction_tuner.storage.files import digest

Message = Mapping[str, str]

FIXED_DATE = date(2024, 7, 26)
"""What templates print as today: Llama 3.1's own default, so that a render is equal every day."""
SENTINEL = "Zyxwvut sentinel tuvwxyz"
_PROBES = ("Write", "How", "explain", "Is", "2", "A")
_CLOCK = re.compile(r"""strftime_now\(\s*(['"])(.+?)\1\s*\)""")
_THINKING = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


@dataclass(frozen=True)
class ChatTemplate:
    """A tokenizer's chat template with its family's policy.

    Attributes:
        tokenizer: A transformers tokenizer with a chat template.
        family: The policy.
        end_ids: Token ids that the model's generation_config names as ends.
    """

    tokenizer: Any
    family: Family
    end_ids: tuple[int, ...] = ()

    def instruction_prompt(self, system: str = "", history: Sequence[Message] = ()) -> list[int]:
        """Return the pre-query prefix: everything up to where the user's next words begin.

        Args:
            system: Steering prompt; empty for the template's own default.
            history: Earlier turns, user and assistant in alternation.
        """
        renders = [self._ids(self._turns(probe, system, history)) for probe in _PROBES]
        prefix = _common_prefix(renders)
        self._check_begin(prefix)
        return prefix

    def response_prompt(self, turns: Sequence[Message]) -> list[int]:
        """Return the prompt that the assistant answers, under the family's default system turn."""
        prompt = self._ids(turns, add_generation_prompt=True)
        self._check_begin(prompt)
        return prompt

    def prefix_text(self, system: str = "") -> str:
        """Return the pre-query prefix as text, split off before a sentinel.

        Raises:
            ConfigurationError: If the template does not render the user's words once, unchanged.
        """
        parts = self._text(self._turns(SENTINEL, system, ())).split(SENTINEL)
        if len(parts) != 2:
            raise ConfigurationError(
                f"the chat template renders the user's words {len(parts) - 1} times; the "
                "pre-query prefix cannot be derived from it"
            )
        return parts[0]

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Token ids that end a turn: only tokens that cannot be part of a text."""
        added = self.tokenizer.added_tokens_decoder
        wanted = {*self.end_ids, self.tokenizer.eos_token_id, self._turn_end("user")}
        wanted |= {self._turn_end("assistant")}
        wanted |= {self._id_of(token) for token in self.family.stop}
        return tuple(sorted(one for one in wanted if one is not None and one in added))

    @cached_property
    def banned_first(self) -> tuple[int, ...]:
        """Token ids an instruction may not start with."""
        ids = (self._id_of(token) for token in self.family.banned_first)
        return tuple(sorted(one for one in ids if one is not None))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of how the template renders: prefix, a whole conversation, stops and bans."""
        turns = [*self._turns("Hello?", "", ()), {"role": "assistant", "content": "Hello."}]
        return digest(
            {
                "prefix": self.instruction_prompt(),
                "conversation": self._ids(turns),
                "response": self.response_prompt(turns[:1]),
                "stop": self.stop_ids,
                "banned": self.banned_first,
            }
        )

    def raw(self, tokens: Sequence[int]) -> str:
        """Decode exactly what was drawn, special tokens shown."""
        text: str = self.tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def text(self, tokens: Sequence[int]) -> str:
        """Decode a turn without the token that ended it and without white space around it.

        Special tokens within it stay visible: they are a defect that a filter rule must see.
        """
        kept = list(tokens)
        while kept and kept[-1] in self.stop_ids:
            kept.pop()
        return self.raw(kept).strip()

    def answer(self, tokens: Sequence[int]) -> str:
        """Decode a response; a leading <think> block is removed where the family writes one."""
        text = self.text(tokens)
        return _THINKING.sub("", text).strip() if self.family.thinks else text

    def _turns(self, words: str, system: str, history: Sequence[Message]) -> list[Message]:
        turns: list[Message] = [*history, {"role": "user", "content": words}]
        if system and self.family.system == "turn":
            return [{"role": "system", "content": system}, *turns]
        if system:
            first = turns[0]
            turns[0] = {"role": "user", "content": f"{system}\n\n{first['content']}"}
        return turns

    @cached_property
    def _options(self) -> dict[str, Any]:
        return {
            "chat_template": pin_date(template_text(self.tokenizer)),
            "date_string": FIXED_DATE.strftime("%d %b %Y"),
            **self.family.options,
        }

    def _ids(self, turns: Sequence[Message], add_generation_prompt: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer.apply_chat_template(
            list(turns),
            add_generation_prompt=add_generation_prompt,
            tokenize=True,
            return_dict=False,
            **self._options,
        )
        return ids

    def _text(self, turns: Sequence[Message]) -> str:
        text: str = self.tokenizer.apply_chat_template(list(turns), tokenize=False, **self._options)
        return text

    def _turn_end(self, role: str) -> int | None:
        """Return the token right behind a turn's words, None if the template adds nothing."""
        turns: list[Message] = [{"role": "user", "content": SENTINEL}]
        if role == "assistant":
            turns = [{"role": "user", "content": "Hello?"}, {"role": role, "content": SENTINEL}]
        behind = self._text(turns).split(SENTINEL)[-1]
        ids = self.tokenizer(behind, add_special_tokens=False)["input_ids"]
        return ids[0] if ids else None

    def _id_of(self, token: str) -> int | None:
        found: int | None = self.tokenizer.get_vocab().get(token)
        return found

    def _check_begin(self, ids: Sequence[int]) -> None:
        """Refuse a doubled begin token (some tokenizers also open every turn with that token)."""
        begin = self.tokenizer.bos_token_id
        if begin is not None and list(ids[:2]) == [begin, begin]:
            raise ConfigurationError(
                f"the chat template gives the begin token {self.tokenizer.bos_token} twice; the "
                "tokenizer adds one of its own to the template's: repair its chat_template"
            )


def chat_template(
    tokenizer: Any, family: str | None = None, end_ids: Sequence[int] = ()
) -> ChatTemplate:
    """Recognise the family of a tokenizer and bind its policy to it.

    Args:
        tokenizer: A transformers tokenizer.
        family: Family from the settings; None to recognise it.
        end_ids: End tokens of the model's generation_config.

    Raises:
        ConfigurationError: If the tokenizer has no chat template, or of no known family.
    """
    chosen = find_family(family, template_text(tokenizer))
    return ChatTemplate(tokenizer, chosen, tuple(end_ids))


def template_text(tokenizer: Any) -> str:
    """Return the text of a tokenizer's chat template, the default one if it has several.

    Raises:
        ConfigurationError: If it has none.
    """
    if not tokenizer.chat_template:
        raise ConfigurationError(
            f"the tokenizer of {tokenizer.name_or_path!r} has no chat template: it seems to be a "
            "base model; instructions are drawn from an instruct model"
        )
    text: str = tokenizer.get_chat_template()
    return text


def pin_date(template: str) -> str:
    """Write the fixed date into a template where it asks the clock.

    Raises:
        ConfigurationError: If it asks for the date in a form that is not written out.
    """
    pinned = _CLOCK.sub(lambda found: repr(FIXED_DATE.strftime(found[2])), template)
    if "strftime_now(" in pinned:
        raise ConfigurationError(
            "the chat template asks the clock in a form that cannot be pinned, so that prompts "
            "would change from day to day; give the tokenizer a template with a fixed date"
        )
    return pinned


def _common_prefix(lists: Sequence[Sequence[int]]) -> list[int]:
    """Return the longest start that all lists share."""
    shared: list[int] = []
    for column in zip(*lists, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared


def describe_family(
    tokenizer: Any, family: str | None = None, end_ids: Sequence[int] = ()
) -> dict[str, Any]:
    """Describe what generation will do with a tokenizer, for `tuner doctor`.

    Returns:
        family, prefix (rendered pre-query prefix), prefix_ids, stop (tokens), banned_first,
        temperature (published, or None), source, template (fingerprint).
    """
    template = chat_template(tokenizer, family, end_ids)
    tokens = tokenizer.convert_ids_to_tokens
    return {
        "family": template.family.name,
        "prefix": template.prefix_text(),
        "prefix_ids": template.instruction_prompt(),
        "stop": tokens(list(template.stop_ids)),
        "banned_first": tokens(list(template.banned_first)),
        "temperature": template.family.temperature,
        "source": template.family.source,
        "template": template.fingerprint,
    }
