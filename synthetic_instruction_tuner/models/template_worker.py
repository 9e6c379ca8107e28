"""Renders chat templates in a process of its own; started by `template_guard`, imports Jinja alone.

Reads one request a line, {"template": text, "context": {name: value}, "clock": ISO date}, and
answers each with one line: {"text": text}, {"raised": message} where the template itself raises, or
{"failed": message}. The environment is that of transformers' `apply_chat_template`, save its clock.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

MEMORY = 1 << 30
"""Bytes of address space."""
LONGEST = 4 * 1024 * 1024
"""Characters of a text; the longest context of any model is a fraction."""
SECONDS = 20.0
"""Processor time for one text, after which the process ends itself, whoever still listens."""


class Raised(TemplateError):
    """The template refuses the conversation."""


class Generation(Extension):
    """Renders what stands between generation and endgeneration tags like anything else."""

    tags = frozenset({"generation"})  # type: ignore[assignment]

    def parse(self, parser: Parser) -> nodes.Node:
        """Read the tag and its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class Dict:
    """`dict` without its attributes."""

    def __call__(self, *args: Any, **kwargs: Any) -> object:
        """Return a dict."""
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[object, object]:
        """Return a dict with these keys."""
        return dict.fromkeys(*args)


class Names(Namespace):
    """`namespace` without attributes that begin with an underscore."""

    def __init__(*args: Any, **kwargs: object) -> None:
        self, given = args[0], dict(*args[1:], **kwargs)
        for name in given:
            _check(name)
        Namespace.__init__(self, given)

    def __setitem__(self, name: str, value: object) -> None:
        _check(name)
        Namespace.__setitem__(self, name, value)


def _check(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"no attribute {name!r} on a namespace")


def _raise(message: str) -> None:
    raise Raised(message)


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


@lru_cache(maxsize=16)
def _compiled(template: str, clock: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": date.fromisoformat(clock).strftime,
        "dict": Dict(),
        "namespace": Names,
    }
    return environment.from_string(template)


def answer(request: dict[str, Any]) -> dict[str, str]:
    """Render one conversation."""
    try:
        template = _compiled(request["template"], request["clock"])
        pieces, size = [], 0
        for piece in template.generate(**request["context"]):
            size += len(piece)
            if size > LONGEST:
                return {"failed": f"writes more than {LONGEST} characters"}
            pieces.append(piece)
        return {"text": "".join(pieces)}
    except MemoryError:
        return {"failed": "takes more than 1 GiB of memory"}
    except RecursionError:
        return {"failed": "calls itself without an end"}
    except TemplateError as error:
        return {"raised": str(error)[:500]}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Answer until nobody asks any more."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except ImportError:  # Windows: the limit of time is left
        pass
    timed = hasattr(signal, "setitimer")
    for line in sys.stdin:
        if timed:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        print(json.dumps(answer(json.loads(line))), flush=True)
        if timed:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


if __name__ == "__main__":
    main()
