"""Chat-template families: what cannot be derived from a tokenizer's own template.

Prefixes, turn ends, stop tokens and reasoning are derived (see `chat`); an entry here only says how
a family is recognised and which policy it needs. A new family is one entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from synthetic_instruction_tuner.errors import ConfigurationError

VERSION = 1
"""Raised whenever an entry changes what is drawn; part of every draw's identity."""
GENERIC_VERSION = 2
"""The same for models that are said to be of family "generic"."""

_MAGPIE = "https://github.com/magpie-align/magpie/tree/main/scripts"

REASONING = (("<think>", "</think>"), ("<|channel>thought", "<channel|>"), ("[THINK]", "[/THINK]"))
"""How reasoning opens and closes before an answer (Qwen 3 and DeepSeek R1, Gemma 4, Magistral)."""


@dataclass(frozen=True)
class Family:
    """Policy of one chat-template family.

    Attributes:
        name: What `family:` in a model's settings may say.
        marks: Strings that all occur in the text of the family's template; with `absent` they
            recognise it. Empty: never recognised, only chosen by name.
        absent: Strings that do not occur in it.
        system: Where a steering prompt goes: a system "turn" of its own, or the top of the first
            "user" turn where the family has no system role.
        stop: Further tokens that end a turn; those of `generation_config` and the template count
            anyway.
        banned_first: Tokens an instruction may not start with.
        temperature: Published temperature for drawing instructions; None where there is none.
        source: Where `temperature` and `banned_first` come from.
    """

    name: str
    marks: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    system: Literal["turn", "user"] = "turn"
    stop: tuple[str, ...] = ()
    banned_first: tuple[str, ...] = ()
    temperature: float | None = None
    source: str = ""


# Llama 3.1 likes to answer after the bare header ("## Step 1 ..."); Magpie bans these four tokens.
_HEADINGS = ("#", "##", "###", "####")
_LLAMA_3_1 = Family(
    "llama-3.1",
    marks=("<|start_header_id|>", "Cutting Knowledge Date", "builtin_tools"),
    stop=("<|eom_id|>",),
    banned_first=_HEADINGS,
    temperature=0.8,
    source=f"{_MAGPIE} (magpie-llama3.1-8b.sh), exp/str_utils.py",
)

FAMILIES: tuple[Family, ...] = (
    Family(
        "sandbox",
        marks=("<|start_header_id|>", "{%- generation %}", "message['content'] | trim"),
        absent=("set loop_messages", "Cutting Knowledge Date"),
        temperature=1.0,
        source="this project's own measurements",
    ),
    Family(
        "llama-3",
        marks=("<|start_header_id|>", "set loop_messages"),
        absent=("Cutting Knowledge Date",),
        temperature=1.0,
        source=f"{_MAGPIE} (magpie-llama3-8b.sh)",
    ),
    _LLAMA_3_1,
    Family(
        "llama-3.2",
        marks=("<|start_header_id|>", "Cutting Knowledge Date", "strftime_now"),
        absent=("builtin_tools",),
        stop=("<|eom_id|>",),
        banned_first=_HEADINGS,
        source="as llama-3.1, whose template it shares but for the date",
    ),
    Family(  # its template is that of 3.1, so that it is chosen by name
        "llama-3.3",
        stop=_LLAMA_3_1.stop,
        banned_first=_HEADINGS,
        source="exp/str_utils.py of Magpie",
    ),
    Family(
        "qwen-2",
        marks=("<|im_start|>", "You are a helpful assistant"),
        absent=("Qwen, created by Alibaba", "<|im_sep|>", "enable_thinking"),
        temperature=1.0,
        source=f"{_MAGPIE} (magpie-qwen2-7b.sh)",
    ),
    Family(
        "qwen-2.5",
        marks=("<|im_start|>", "You are Qwen, created by Alibaba Cloud"),
        temperature=0.7,
        source=f"{_MAGPIE} (magpie-qwen2.5-7b.sh)",
    ),
    Family(
        "qwen-3",
        marks=("<|im_start|>", "reasoning_content", "</think>"),
        absent=("## Metadata", "<|im_sep|>"),
    ),
    Family(
        "qwen-3-instruct",
        marks=("<|im_start|>", "<tool_call>"),
        absent=("</think>", "You are Qwen", "You are a helpful", "<|im_sep|>"),
    ),
    Family(
        "gemma-2",
        marks=("<start_of_turn>", "System role not supported"),
        system="user",
        temperature=1.0,
        source=f"{_MAGPIE} (magpie-gemma2-9b.sh)",
    ),
    Family("gemma-3", marks=("<start_of_turn>", "first_user_prefix")),
    Family("phi-3", marks=("<|user|>\n", "<|assistant|>\n", "<|end|>\n"), absent=("<|im_sep|>",)),
    Family("phi-4", marks=("<|im_start|>", "<|im_sep|>")),
    Family(
        "phi-4-mini",
        marks=("'<|' + message['role'] + '|>'", "<|end|>"),
        absent=("<|end|>\n", "<|im_sep|>"),
    ),
    Family("mistral", marks=("[INST]", "[/INST]"), system="user", stop=("[/INST]",)),
    Family(
        "smollm-2",
        marks=("<|im_start|>", "named SmolLM, trained by Hugging Face"),
        absent=("## Metadata",),
    ),
    Family(
        "smollm-3",
        marks=("<|im_start|>", "## Metadata", "reasoning_mode"),
    ),
    Family("chatml"),  # these three are layouts that a student without template is given
    Family("gemma", system="user"),
    Family("plain"),
    Family("generic"),
)


def version(name: str | None) -> int:
    """Return the version of the policy that settings choose with `family`; part of identities."""
    return GENERIC_VERSION if name == "generic" else VERSION


def without_reasoning(text: str) -> str:
    """Take reasoning from the front of a text; nothing is left if it never closes."""
    for opening, closing in REASONING:
        if text.lstrip().startswith(opening):
            _, closed, answer = text.partition(closing)
            return answer.lstrip() if closed else ""
    return text


def names() -> list[str]:
    """List the families in the order of the table."""
    return [family.name for family in FAMILIES]


def find_family(name: str | None, template: str) -> Family:
    """Return the family of that name, or the one whose marks the template carries.

    Args:
        name: What the settings say; None to recognise it.
        template: Text of the tokenizer's chat template.

    Raises:
        ConfigurationError: If there is no such family, or the template is of none.
    """
    if name is not None:
        chosen = [family for family in FAMILIES if family.name == name]
        if not chosen:
            raise ConfigurationError(f"family={name!r} is unknown; allowed: {', '.join(names())}")
        return chosen[0]
    for family in FAMILIES:
        if family.marks and _carries(template, family):
            return family
    raise ConfigurationError(
        "the model's chat template belongs to none of the known families; set family to the one "
        "that it follows, or to 'generic' (everything derived from the template, no special "
        f"policy); known: {', '.join(names())}"
    )


def _carries(template: str, family: Family) -> bool:
    text = template.replace("\\n", "\n")  # templates write line ends either way
    present = all(mark in text for mark in family.marks)
    return present and not any(mark in text for mark in family.absent)
