"""Lines of a plan for evaluation: choices that are scored, and answers that are written."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic_instruction_tuner.benchmarks import Cost, benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig, StudyConfig
from synthetic_instruction_tuner.evaluation.kinds import speed
from synthetic_instruction_tuner.inspection.planning.gpus import (
    ANSWER_SHARE,
    CONTEXT_BYTES,
    Gpu,
)
from synthetic_instruction_tuner.inspection.planning.row import (
    Base,
    Row,
    base_of,
    halves,
    host_bytes,
    verdict,
)
from synthetic_instruction_tuner.study.design import Design
from synthetic_instruction_tuner.study.subject import Reading


def plan_evaluation(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan evaluating the base, every arm taking the same, an adapter more; then its prompts."""
    asked = config.evaluation.benchmarks
    rows = [_scores(config, gpu)] if any(_cost(one).tokens for one in asked) else []
    if any(_cost(one).answers or _is_timed(one) for one in asked):
        rows.append(_answers(config, gpu))
    readings = [one for one in Design(config).readings if _cost(one.benchmark).answers]
    return [*rows, _base_prompts(config, readings, gpu)] if readings else rows


def unplanned(config: StudyConfig) -> list[str]:
    """Name what a study runs and a plan leaves out of its hours."""
    asked = config.evaluation.benchmarks
    names = {one.name for one in asked if _cost(one) == NOTHING and not _is_timed(one)}
    return [*sorted(names), "loading and downloads"]


def _scores(config: StudyConfig, gpu: Gpu) -> Row:
    """Plan log-likelihoods of choices.

    The largest tensors are the logits of a batch of the longest requests, in 16 bits and, for
    their softmax, in 32: so the harness's own scoring has them, which checks ours.
    """
    settings, base = config.evaluation, base_of(config.training.student, gpu)

    def needs(size: int) -> dict[str, int]:
        tokens = size * settings.max_length
        return {
            "weights": base.weights,
            "cache": base.cache(tokens),
            "logits": tokens * base.shape.vocab_size * 6,
            "context": CONTEXT_BYTES,
        }

    made = needs(settings.batch_size)
    options = [
        (f"evaluation.batch_size={size}", needs(size)) for size in halves(settings.batch_size)
    ]
    tokens = sum(_items(one) * _tokens(one) for one in settings.benchmarks)
    seconds = tokens * 2 * base.parameters / (gpu.operations * gpu.pace.utilisation)
    subjects = _subjects(config)
    found = verdict(made, options, gpu)
    return _row(f"{subjects} models: scores", base, made, subjects * seconds, found)


def _answers(config: StudyConfig, gpu: Gpu) -> Row:
    """Plan written answers, and the timing of writing."""
    timed = sum(
        speed.WARM_UPS + speed.rounds(one) for one in config.evaluation.benchmarks if _is_timed(one)
    )
    timing = timed * len(speed.BATCHES) * speed.NEW_TOKENS
    subjects = _subjects(config)
    answers = sum(_items(one) * _cost(one).answers for one in config.evaluation.benchmarks)
    steps = _steps(config, answers) + timing
    return _written(config, f"{subjects} models: answers", subjects * steps, gpu)


def _base_prompts(config: StudyConfig, readings: Sequence[Reading], gpu: Gpu) -> Row:
    """Plan asking the base in its further prompts, and on the items that choose among them."""
    answers = 0
    for benchmark, _, selecting in readings:
        items = _items(benchmark)
        items = min(items, config.evaluation.prompt_items) if selecting else items
        answers += items * _cost(benchmark).answers
    prompts = len(config.evaluation.prompts)
    return _written(config, f"base in {prompts} prompts", _steps(config, answers), gpu)


def _steps(config: StudyConfig, answers: int) -> float:
    settings = config.evaluation
    return answers * ANSWER_SHARE * settings.max_new_tokens / settings.answer_batch_size


def _written(config: StudyConfig, subject: str, steps: float, gpu: Gpu) -> Row:
    settings, base = config.evaluation, base_of(config.training.student, gpu)
    batch, longest = settings.answer_batch_size, settings.max_length
    made = base.decoding(batch, longest)
    options = [
        (f"evaluation.answer_batch_size={size}", base.decoding(size, longest))
        for size in halves(batch)
    ]
    seconds = steps * base.decoding_step(batch, settings.max_new_tokens, gpu)
    return _row(subject, base, made, seconds, verdict(made, options, gpu))


def _subjects(config: StudyConfig) -> int:
    return len(Design(config).subjects)


def _row(
    subject: str, base: Base, made: dict[str, int], seconds: float, found: tuple[bool, str]
) -> Row:
    return Row(
        "evaluation", subject, sum(made.values()), host_bytes(base.parameters), seconds, 0,
        *found, base.parameters, 0, made,
    )  # fmt: skip


NOTHING = Cost(0)


def _cost(benchmark: BenchmarkConfig) -> Cost:
    return benchmark_named(benchmark.name).cost or NOTHING


def _is_timed(benchmark: BenchmarkConfig) -> bool:
    return benchmark_named(benchmark.name).kind == "speed"


def _items(benchmark: BenchmarkConfig) -> int:
    items = _cost(benchmark).items
    return min(items, benchmark.items or items)


def _tokens(benchmark: BenchmarkConfig) -> int:
    return _cost(benchmark).tokens * (1 + (benchmark.num_fewshot or 0))
