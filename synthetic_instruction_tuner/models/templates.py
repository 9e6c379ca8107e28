"""The text of a chat template, fixed so that it renders equal prompts on every day, thinking off.

What is fixed is written into the template itself: whoever renders it, here or where a trained model
is used, gets the prompts of training.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FIXED_DATE = date(2024, 7, 26)
"""What templates print as today: Llama 3.1's own default, so that a render is equal every day."""
_CLOCK = re.compile(r"""strftime_now\(\s*(['"])([^'"\n]{1,99})\1\s*\)""")
_SWITCHES = ("enable_thinking", "thinking")
"""Variables by which templates are told to leave reasoning out (Qwen 3, SmolLM3, Gemma 4, GLM 4.5
and Nemotron 3 read the first, Granite 3 and DeepSeek 3.1 the second)."""

_OFF = re.compile(rf"\A(?:\{{%- set (?:{'|'.join(_SWITCHES)}) = false %\}})+\n?")


def template_text(tokenizer: PreTrainedTokenizerBase) -> str:
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


def pin(template: str) -> str:
    """Write the fixed date into a template, and that reasoning is off.

    Raises:
        ConfigurationError: If it asks for the date in a form that is not written out.
    """
    off = "".join(f"{{%- set {name} = false %}}" for name in switches(template))
    pinned = pin_date(unpin(template))
    if not off:
        return pinned
    gap = "\n" if pinned.startswith("\n") else ""  # a line break after a block is not rendered
    return off + gap + pinned


def unpin(template: str) -> str:
    """Let a template choose again whether reasoning is on."""
    return _OFF.sub("", template)


def switches(template: str) -> list[str]:
    """Return the variables of a template that turn reasoning off."""
    return [one for one in _SWITCHES if re.search(rf"(?<![.\w'\"]){one}\b", template)]


def pin_date(template: str) -> str:
    """Write the fixed date into a template where it asks the clock.

    A template that asks in another form than `strftime_now("%d %b %Y")` (under another name, with a
    format from a variable) gets a clock of its own that stands still.

    Raises:
        ConfigurationError: If it asks for the date and is no template that can be read.
    """
    pinned = _CLOCK.sub(lambda found: repr(FIXED_DATE.strftime(found[2])), template)
    if "strftime_now" not in pinned:
        return pinned
    from jinja2.exceptions import TemplateError

    try:
        formats = _formats(pinned)
    except (TemplateError, RecursionError) as error:
        raise ConfigurationError(
            f"the chat template asks the clock and is no Jinja: {error}"
        ) from None
    return pinned if formats is None else _still_clock(formats) + pinned


def _formats(template: str) -> list[str] | None:
    """Return the texts that may be formats of a date; None if the clock is not asked."""
    from jinja2 import Environment, meta, nodes

    from synthetic_instruction_tuner.models.template_worker import Generation

    tree = Environment(extensions=[Generation, "jinja2.ext.loopcontrols"]).parse(template)
    asked = any(
        one.name == "strftime_now" and not isinstance(above, nodes.Test)
        for above in tree.find_all(nodes.Node)
        for one in above.iter_child_nodes()
        if isinstance(one, nodes.Name)
    )
    if not asked or "strftime_now" not in meta.find_undeclared_variables(tree):
        return None
    texts = {one.value for one in tree.find_all(nodes.Const) if isinstance(one.value, str)}
    return sorted(one for one in texts if "%" in one)


def _still_clock(formats: list[str]) -> str:
    """Return a macro in the place of the clock, for the formats that the template may ask for."""
    cases = "".join(
        f"{{%- elif format == {one!r} -%}}{{{{ {FIXED_DATE.strftime(one)!r} }}}}" for one in formats
    )
    return (
        "{%- macro strftime_now(format) -%}{%- if format is not string -%}"
        f"{cases}{{%- else -%}}"
        '{{ raise_exception("the clock is asked in a form that cannot be fixed") }}'
        "{%- endif -%}{%- endmacro %}\n"
    )


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the tokens that mean something to a model beyond their text.

    They are its special tokens and what its template writes; other added tokens are text (Gemma
    has one for every HTML tag, GPT-NeoX for runs of blanks).
    """
    template = tokenizer.get_chat_template() if tokenizer.chat_template else ""
    added = tokenizer.added_tokens_decoder.values()
    kept = {one.content for one in added if one.special or one.content in template}
    return tuple(sorted(one for one in kept if one.strip()))
