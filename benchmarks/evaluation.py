"""Scoring speed: the fast scorer against plain lm-evaluation-harness, same model, same requests.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --random 512 8 128256 --items 40 --batch-size 16
    python benchmarks/evaluation.py --model FOLDER --data FOLDER --items 48

Both score the same tokens of the closed world's benchmarks (or of rows in a data folder) in one
process, after a warm-up; building prompts and tokens is left out of both. Printed for each
benchmark: CPU seconds (a busy machine does not blur them) and wall seconds of both, the ratio of
the CPU seconds, the largest difference a token over all items, that of plain scoring from itself on
the sample of the agreement check, what the check allows, how many items' best choice changed, and
the scorer that the check chooses. Then: what it takes to start a process, load the base and score
it alone, and to score base and four LoRA arms on that base.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.config import BenchmarkConfig, ModelConfig, StudyConfig
from synthetic_instruction_tuner.evaluation import items
from synthetic_instruction_tuner.evaluation.benchmarks import TaskItems
from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.evaluation.likelihood import agreement
from synthetic_instruction_tuner.evaluation.likelihood.agreement import Sampled
from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer, plan
from synthetic_instruction_tuner.evaluation.likelihood.likelihoods import Group, compared
from synthetic_instruction_tuner.evaluation.likelihood.scoring import Scorer
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.binding import bind_student
from synthetic_instruction_tuner.study.subject import benchmark_key
from synthetic_instruction_tuner.training.students import Student

BENCHMARKS = (
    BenchmarkConfig(name="mmlu", num_fewshot=5),
    BenchmarkConfig(name="mmlu", num_fewshot=0),
    BenchmarkConfig(name="hellaswag"),
    BenchmarkConfig(name="arc_easy"),
    BenchmarkConfig(name="truthfulqa_mc1"),
)
ARMS = 4


class Timed(NamedTuple):
    """What a piece of work took, and what came out."""

    cpu: float
    wall: float
    result: Any


def timed(work: Callable[[], Any]) -> Timed:
    """Run and time."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return Timed(time.process_time() - cpu, time.perf_counter() - wall, result)


def load(name: str, dtype: Any) -> Student:
    """Load the model as an evaluation does."""
    model, tokenizer = loading.load_causal(ModelConfig(name=name, dtype=dtype))
    return Student(model, bind_student(tokenizer), model)


def write_random(shape: tuple[int, int, int], tokenizer: str, folder: Path) -> str:
    """Write a random Llama of this width, depth and vocabulary with the tokenizer of a model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    width, layers, vocabulary = shape
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers,
        num_attention_heads=width // 64, vocab_size=vocabulary, max_position_embeddings=2048,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    loading.load_tokenizer(ModelConfig(name=tokenizer)).save_pretrained(folder)
    return str(folder)


def groups_of(benchmark: BenchmarkConfig, folder: Path, lm: Any) -> list[Group]:
    """Return the requests of a benchmark as tokens, by task."""
    import json

    stored = json.loads((folder / items.TASKS).read_text())[benchmark_key(benchmark)]
    groups = []
    with harness.quiet(), harness.compiled_templates():
        for entry in (TaskItems(**one) for one in stored):
            task = harness.load_task(entry, folder, benchmark.num_fewshot)
            questions = harness.build_questions(benchmark.name, entry, folder, task)
            instances = [one for question in questions for one in question.instances]
            tokens = iter(harness.encode(lm, instances))
            cut = [[next(tokens) for _ in question.instances] for question in questions]
            groups.append(Group(entry.task, cut))
    return groups


def score_fast(student: Student, groups: list[Group], limit: int, size: int) -> list[list[Answer]]:
    """Score with shared work; returns answers by item."""
    scorer = Scorer(student.model, student.soft_prompt())
    found = []
    for group in groups:
        answers: dict[int, Answer] = {}
        for batch in plan(group.requests, limit, size):
            answers |= scorer.score(batch)
        places = iter(range(len(answers)))
        found += [[answers[next(places)] for _ in item] for item in group.items]
    return found


def score_plain(lm: Any, groups: list[Group]) -> list[list[Answer]]:
    """Score with lm-eval's scorer, all tasks at once as it does; returns answers by item."""
    answers = iter(harness.plain_scores(lm, [one for g in groups for one in g.requests]))
    return [[next(answers) for _ in item] for group in groups for item in group.items]


