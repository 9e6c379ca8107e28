"""The documentation site: its settings reference says everything, its pages are there."""

import importlib.util
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.main import get_command

from synthetic_instruction_tuner.config import presets
from tuner.main import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("documentation_site", ROOT / "docs" / "site.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_setting_of_every_preset_is_in_the_reference_with_its_words(site):
    text = site.settings_reference()
    sections = dict(
        re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    )
    values = presets.load("colab-t4").model_dump()
    for name in ("generation", "filtering", "preference", "training", "evaluation"):
        for field in values[name]:
            assert f"| `{field}` |" in sections[name]
    rank = "| `rank` | `int` | `>= 1 and <= 1024` | `8` |  | Rank r of the update. |"
    assert rank in sections["training.arms.NAME[dora]"]
    assert "| `min_words` |" in sections["filtering.rules.length"]
    words = [row.split(" | ")[5] for row in text.splitlines() if row.startswith("| `")]
    assert len(words) > 150
    assert all(words)  # no field without words


def test_every_page_of_the_site_is_there(site):
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = re.findall(r"[a-z-]+\.md", str(nav))
    made = {"settings.md", *site.PAGES.values()}
    assert [one for one in pages if one not in made and not (ROOT / "docs" / one).exists()] == []
    known = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert known - set(pages) == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page):
    """A promise whose test has moved away is a promise without a test."""
    text = re.sub(r'title="[^"]+"', "", page.read_text("utf-8"))  # of examples
    named = re.findall(r"(?:tests/)?((?:[a-z_]+/)*test_[a-z0-9_]+\.py)", text)
    known = {
        path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/test_*.py")
    }
    names = {path.rpartition("/")[2] for path in known}
    assert [one for one in named if one not in (known if "/" in one else names)] == []


def commands():
    """Every `tuner` command that a page shows in a block for a shell."""
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]):
        for block in re.findall(
            r"```(?:bash|sh|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL
        ):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if "tuner" in words:
                    yield page.name, words[words.index("tuner") + 1 :]


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=str)
def test_every_command_that_a_page_shows_can_be_typed(page, words):
    command = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands") or words[:1] in ([], ["--version"]), words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("-")} <= known | {
        "--help",
        "--",
    }


def test_the_operators_page_is_read_in_ten_minutes():
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert len(prose.split()) <= 2300


def test_pictures_of_the_readme_stay_pictures_on_the_site(site):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    text = site.on_page_markdown("![A report](docs/images/page.png)", page, None, None)
    assert text == "![A report](images/page.png)"
