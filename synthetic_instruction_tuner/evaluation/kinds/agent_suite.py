"""The agent suite on one model: episodes in lockstep, finished chunks of items kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.evaluation import agents, constants, generation
from synthetic_instruction_tuner.evaluation.agents.baselines import TRIVIAL
from synthetic_instruction_tuner.evaluation.agents.database import read_dbbench
from synthetic_instruction_tuner.evaluation.agents.tiers import Tier
from synthetic_instruction_tuner.evaluation.prompts import Prompt, make
from synthetic_instruction_tuner.evaluation.subsets import choose, rank
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.models.chat import tokenize
from synthetic_instruction_tuner.records import ItemScore
from synthetic_instruction_tuner.storage.files import digest, write_json

DATABASE = "dbbench/standard.jsonl"
"""Where a data folder has database tasks in AgentBench's format, and the items artifact too."""


TIERS: Mapping[str, Tier] = {"agent": "general", "agent_closed_world": "closed_world"}
"""The tier of the suite that a benchmark asks."""


def draw(name: str, count: int | None, seed: int) -> list[Prompt]:
    """Draw a benchmark's tier of the suite, or a subset spread over its families."""
    return _prompts(name, _subset(agents.generate_items(seed, TIERS[name]), count, seed))


def adopt_database(path: Path, folder: Path, count: int | None, seed: int) -> list[Prompt]:
    """Take database tasks into the items artifact.

    Tasks that SQLite cannot check are left out and listed, with their reason, in `left_out.json`.

    Args:
        path: Tasks in AgentBench's format.
        folder: The items artifact.
        count: Size of the subset; None: all.
        seed: Seed of the subset.
    """
    target = folder / "rows" / DATABASE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    found = read_dbbench(target)
    if not found.items:
        raise ConfigurationError(f"{path} holds no task that SQLite can check")
    write_json(target.with_name("left_out.json"), [list(one) for one in found.left_out])
    return _prompts("dbbench", _subset(found.items, count, seed))


def database_prompts(folder: Path, seed: int) -> list[Prompt]:
    """Return all database tasks of the items artifact in a seeded order."""
    items = read_dbbench(folder / "rows" / DATABASE).items
    return _prompts("dbbench", sorted(items, key=lambda one: rank(seed, "selection", one.id)))


def _subset(items: list[agents.Item], count: int | None, seed: int) -> list[agents.Item]:
    if count is None or count >= len(items):
        return items
    strata: dict[str, list[agents.Item]] = {}
    for item in items:
        strata.setdefault(item.family, []).append(item)
    chosen = choose({f: [one.id for one in found] for f, found in strata.items()}, count, seed)
    return [strata[family][place] for family, places in chosen.items() for place in places]


def _prompts(benchmark: str, items: list[agents.Item]) -> list[Prompt]:
    return [
        make(benchmark, item.family, text, {"item": item.id, "content": digest(item.as_row())})
        for item, text in zip(items, agents.texts(items), strict=True)
    ]


def run(trial: Trial) -> Outcome:
    """Run one model on the suite."""
    prompts = trial.prompts()
    items = _items(prompts, _drawn(trial))
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


def _drawn(trial: Trial) -> list[agents.Item]:
    if trial.benchmark.name == "dbbench":
        return read_dbbench(trial.items.path(f"rows/{DATABASE}")).items
    return agents.generate_items(trial.seed, TIERS[trial.benchmark.name])


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