def compare(name: str, student: Student, groups: list[Group], limit: int, size: int) -> None:
    """Print one line of the table."""
    lm = harness.wrap(student, size, limit)
    warm = [Group(group.name, group.items[:2]) for group in groups[:1]]
    score_plain(lm, warm), score_fast(student, warm, limit, size)
    plain = timed(lambda: score_plain(lm, groups))
    fast = timed(lambda: score_fast(student, groups, limit, size))
    precision = str(student.model.dtype).removeprefix("torch.")
    scorer = Scorer(student.model, student.soft_prompt())
    checked = agreement.compare(compared(groups, scorer, lm, limit, size), precision)
    tokens = [[len(one.continuation) for one in item] for group in groups for item in group.items]
    pairs = zip(tokens, fast.result, plain.result, strict=True)
    found = agreement.compare([Sampled(*one) for one in pairs], precision)
    print(
        f"{name:16} {found.items:6} {plain.cpu:9.2f} {fast.cpu:9.2f} {plain.cpu / fast.cpu:7.2f}x"
        f" {plain.wall:9.2f} {fast.wall:9.2f} {found.largest:10.1e} {checked.scatter:10.1e}"
        f" {checked.tolerance:10.1e} {found.changed:8} {checked.used:>6}",
        flush=True,
    )


def compare_arms(
    student: Student, groups: list[Group], limit: int, size: int, start: float
) -> None:
    """Print what base and arms take on one loaded base, beside one model alone.

    Args:
        student: The loaded base.
        groups: What is scored.
        limit: Longest request in tokens.
        size: Requests side by side.
        start: CPU seconds of importing libraries and loading the base.
    """
    from peft import LoraConfig, get_peft_model

    alone = timed(lambda: score_fast(student, groups, limit, size))
    settings = LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with tempfile.TemporaryDirectory() as folder:
        student.wrapped = get_peft_model(student.model, settings)
        student.wrapped.save_pretrained(folder)
        student.detach()

        def arms() -> None:
            for _ in range(ARMS):
                student.attach(Path(folder))
                score_fast(student, groups, limit, size)
            student.detach()

        more = timed(arms)
    one = start + alone.cpu
    size = sum(one.numel() for one in student.model.parameters())
    print(
        f"\n{len(groups)} group(s), {sum(len(one.items) for one in groups)} items, "
        f"{size / 1e6:.0f} M parameters: "
        f"start and load {start:.2f} s, score the base {alone.cpu:.2f} s, {ARMS} arms "
        f"{more.cpu:.2f} s: base and arms take {(one + more.cpu) / one:.2f}x of one model "
        "(CPU seconds)"
    )


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sandbox:student", help="as in training.student.name")
    parser.add_argument(
        "--random", nargs=3, type=int, metavar=("WIDTH", "LAYERS", "VOCABULARY"),
        help="a random Llama of this size instead, with the tokenizer of --model",
    )  # fmt: skip
    parser.add_argument("--data", default="sandbox", help="as in evaluation.data_dir")
    parser.add_argument("--dtype", default="float32", help="as in training.student.dtype")
    parser.add_argument(
        "--only", nargs="+", default=[benchmark_key(one) for one in BENCHMARKS],
        help="which of the benchmarks, such as mmlu-5shot",
    )  # fmt: skip
    parser.add_argument("--items", type=int, default=None, help="items a benchmark")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    chosen = [one for one in BENCHMARKS if benchmark_key(one) in arguments.only]
    benchmarks = [one.model_copy(update={"items": arguments.items}) for one in chosen]
    settings = {"data_dir": arguments.data, "benchmarks": benchmarks}
    config = StudyConfig.model_validate({"evaluation": settings})
    with tempfile.TemporaryDirectory() as random:
        if arguments.random:
            arguments.model = write_random(arguments.random, arguments.model, Path(random))
        before = time.process_time() if arguments.random else 0.0  # importing is part of a start
        student = load(arguments.model, arguments.dtype)
        harness.wrap(student, arguments.batch_size, 128)  # imports lm-eval
        start = time.process_time() - before
    limit = student.model.config.max_position_embeddings
    print(
        f"{'benchmark':16} {'items':>6} {'plain cpu':>9} {'fast cpu':>9} {'ratio':>8}"
        f" {'plain s':>9} {'fast s':>9} {'difference':>10} {'plain own':>10} {'allowed':>10}"
        f" {'changed':>8} {'used':>6}"
    )
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        items.write_items(config, Path(name))
        lm = harness.wrap(student, arguments.batch_size, limit)
        for benchmark in benchmarks:
            groups = groups_of(benchmark, Path(name), lm)
            compare(benchmark_key(benchmark), student, groups, limit, arguments.batch_size)
        compare_arms(student, groups, limit, arguments.batch_size, start)  # the last benchmark


if __name__ == "__main__":
    main()
