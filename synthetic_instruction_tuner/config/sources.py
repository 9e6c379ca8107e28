"""Where rows of one's own come from, and which of their fields is what."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydantic import Field

from synthetic_instruction_tuner.settings import Settings

HUB = "hf:"
_REFERENCE = re.compile(
    r"hf:(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<configuration>[\w.-]+))?"
    r"(?:@(?P<revision>[\w./-]+))?(?:#(?P<split>[\w.-]+))?"
)


class HubSource(NamedTuple):
    """A data set on the Hugging Face Hub.

    Attributes:
        name: "owner/name".
        configuration: Its configuration ("subset"); None: the only or the default one.
        revision: Branch, tag or commit; a commit is what others can repeat.
        split: Split whose rows are read.
    """

    name: str
    configuration: str | None
    revision: str
    split: str


def hub_source(source: str) -> HubSource | None:
    """Read "hf:owner/name[/configuration][@revision][#split]"; None for a file or folder.

    Raises:
        ValueError: If it begins with "hf:" and goes on otherwise.
    """
    if not source.startswith(HUB):
        return None
    found = _REFERENCE.fullmatch(source)
    if found is None:
        raise ValueError("a data set on the Hub is written hf:owner/name@revision#split")
    return HubSource(
        found["name"],
        found["configuration"],
        found["revision"] or "main",
        found["split"] or "train",
    )


class ColumnsConfig(Settings):
    """Which field of a row is what, where its names are not among those that are recognised."""

    instruction: str | None = Field(default=None, examples=["question"])
    """Field that holds what is asked; None: recognised (instruction, prompt, question, ...)."""
    response: str | None = Field(default=None, examples=["answer"])
    """Field that holds the answer to it; None: recognised (output, answer, ...)."""
    input: str | None = Field(default=None, examples=["context"])
    """Field with what the instruction speaks of, put below it; None: "input" of Alpaca rows."""
    system: str | None = Field(default=None, examples=["system_prompt"])
    """Field with a system prompt; None: "system_prompt" or "system"."""
    messages: str | None = Field(default=None, examples=["dialog"])
    """Field with a whole conversation; None: "messages" or "conversations" (ShareGPT)."""
    domain: str | None = Field(default=None, examples=["topic"])
    """Field with the row's domain; None: "domain"."""
