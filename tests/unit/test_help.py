"""Every command says what it does, with an example that can be typed; every option what it is."""

import inspect
import re
import shlex

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tuner.main import app


def commands(group=None, path=()):
    for name, one in (group or get_command(app)).commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


ALL = list(commands())


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_the_help_of_a_command_is_whole(path, command):
    text = inspect.cleandoc(command.help)
    (example,) = re.findall(r"^Example: tuner (.*)$", text, flags=re.MULTILINE)
    words = shlex.split(example)
    assert tuple(words[: len(path)]) == path
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known
    for one in command.params:
        assert one.help, one.name
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    assert not re.search(r"\s\.\s", shown.output), "a dangling stop"
    empty = (None, False, "", ())
    has_value = [one for one in command.params if one.default not in empty and not one.required]
    assert shown.output.count("[default: ") >= len(has_value)


def test_what_is_chosen_if_nothing_is_said_is_shown():
    shown = CliRunner().invoke(app, ["human", "export", "--help"], env={"COLUMNS": "200"}).output
    for default in ("the base and all arms", "./workspace/<name>", "20"):
        assert re.search(rf"\[default: \(?{re.escape(default)}\)?\]", shown), default
