"""The examples of docs/extending.md, run as they stand there."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.training_models import save_student

from synthetic_instruction_tuner import benchmarks
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.evaluation.items import write_items
from synthetic_instruction_tuner.evaluation.rows import read_rows, write_rows

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'```python title="([^"]+)"\n(.*?)```', TEXT, flags=re.DOTALL))
BENCHMARK = "synthetic_instruction_tuner/benchmarks/openbookqa.py"
BENCHMARK_TEST = "tests/unit/benchmarks/test_openbookqa.py"
METHOD = "synthetic_instruction_tuner/methods/layer_norms.py"
RUN = """
import importlib, sys
package = importlib.import_module(sys.argv[1])
package.__path__.append(sys.argv[2])
sys.path.insert(0, sys.argv[3])
test = importlib.import_module(sys.argv[4])
for name in [one for one in vars(test) if one.startswith("test_")]:
    getattr(test, name)()
from synthetic_instruction_tuner.config import presets
config = presets.load("sandbox-smoke", sys.argv[5:])
print(*(name for name in dir(config.filtering.rules) if name == "shouting"), config.training.arms)
"""


def run(folder, kind, name, *settings):
    """Run an example's own test in a process in which its file lies in its package."""
    module, test = (
        f"synthetic_instruction_tuner/{kind}/{name}.py",
        f"tests/unit/{kind}/test_{name}.py",
    )
    for place, block in ((kind, module), ("tests", test)):
        (folder / place).mkdir()
        (folder / place / Path(block).name).write_text(BLOCKS[block], encoding="utf-8")
    places = [f"synthetic_instruction_tuner.{kind}", str(folder / kind), str(folder / "tests")]
    command = [sys.executable, "-c", RUN, *places, f"test_{name}", *settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rule_is_one_file(tmp_path):
    settings = "filtering.rules.shouting={enabled: true, max_capitals: 0.5}"
    assert run(tmp_path, "rules", "shouting", settings).startswith("shouting")


def test_a_method_is_one_file(tmp_path):
    settings = "training.arms=[{name: norms, method: layer_norms}]"
    assert "method='layer_norms'" in run(tmp_path, "methods", "layer_norms", settings)


def test_a_benchmark_is_one_file(tmp_path):
    settings = "evaluation.benchmarks=[{name: openbookqa, items: 20}]"
    run(tmp_path, "benchmarks", "openbookqa", settings)


def test_rows_of_openbookqa_become_items(tmp_path, monkeypatch):
    """As a study does it: rows of a folder, lm-eval's definition, an example shown."""
    (tmp_path / "openbookqa.py").write_text(BLOCKS[BENCHMARK], encoding="utf-8")
    (tmp_path / "test_openbookqa.py").write_text(BLOCKS[BENCHMARK_TEST], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = importlib.import_module("openbookqa").BENCHMARK
    monkeypatch.setattr(benchmarks, "all_benchmarks", lambda: {"openbookqa": made})
    rows = [importlib.import_module("test_openbookqa").ROW | {"id": str(n)} for n in range(3)]
    (tmp_path / "data" / "openbookqa").mkdir(parents=True)
    write_rows(tmp_path / "data" / "openbookqa" / "test.jsonl", rows)
    settings = {"data_dir": str(tmp_path / "data"), "benchmarks": [{"name": "openbookqa"}]}
    (tmp_path / "items").mkdir()
    facts = write_items(StudyConfig.model_validate({"evaluation": settings}), tmp_path / "items")
    assert facts["items"] == {"openbookqa": 3}
    (task,) = json.loads((tmp_path / "items" / "tasks.json").read_text())["openbookqa"]
    assert task["definition"] == "openbookqa/openbookqa.yaml"
    (text,) = {one["text"] for one in read_rows(tmp_path / "items" / "texts.jsonl")}
    assert text == "What do plants make from light?"


@pytest.mark.filterwarnings("ignore:Unsupported layer type")  # PEFT, of all but LayerNorm
def test_layer_norms_trains_the_norms_alone(tmp_path, monkeypatch):
    from peft import get_peft_model

    from synthetic_instruction_tuner.config import ModelConfig
    from synthetic_instruction_tuner.models.loading import load_causal

    (tmp_path / "layer_norms.py").write_text(BLOCKS[METHOD], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = importlib.import_module("layer_norms")
    student = save_student(tmp_path / "student")
    model, _ = load_causal(ModelConfig(name=str(student), dtype="float32"), "cpu")
    adapted = get_peft_model(model, made.Config(name="norms").adapter(model))
    trained = {name for name, one in adapted.named_parameters() if one.requires_grad}
    assert trained
    assert all("norm" in name for name in trained)
    layers = model.config.num_hidden_layers
    assert len(trained) == 2 * layers + 1  # two in each layer, one before the output layer


@pytest.mark.parametrize("path", re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|j2))`", TEXT))
def test_every_file_it_names_is_there(path):
    places = [ROOT / path, ROOT / "synthetic_instruction_tuner" / path]
    assert any(place.exists() for place in places)


@pytest.mark.parametrize("kind", ["models/families.py", "inspection/planning/gpus.py"])
def test_entries_it_shows_are_those_of_the_project(kind):
    """What is shown as text is a copy of what stands in a table."""
    source = (ROOT / "synthetic_instruction_tuner" / kind).read_text(encoding="utf-8")
    assert any(entry in source for entry in re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL))
