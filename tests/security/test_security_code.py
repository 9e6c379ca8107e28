"""Nothing in the source can execute what data, models or a workspace hold."""

import ast
from pathlib import Path

import pytest

from synthetic_instruction_tuner.config import ModelConfig, presets
from synthetic_instruction_tuner.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("tuner", "flows", "tasks", "blocks", "synthetic_instruction_tuner")
TREES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for name in PACKAGES
    for path in sorted((ROOT / name).rglob("*.py"))
}
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "pty"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("torch", "load"),
    ("torch", "save"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("os", "system"),
    ("os", "popen"),
}


def found(wanted):
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if wanted(node)
    ]


def test_no_module_that_reads_code_from_data_is_imported():
    def imports(node):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        return bool({name.partition(".")[0] for name in names} & MODULES)

    assert found(imports) == []


def test_no_text_is_executed():
    def executes(node):
        return (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS
        )

    assert found(executes) == []


def test_no_function_that_reads_pickles_or_starts_a_shell_is_called():
    def calls(node):
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in METHODS
        )

    assert found(calls) == []

    def allows(node):
        named = isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle")
        return named and getattr(node.value, "value", True) is not False

    assert found(allows) == []


def test_models_are_loaded_from_safetensors_alone():
    def loads(node):
        return (
            isinstance(node, ast.keyword)
            and node.arg == "use_safetensors"
            and getattr(node.value, "value", None) is not True
        )

    assert found(loads) == []


def test_foreign_code_is_off_in_every_setting_that_ships():
    def models(value):
        if isinstance(value, ModelConfig):
            yield value
        elif isinstance(value, Settings):
            for name in type(value).model_fields:
                yield from models(getattr(value, name))
        elif isinstance(value, tuple):
            for one in value:
                yield from models(one)

    for name in presets.names():
        loaded = list(models(presets.load(name)))
        assert loaded
        assert not any(one.trust_remote_code for one in loaded)


@pytest.mark.parametrize("revision", ["", "main", "v1.0", "abc", "0" * 39])
def test_foreign_code_needs_a_pinned_revision(revision):
    with pytest.raises(ValueError, match="pinned revision"):
        ModelConfig(name="org/model", revision=revision, trust_remote_code=True)
    assert ModelConfig(name="org/model", revision="0" * 40, trust_remote_code=True)
