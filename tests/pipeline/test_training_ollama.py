"""Chat templates for Ollama: what they give is what the tokenizer's own template gives."""

import pytest
from support import chat_families

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.training import ollama

FOLLOWED = (
    *("sandbox", "llama-3", "llama-3.1", "llama-3.2", "llama-3.3", "qwen-2", "qwen-2.5"),
    *("qwen-3-instruct", "gemma-2", "phi-3", "phi-4", "phi-4-mini", "smollm-2", "smollm-3"),
)


def followed(template: str, system: str, turns: list[tuple[str, str]]) -> str:
    """What Ollama makes of a template of this form: conditions and the loop, done by hand."""
    opening, _, loop = template.partition("{{ range .Messages }}")
    if "{{ if .System }}" in opening:
        told, _, plain = opening.removeprefix("{{ if .System }}").partition("{{ else }}")
        opening = told.replace("{{ .System }}", system) if system else plain
        opening = opening.removesuffix("{{ end }}")
    user, _, assistant = loop.partition('{{ else if eq .Role "assistant" }}')
    forms = {
        "user": user.removeprefix('{{ if eq .Role "user" }}'),
        "assistant": assistant.removesuffix("{{ end }}{{ end }}"),
    }
    said = [forms[role].replace("{{ .Content }}", text) for role, text in turns]
    return opening + "".join(said)


def chat_of(family: str) -> Chat:
    return bind(chat_families.tokenizer_of(family))


@pytest.mark.parametrize("family", sorted({*chat_families.FAMILIES} - {*FOLLOWED}))
def test_what_cannot_be_followed_is_refused(family):
    with pytest.raises(ConfigurationError, match="cannot be written for Ollama"):
        ollama.template(chat_of(family))


@pytest.mark.parametrize("family", FOLLOWED)
def test_ollama_asks_as_the_tokenizer_does(family):
    chat = chat_of(family)
    template = ollama.template(chat)
    turns = [("user", "Two rivers?"), ("assistant", "Rhine, Po."), ("user", "One more.")]
    for system in ("", "Be brief.") if chat.has_system_turn else ("",):
        told = [{"role": "system", "content": system}] * bool(system)
        told += [{"role": role, "content": text} for role, text in turns]
        wanted = chat.prompt_text(told).removeprefix(chat.tokenizer.bos_token or "")
        assert followed(template, system, turns) == wanted
