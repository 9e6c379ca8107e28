"""The agent suite on one model: episodes in lockstep, finished chunks of items kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import agents, constants, generation
from synthetic_instruction_tuner.evaluation.agents.baselines import TRIVIAL
from synthetic_instruction_tuner.evaluation.agents.tiers import Tier
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt, make
from synthetic_instruction_tuner.evaluation.subsets import choose
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.models.chat import tokenize
from synthetic_instruction_tuner.records import ItemScore
from synthetic_instruction_tuner.storage.files import digest


def draw(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Draw a benchmark's tier of the suite; all of it if no number is given."""
    return make_prompts(benchmark, subset(_suite(benchmark, seed), benchmark.items, seed))


def run(trial: Trial) -> Outcome:
    """Run one model on the suite."""
    return run_items(trial, _suite(trial.benchmark, trial.seed))


def _suite(benchmark: BenchmarkConfig, seed: int) -> list[agents.Item]:
    tier: Tier = benchmark_named(benchmark.name).items_from or "general"
    return agents.generate_items(seed, tier)


def subset(items: list[agents.Item], count: int | None, seed: int) -> list[agents.Item]:
    """Choose items spread over their families."""
    if count is None or count >= len(items):
        return items
    strata: dict[str, list[agents.Item]] = {}
    for item in items:
        strata.setdefault(item.family, []).append(item)
    chosen = choose({f: [one.id for one in found] for f, found in strata.items()}, count, seed)
    return [strata[family][place] for family, places in chosen.items() for place in places]


def make_prompts(benchmark: BenchmarkConfig, items: list[agents.Item]) -> list[Prompt]:
    """Make the prompts that stand for items of the suite."""
    return [
        make(benchmark.name, item.family, text, {"item": item.id, "content": digest(item.as_row())})
        for item, text in zip(items, agents.texts(items), strict=True)
    ]


def run_items(trial: Trial, drawn: Sequence[agents.Item]) -> Outcome:
    """Run one model on the items behind the benchmark's prompts."""
    prompts = trial.prompts()
    items = _items(prompts, drawn)
    size = trial.settings.answer_batch_size * generation.CHUNK
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    journal = trial.journal([digest([one.data for one in prompts]), size, trial.templated])
    episodes: list[agents.Episode] = []
    for number, chunk in enumerate(chunks):
        if journal.get(str(number)) is None:
            with journal.recording(str(number)) as result:
                found = agents.run_episodes(chunk, lambda batch: _reply(trial, batch))
                result.append([one.as_row() for one in found])
        rows = journal.get(str(number))
        episodes += [agents.Episode.from_row(r, i) for r, i in zip(rows, chunk, strict=True)]
        trial.progress.update(len(episodes), len(items), "episodes")
    seconds = journal.seconds
    journal.close()
    scored = [_score(p, e) for p, e in zip(prompts, episodes, strict=True)]
    scores = {m: sum(one.scores[m] for one in scored) / len(scored) for m in agents.METRICS}
    conditions = {"templated": trial.templated, "max_new_tokens": trial.settings.max_new_tokens}
    measured = {"agents": agents.score(episodes), constants.CONSTANTS: _constants(items)}
    return Outcome(scored, scores, conditions, measured, seconds)


def _constants(items: Sequence[agents.Item]) -> dict[str, float]:
    """Return the share of tasks that each agent without a model does."""
    return {
        name: sum(
            agents.score_episode(item, agents.run_episode(item, make_agent(item)))["success"]
            for item in items
        )
        / len(items)
        for name, make_agent in TRIVIAL.items()
    }


def _items(prompts: Sequence[Prompt], found: Sequence[agents.Item]) -> list[agents.Item]:
    """Return the items behind the prompts.

    Raises:
        StageError: If the suite that this version draws is not the one that was prepared.
    """
    drawn = {item.id: item for item in found}
    for one in prompts:
        item = drawn.get(one.data["item"])
        if item is None or digest(item.as_row()) != one.data["content"]:
            raise StageError(
                f"agent item {one.data['item']} is not what it was when the items were prepared; "
                "delete evaluation/items to prepare them anew"
            )
    return [drawn[one.data["item"]] for one in prompts]


def _reply(trial: Trial, conversations: list[list[dict[str, str]]]) -> list[str | None]:
    """Let the model answer; None where the conversation does not fit its context."""
    settings, student = trial.settings, trial.student
    texts = [generation.asked(trial, turns) for turns in conversations]
    room = trial.limit - settings.max_new_tokens
    fits = [len(tokenize(student.tokenizer, text)) <= room for text in texts]
    answers = iter(
        generation.continue_texts(
            student,
            [text for text, fit in zip(texts, fits, strict=True) if fit],
            settings.max_new_tokens,
            trial.limit,
            settings.answer_batch_size,
            trial.stops,
        )
    )
    return [next(answers).text.strip() if fit else None for fit in fits]


def _score(prompt: Prompt, episode: agents.Episode) -> ItemScore:
    item = episode.item
    scores = agents.score_episode(item, episode)
    detail: dict[str, Any] = {
        "prompt": prompt.text,
        "response": "\n---\n".join(reply.text for reply in episode.replies),
        "target": "\n---\n".join(item.gold),
        "item": item.id,
        "category": item.category,
        "level": item.level,
        "status": episode.status,
        "errors": json.loads(json.dumps(agents.taxonomy(episode))),
        "messages": list(episode.messages),
        "right": scores["success"] == 1.0,
    }
    return ItemScore(
        id=prompt.id,
        cluster=item.family,
        prompt_hash=digest([item.system, prompt.text]),
        target_hash=prompt.data["content"],
        scores=scores,
        detail=detail,
    )
