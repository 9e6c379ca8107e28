"""Verifiable answers: held-out instructions of the closed world, judged by its checker."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS, benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.evaluation import character, constants, generation
from synthetic_instruction_tuner.evaluation.generation import Generated
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt, make
from synthetic_instruction_tuner.evaluation.trial import Judge, Outcome, Trial
from synthetic_instruction_tuner.records import ItemScore
from synthetic_instruction_tuner.storage.files import digest


def draw(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Draw different held-out instructions of the closed world, spread over its task families."""
    from synthetic_instruction_tuner import sandbox

    count = benchmark.items or DEFAULT_ITEMS
    drawn = sandbox.held_out_prompts(3 * count, seed)
    distinct = {one.instruction: one for one in drawn}
    if len(distinct) < count:
        raise ConfigurationError(
            f"the closed world has only {len(distinct)} different held-out prompts here; "
            f"set items of benchmark 'verifiable' to at most that (it is {count})"
        )
    return [
        make(
            "verifiable",
            one.family,
            one.instruction,
            {"answer": one.answer, "domain": one.domain, "wording": one.wording},
        )
        for one in list(distinct.values())[:count]
    ]


def run(trial: Trial) -> Outcome:
    """Ask one model the held-out instructions."""
    return ask(trial, judge_answer)


def judge_answer(prompt: Prompt, response: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Judge an answer to a closed-world instruction.

    Raises:
        StageError: If the checker cannot read the instruction; such a prompt has no right answer.
    """
    from synthetic_instruction_tuner import sandbox

    right = sandbox.check(prompt.text, response)
    if right is None:
        raise StageError(f"the checker cannot judge prompt {prompt.id}: {prompt.text!r}")
    return {"accuracy": float(right)}, {"target": prompt.data["answer"], "right": right}


def ask(trial: Trial, judge: Judge) -> Outcome:
    """Let the model answer the benchmark's prompts and judge each answer.

    Args:
        trial: The model and the benchmark.
        judge: Scores one answer; the details it returns go to the item's log.
    """
    prompts = trial.prompts()
    texts = [generation.asked(trial, [{"role": "user", "content": one.text}]) for one in prompts]
    answers, seconds = generation.answer(trial, texts)
    plain = trial.prompt.layout is not None
    scored = [_item(*one, judge, plain) for one in zip(prompts, texts, answers, strict=True)]
    names = scored[0].scores
    scores = {name: sum(one.scores[name] for one in scored) / len(scored) for name in names}
    metric = benchmark_named(trial.benchmark.name).metric
    measured = generation.measurements(trial, texts, answers) | {
        "response_character": character.describe([one.text for one in answers]),
        constants.CONSTANTS: constants.of_prompts(prompts, judge, metric),
    }
    conditions = {"templated": trial.templated, "max_new_tokens": trial.settings.max_new_tokens}
    return Outcome(scored, scores, conditions, measured, seconds)


def _item(prompt: Prompt, text: str, answer: Generated, judge: Judge, plain: bool) -> ItemScore:
    response = answer.text.strip()
    scores, detail = judge(prompt, response)
    shown = {"prompt": prompt.text, "response": response, "finish": answer.finish}
    shown |= {"asked": text} if plain else {}
    return ItemScore(
        id=prompt.id,
        cluster=prompt.cluster,
        prompt_hash=digest(text),
        target_hash=digest(prompt.data),
        scores=scores,
        detail=shown | detail,
    )
