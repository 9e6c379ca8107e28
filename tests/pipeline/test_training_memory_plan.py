"""What a plan says of a training step against what PyTorch's allocator really hands out for it."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from support import training_models

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("memory")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    shape = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4}
    return training_models.save_student(folder, vocab_size=6000, **shape)


@pytest.mark.parametrize(
    ("quantization", "method", "rows", "recompute"),
    [
        ("none", "lora", 2, False),
        ("none", "lora", 2, True),
        ("none", "prompt_tuning", 2, False),
        ("none", "dpo", 1, False),
        ("none", "dora", 2, False),
        ("none", "full", 2, False),
        ("nf4", "dora", 2, False),
        ("nf4", "lora", 2, False),
    ],
)
def test_a_plan_for_a_cpu_is_what_a_step_takes(
    memory: ModuleType,
    student: Path,
    tmp_path: Path,
    quantization: str,
    method: str,
    rows: int,
    recompute: bool,
) -> None:
    case = memory.Case(str(student), quantization, "float32", method, rows, 96, recompute)
    taken = memory._run(case, memory._job(case, tmp_path, str(student)), memory._tokenizer())
    assert memory._predicted(case, on_gpu=False) == pytest.approx(taken["allocated"], rel=0.15)
    assert memory._predicted(case) < 0.85 * taken["allocated"], "a GPU's kernels need less"
