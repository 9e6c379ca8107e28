"""Lines of a plan for evaluation: choices that are scored, and answers that are written."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic_instruction_tuner.config import BenchmarkConfig, StudyConfig
from synthetic_instruction_tuner.evaluation.kinds import speed
from synthetic_instruction_tuner.evaluation.prompts import DEFAULT_ITEMS
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

SCORED = {
    "mmlu": (14042, 110),
    "mmlu_cloze": (14042, 100),
    "hellaswag": (10042, 400),
    "arc_easy": (2376, 180),
    "truthfulqa_mc1": (817, 1000),
    "truthfulqa_mc2": (817, 1400),
    "retention": (DEFAULT_ITEMS, 40),
    "retention_closed_world": (320, 40),
}
"""Items of a benchmark, and tokens an item with all its choices, or a solved example before it.
Items: the benchmarks' papers; tokens: estimates."""
WRITTEN = {
    "ifeval": (541, 1),
    "verifiable": (DEFAULT_ITEMS, 1),
    "instructions": (DEFAULT_ITEMS, 1),
    "agent": (375, 2),
    "agent_closed_world": (90, 2),
    "dbbench": (300, 3),
}
"""Items of a benchmark, and answers an item. Items: IFEval and AgentBench, their papers, and the
project's own; answers: estimates (an agent's task needs 1.8 on average)."""
TIMED = "speed"


def plan_evaluation(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan evaluating the base, every arm taking the same, an adapter more; then its prompts."""
    names = {one.name for one in config.evaluation.benchmarks}
    rows = [_scores(config, gpu)] if names & set(SCORED) else []
    if names & {*WRITTEN, TIMED}:
        rows.append(_answers(config, gpu))
    readings = [one for one in Design(config).readings if one.benchmark.name in WRITTEN]
    return [*rows, _base_prompts(config, readings, gpu)] if readings else rows


def unplanned(config: StudyConfig) -> list[str]:
    """Name what a study runs and a plan leaves out of its hours."""
    known = {*SCORED, *WRITTEN, TIMED}
    names = {one.name for one in config.evaluation.benchmarks} - known
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
    tokens = sum(_items(one, SCORED) * _tokens(one) for one in settings.benchmarks)
    seconds = tokens * 2 * base.parameters / (gpu.operations * gpu.pace.utilisation)
    subjects = _subjects(config)
    found = verdict(made, options, gpu)
    return _row(f"{subjects} models: scores", base, made, subjects * seconds, found)


def _answers(config: StudyConfig, gpu: Gpu) -> Row:
    """Plan written answers, and the timing of writing."""
    asked = [one for one in config.evaluation.benchmarks if one.name in WRITTEN]
    timed = sum(
        speed.WARM_UPS + speed.rounds(one)
        for one in config.evaluation.benchmarks
        if one.name == TIMED
    )
    timing = timed * len(speed.BATCHES) * speed.NEW_TOKENS
    subjects = _subjects(config)
    answers = sum(_items(one, WRITTEN) * WRITTEN[one.name][1] for one in asked)
    steps = _steps(config, answers) + timing
    return _written(config, f"{subjects} models: answers", subjects * steps, gpu)


def _base_prompts(config: StudyConfig, readings: Sequence[Reading], gpu: Gpu) -> Row:
    """Plan asking the base in its further prompts, and on the items that choose among them."""
    answers = 0
    for benchmark, _, selecting in readings:
        items = _items(benchmark, WRITTEN)
        items = min(items, config.evaluation.prompt_items) if selecting else items
        answers += items * WRITTEN[benchmark.name][1]
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
    return 1 + len(config.training.arms) * len(config.seeds)


def _row(
    subject: str, base: Base, made: dict[str, int], seconds: float, found: tuple[bool, str]
) -> Row:
    return Row(
        "evaluation", subject, sum(made.values()), host_bytes(base.parameters), seconds, 0,
        *found, base.parameters, 0, made,
    )  # fmt: skip


def _items(benchmark: BenchmarkConfig, table: dict[str, tuple[int, int]]) -> int:
    items = table.get(benchmark.name, (0, 0))[0]
    return min(items, benchmark.items or items)


def _tokens(benchmark: BenchmarkConfig) -> int:
    return SCORED.get(benchmark.name, (0, 0))[1] * (1 + (benchmark.num_fewshot or 0))
