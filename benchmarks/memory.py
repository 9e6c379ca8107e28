"""Peak memory of training: what `tuner plan` predicts against what a step takes.

Real shapes, random weights, nothing downloaded; every case is two weight updates of the project's
own loop (TRL's loss, PEFT's adapter, AdamW) on full-length rows.

    python benchmarks/memory.py                 # simulated everywhere; on a GPU measured as well
    python benchmarks/memory.py --real 2e9      # on a CPU: also run what is predicted to take less
    python benchmarks/memory.py --only lora     # cases whose name contains this

- *simulated*: tensors without content (`FakeTensorMode`) go through the step, and every storage is
  counted from its creation to its end. TRL's Triton kernels, which work in place, are taken as
  taking nothing, as on a GPU.
- *measured*: the step runs. On a GPU: allocated and reserved by PyTorch, and what the driver says
  is held. On a CPU: what PyTorch's allocator handed out, from before the model was loaded (its
  profiler reports every piece), against a plan for a CPU's kernels. With `--resident` also the
  growth of the resident size, in a process of its own whose tensors have pages of their own
  (MALLOC_MMAP_THRESHOLD_): without, glibc keeps most of what is freed, which no step needs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_allocator import handed_out, idle
from memory_simulation import as_on_a_gpu, counting, pack

from synthetic_instruction_tuner import methods
from synthetic_instruction_tuner.config import ModelConfig, TrainingConfig
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.memory import footprint, shapes
from synthetic_instruction_tuner.models.memory.measure import Memory
from synthetic_instruction_tuner.training import build
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.loop import Loop
from synthetic_instruction_tuner.training.parallel import Group

MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One training step.

    Attributes:
        rows: Rows a forward pass; a preference pair is two sequences.
        length: Tokens of each sequence.
    """

    model: str
    quantization: str
    compute: str
    method: str
    rows: int
    length: int
    recompute: bool = False

    @property
    def name(self) -> str:
        """The case in a word, as tables show it."""
        short = self.model.rsplit("/", 1)[-1]
        base = self.compute if self.quantization == "none" else f"nf4 ({self.compute})"
        kept = ", recomputed" if self.recompute else ""
        return f"{short} {base} {self.method} {self.rows} x {self.length}{kept}"

    @property
    def arm(self) -> MethodConfig:
        """The method with its defaults."""
        from importlib import import_module

        module = import_module(f"{methods.__name__}.{self.method}")
        config: MethodConfig = module.Config(name="arm", batch_size=self.rows)
        return config

    @property
    def student(self) -> ModelConfig:
        """The base."""
        values = {"name": self.model, "dtype": self.compute, "quantization": self.quantization}
        return ModelConfig.model_validate(values)


