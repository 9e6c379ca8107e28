"""A Modelfile: how Ollama is told template and ends of a model that it would have to guess.

Ollama reads Go templates instead of Jinja, so the chat template is rendered with known words and
taken apart between them; one that cannot be put together again from its parts is refused.
"""

from __future__ import annotations

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.chat import Chat

SYSTEM, FIRST, SAID, SECOND = (f"sentinel-{name}" for name in ("system", "one", "said", "two"))
MESSAGES = (
    '{{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}{before}{{{{ .Content }}}}{behind}'
    '{{{{ else if eq .Role "assistant" }}}}{{{{ .Content }}}}{ended}{{{{ end }}}}{{{{ end }}}}'
)


def modelfile(chat: Chat, source: str = ".") -> str:
    """Write the Modelfile of a model.

    Args:
        chat: Its tokenizer with its chat template.
        source: Where the weights are, seen from the Modelfile: a folder or a GGUF file.

    Raises:
        ConfigurationError: If the template has no form that Ollama could follow.
    """
    stops = [f'PARAMETER stop "{_quoted(chat.raw([one]))}"' for one in chat.stop_ids]
    lines = [f"FROM {source}", f'TEMPLATE """{template(chat)}"""', *stops]
    return "\n".join(lines) + "\n"


def template(chat: Chat) -> str:
    """Return the chat template as a Go template over `.System` and `.Messages`.

    Raises:
        ConfigurationError: If the rendered parts do not give the whole again.
    """
    first = {"role": "user", "content": FIRST}
    talk = [
        first,
        {"role": "assistant", "content": SAID},
        {"role": "user", "content": SECOND},
    ]
    start, behind, between, end = _split(chat, talk, (FIRST, SAID, SECOND))
    before = _common_end(start, between)
    if end != behind or not before:
        raise _refusal("turns are rendered differently by their place")
    begin, ended = start.removesuffix(before), between.removesuffix(before)
    opening = begin
    if chat.has_system_turn:
        told = [{"role": "system", "content": SYSTEM}, first]
        ahead, then, last = _split(chat, told, (SYSTEM, FIRST))
        if not then.endswith(before) or last != behind:
            raise _refusal("a system turn changes what follows it")
        asked = f"{ahead}{{{{ .System }}}}{then.removesuffix(before)}"
        opening = f"{{{{ if .System }}}}{asked}{{{{ else }}}}{begin}{{{{ end }}}}"
    parts = (before, behind, ended, begin)
    if any("{{" in one or '"""' in one for one in parts):
        raise _refusal("it holds marks of Go templates")
    return opening + MESSAGES.format(before=before, behind=behind, ended=ended)


def _split(chat: Chat, turns: list[dict[str, str]], words: tuple[str, ...]) -> list[str]:
    """Render turns and cut the text at these words, each of which must be there once."""
    rest = chat.prompt_text(turns)
    begin = chat.tokenizer.bos_token or ""
    rest = rest.removeprefix(begin)  # the runtime puts it there itself
    parts = []
    for word in words:
        if rest.count(word) != 1:
            raise _refusal("words of a turn are left out or repeated")
        part, _, rest = rest.partition(word)
        parts.append(part)
    return [*parts, rest]


def _common_end(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[-length - 1] == other[-length - 1]:
        length += 1
    return one[len(one) - length :]


def _refusal(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"this chat template cannot be written for Ollama ({why}); export 'merged' or 'gguf' and "
        "write a Modelfile by hand"
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
