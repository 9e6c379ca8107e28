"""The rules that hold the house together, checked on the files themselves."""

import ast
import importlib.metadata
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("tuner", "flows", "tasks", "blocks", "synthetic_instruction_tuner")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TABLES = {"tables.py"}  # files that are data: word lists
MOST_ANY = 512
"""How often the domain may say `Any`: lower it whenever the count has fallen."""


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def length(node):
    return node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_a_screen_or_two():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} ({length(node)} lines)"
        for path in SOURCES
        for node in functions(path)
        if length(node) > 80
    ]
    assert long == []


def test_most_functions_are_short():
    sizes = sorted(length(node) for path in SOURCES for node in functions(path))
    assert sizes[len(sizes) // 2] <= 13
    assert sizes[int(len(sizes) * 0.95)] <= 45


def test_no_file_is_longer_than_300_lines_but_tables():
    long = [
        f"{path.relative_to(ROOT)} ({count} lines)"
        for path in SOURCES
        if path.name not in TABLES
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > 300
    ]
    assert long == []


def test_no_two_files_need_each_other():
    """Not even through others, and not only at run time: imports for type checkers count."""
    graph = grimp.build_graph(*PACKAGES)
    needed = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(needed).prepare()  # CycleError names the files


def test_any_becomes_rarer_in_the_domain():
    """What is `Any`, mypy does not check: it belongs to the edge of JSON or of a library."""
    trees = (
        ast.parse(path.read_text(encoding="utf-8"))
        for path in (ROOT / "synthetic_instruction_tuner").rglob("*.py")
    )
    uses = sum(
        isinstance(node, ast.Name) and node.id == "Any" for tree in trees for node in ast.walk(tree)
    )
    assert uses <= MOST_ANY


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_flow_file_is_called_like_an_importable_module():
    """Loaded by path, `flows/` comes first on sys.path: statistics.py would shadow the library."""
    taken = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    stems = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert stems & taken == set()


def test_flows_hold_no_classes():
    """Loaded by path and as a package, a class there would be two classes."""
    classes = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "flows").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert classes == []


def test_no_other_distribution_owns_our_top_level_names():
    owners = importlib.metadata.packages_distributions()
    ours = {"synthetic-instruction-tuner"}
    assert {name: set(owners.get(name, [])) - ours for name in PACKAGES} == {
        name: set() for name in PACKAGES
    }


def test_no_page_holds_the_marks_of_a_merge():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    marks = tuple(mark * 7 + " " for mark in "<>")
    marked = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith(marks)
    ]
    assert marked == []


def test_tests_are_no_packages():
    """A tests/tasks/__init__.py would shadow the real `tasks`."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_test_files_have_distinct_names():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("word", ["pickle.load", "cloudpickle", "torch.save(", "joblib"])
def test_nothing_reads_or_writes_pickle(word):
    found = [str(p.relative_to(ROOT)) for p in SOURCES if word in p.read_text(encoding="utf-8")]
    assert found == []


def test_the_domain_starts_fast_because_it_loads_nothing_heavy():
    """Heavy libraries are imported where they are used; so is Prefect, in upper layers alone."""
    code = (
        "import sys, pkgutil, importlib, synthetic_instruction_tuner as domain\n"
        "from synthetic_instruction_tuner.study import graph, workspace\n"
        "from synthetic_instruction_tuner.config import presets\n"
        "from synthetic_instruction_tuner.inspection import status\n"
        "heavy = {'torch', 'transformers', 'trl', 'peft', 'datasets', 'lm_eval', 'prefect',\n"
        "         'pandas', 'matplotlib', 'plotly', 'pyarrow', 'scipy', 'statsmodels'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