LLAMA_1B, LLAMA_3B = "meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-3B"
SMOLLM = "HuggingFaceTB/SmolLM2-135M"
CASES = (
    Case(LLAMA_3B, "nf4", "bfloat16", "lora", 4, 1024),
    Case(LLAMA_3B, "nf4", "bfloat16", "lora", 4, 1024, recompute=True),
    Case(LLAMA_3B, "nf4", "bfloat16", "prompt_tuning", 4, 1024),
    Case(LLAMA_3B, "nf4", "bfloat16", "prompt_tuning", 4, 1024, recompute=True),
    Case(LLAMA_3B, "nf4", "bfloat16", "dpo", 2, 1024),
    Case(LLAMA_3B, "nf4", "bfloat16", "dpo", 2, 1024, recompute=True),
    Case(LLAMA_3B, "none", "bfloat16", "lora", 4, 1024),
    Case(LLAMA_3B, "none", "bfloat16", "dora", 4, 1024),
    Case(LLAMA_3B, "none", "bfloat16", "dpo", 2, 1024),
    Case(LLAMA_1B, "none", "bfloat16", "lora", 4, 512),
    Case(LLAMA_1B, "none", "float32", "lora", 4, 512),
    Case(LLAMA_1B, "none", "float32", "full", 2, 512),
    Case(LLAMA_1B, "none", "bfloat16", "lora", 1, 256),
    Case(SMOLLM, "none", "float32", "lora", 2, 256),
    Case(SMOLLM, "none", "float32", "lora", 2, 128, recompute=True),
    Case(SMOLLM, "none", "float32", "prompt_tuning", 2, 128),
    Case(SMOLLM, "none", "float32", "dora", 2, 128),
    Case(SMOLLM, "none", "float32", "full", 2, 128),
    Case(SMOLLM, "none", "float32", "dpo", 1, 128),
    Case(SMOLLM, "nf4", "float32", "lora", 2, 128),
    Case(SMOLLM, "nf4", "float32", "dpo", 1, 128),
    Case(LLAMA_1B, "none", "float32", "lora", 1, 64),
    Case(LLAMA_1B, "nf4", "float32", "lora", 1, 64),
    Case(LLAMA_3B, "nf4", "float32", "lora", 1, 64),
    Case(LLAMA_3B, "nf4", "float32", "prompt_tuning", 1, 1024),
    Case(LLAMA_3B, "nf4", "float32", "lora", 4, 1024, recompute=True),
    Case(LLAMA_3B, "nf4", "float32", "dpo", 1, 256, recompute=True),
    Case(LLAMA_3B, "none", "float32", "lora", 1, 64),
    Case(LLAMA_3B, "none", "bfloat16", "lora", 1, 16),
)


def main() -> None:
    """Print the table; what really runs does so in a process of its own."""
    options = _options()
    if options.case is not None:
        print(json.dumps(_measure(CASES[options.case], options.resident)))
        return
    import torch

    gpu = torch.cuda.is_available()
    print(f"device: {torch.cuda.get_device_name() if gpu else 'CPU'}; torch {torch.__version__}\n")
    print("| case | predicted | simulated | error | measured | error | also |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for number, case in enumerate(CASES):
        if options.only not in case.name:
            continue
        real = gpu or _predicted(case) <= options.real
        measured = _in_process(number) if real else {}
        if real and options.resident:
            measured |= _in_process(number, "--resident")
        predicted = _predicted(case, on_gpu=gpu or not real)
        simulated = _simulate(case) if gpu or not real else None
        print(_line(case, predicted, simulated, measured), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--real", type=float, default=0.0, help="on a CPU, run up to these bytes")
    parser.add_argument("--resident", action="store_true", help="on a CPU, also the resident size")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_process(number: int, *flags: str) -> dict[str, int]:
    command = [sys.executable, __file__, "--case", str(number), *flags]
    pages = {"MALLOC_MMAP_THRESHOLD_": "65536"} if flags else {}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | pages
    )
    if done.returncode != 0:
        print(done.stderr[-3000:], file=sys.stderr)
        return {}
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(case: Case, predicted: int, simulated: int | None, measured: dict[str, int]) -> str:
    peak = measured.pop("allocated", None)
    also = ", ".join(f"{name} {value / MIB:,.0f}" for name, value in measured.items())
    return (
        f"| {case.name} | {predicted / MIB:,.0f} MiB "
        f"| {_against(simulated, predicted)} | {_against(peak, predicted)} | {also} |"
    )


def _against(value: int | None, predicted: int) -> str:
    if value is None:
        return "not measured | "
    return f"{value / MIB:,.0f} MiB | {predicted / value - 1:+.1%}"


def _predicted(case: Case, on_gpu: bool = True) -> int:
    arm = case.arm
    cost = footprint.of(arm, case.student, case.compute, on_gpu)
    width = 2 if arm.data == "preference" else 1
    return cost.step(case.rows * width, case.length, case.recompute, accumulates=False)


def _simulate(case: Case) -> int:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers import AutoModelForCausalLM

    tokenizer, job = _tokenizer(), _job(case, Path())
    with (
        FakeTensorMode(allow_non_fake_inputs=True),
        counting() as count,
        as_on_a_gpu(),
    ):
        shape = shapes.shape_of(case.student)
        dtype = "float32" if case.arm.trains_base else case.compute
        base = AutoModelForCausalLM.from_config(shape, dtype=dtype, attn_implementation="sdpa")
        base.config.use_cache = False
        if case.quantization == "nf4":
            pack(base, case.compute)
        gc.collect()
        loop = _loop(case, job, base, tokenizer, "cpu")
        count.reset()
        loop._update()
        loop._update()
        return count.peak


def _measure(case: Case, resident: bool = False) -> dict[str, int]:
    """Run two updates on weights that were written at random and loaded as a study loads them."""
    with tempfile.TemporaryDirectory() as name:
        folder, tokenizer = Path(name), _tokenizer()
        _save_random(case, folder / "base")
        tokenizer.save_pretrained(folder / "base")
        return _run(case, _job(case, folder, str(folder / "base")), tokenizer, resident)


def _run(case: Case, job: Job, tokenizer: Any, resident: bool = False) -> dict[str, int]:
    device, loops = loading.resolve_device(), []
    gc.collect()
    before, memory = Memory(), Memory()
    with before.phase("before"):
        pass

    def step() -> None:
        with memory.phase("load"):
            base = build.load_base(job, device)
            loops.append(_loop(case, job, base, tokenizer, device))
        with memory.phase("train"):
            loops[0]._update()
            loops[0]._update()

    if device == "cpu" and not resident:
        return {"allocated": handed_out(step) - idle(loops[0].trainer.model)}
    step()
    if resident:
        return {"resident": memory.peaks["train"]["rss"] - before.peaks["before"]["rss"]}
    return memory.peaks["train"] | {"rss": memory.peaks["load"]["rss"]}


def _save_random(case: Case, folder: Path) -> None:
    """Write a model with random weights in a process of its own: its memory is not measured."""
    code = (
        "import sys, torch\n"
        "from transformers import AutoModelForCausalLM\n"
        "from synthetic_instruction_tuner.config import ModelConfig\n"
        "from synthetic_instruction_tuner.models.memory import shapes\n"
        "shape = shapes.shape_of(ModelConfig(name=sys.argv[1]))\n"
        "dtype = getattr(torch, sys.argv[2])\n"
        "AutoModelForCausalLM.from_config(shape, dtype=dtype).save_pretrained(sys.argv[3])\n"
    )
    command = [sys.executable, "-c", code, case.model, case.compute, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _job(case: Case, folder: Path, name: str = "") -> Job:
    training = TrainingConfig(
        student=case.student.model_copy(update={"name": name or case.model}),
        max_length=case.length,
        micro_batch_size=case.rows,
        gradient_checkpointing=case.recompute,
    )
    return Job(
        subject="arm", identity="benchmark", arm=case.arm, adapter=case.arm, training=training,
        seed=0,
        data=folder, data_identity="random", folder=folder, cache=folder,
    )  # fmt: skip


def _loop(case: Case, job: Job, base: Any, tokenizer: Any, device: str) -> Loop:
    objective = job.arm.objective()
    prompt = case.length // 2
    responses = 2 if job.arm.data == "preference" else 1
    answer = tuple(10 + number % 100 for number in range(case.length - prompt))
    rows = [
        Row(f"r{number}", tuple(range(10, 10 + prompt)), (answer,) * responses)
        for number in range(2 * case.rows)
    ]
    taken = Rows(train=rows, validation=rows[:1])
    model = build.adapt(job, base, taken.order(job).steps)
    reference = {row.id: (-100.0, -100.0) for row in rows} if objective.needs_reference else None
    trainer = build.build_trainer(job, model, tokenizer, rows[0], objective, device)
    trainer.model.train()  # models are loaded for evaluation, in which nothing is recomputed
    return Loop(
        job, trainer, taken, objective, reference, Memory(),
        lambda *_, **__: None, lambda: False, Group(device=device),
    )  # fmt: skip


def _tokenizer() -> Any:
    """Return a tokenizer that has what trainers ask for; the rows are in tokens already."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<eos>"))
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")


if __name__ == "__main__":
    main()
