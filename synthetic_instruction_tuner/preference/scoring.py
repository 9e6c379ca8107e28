"""Reward scoring: every response of every responder gets a number, and no number is lost."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models.engines import close_engine
from synthetic_instruction_tuner.models.memory_errors import free_memory
from synthetic_instruction_tuner.models.rewards.batches import padding_share, token_batches
from synthetic_instruction_tuner.models.rewards.formats import Encoded, Prompt
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.preference.pairing import SPLITS, require_answers
from synthetic_instruction_tuner.preference.responses import RESPONSES, kept_examples
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Response, read_lines, to_json
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import write_bytes
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import students

REWARDS = "rewards.jsonl"
DECIMALS = 5
"""Decimals of a stored reward; the models' own arithmetic is not better than that."""


class Scorer(Protocol):
    """What scoring needs of a reward model."""

    name: str
    halvings: int
    step: float

    def encode(self, prompt: Prompt, response: str) -> tuple[Encoded, bool]:
        """Return a row's tokens and whether it was cut."""

    def score(self, rows: Sequence[Encoded]) -> list[float]:
        """Score rows side by side."""


def score_rewards(study: Study, progress: Progress) -> Manifest:
    """Score all responses with the reward model.

    A batch that is scored is on the disk at once; a killed run repeats the batch it died in.

    Returns:
        The manifest; `rewards.jsonl` holds the responses with their rewards, by responder and
        example.

    Raises:
        StageError: If responses are missing, or a reward is no finite number.
    """
    done = study.store.find(study.rewards)
    if done is not None:
        return done
    responses = list(_all_responses(study))
    if study.uses_preference:
        require_answers(kept_examples(study), responses, SPLITS)
    folder = study.store.staging(study.rewards)
    journal = Journal(folder.with_name(f"{folder.name}.jsonl"))
    settings = study.config.preference
    if not (folder / REWARDS).exists() or not journal.read():
        close_engine()  # one model in memory at a time
        students.release()
        scorer = RewardModel.load(settings.reward, settings.reward_format)
        margin = settings.min_margin
        score_all(responses, scorer, settings.reward_batch_tokens, journal, progress, margin)
        del scorer
        free_memory()  # training runs in a process of its own and needs the device
    return _finish(study, responses, folder, journal)


def score_all(
    responses: Sequence[Response],
    scorer: Scorer,
    budget: int,
    journal: Journal,
    progress: Progress,
    margin: float = 0.0,
) -> None:
    """Score what the journal does not hold yet, batch by batch.

    Args:
        responses: All responses of the study, in their fixed order.
        scorer: The reward model.
        budget: Tokens of a batch, padding included.
        journal: Where finished batches are written.
        progress: Told the scored responses.
        margin: Least margin of a pair, which the scorer's numbers have to resolve.

    Raises:
        ConfigurationError: If they do not.
    """
    started = time.perf_counter()
    scored = {one for line in journal.read() for one in line.get("rewards", {})}
    encoded = [scorer.encode(one.messages or one.instruction, one.text) for one in responses]
    rows = [row for row, _ in encoded]
    lengths = [len(row["input_ids"]) for row in rows]
    batches = token_batches(lengths, budget)
    progress.update(len(scored), len(responses))
    for batch in batches:
        if all(responses[row].id in scored for row in batch):
            continue
        rewards = scorer.score([rows[row] for row in batch])
        require_resolved(scorer.step, margin)
        found = {
            responses[row].id: _finite(responses[row], reward)
            for row, reward in zip(batch, rewards, strict=True)
        }
        now = time.perf_counter()
        journal.append({"rewards": found, "seconds": now - started})
        started = now
        scored.update(found)
        progress.update(len(scored), len(responses))
    journal.append(
        {
            "format": scorer.name,
            "batches": len(batches),
            "tokens": sum(lengths),
            "padding_share": round(padding_share(lengths, batches), 4),
            "cut": sum(was_cut for _, was_cut in encoded),
            "halvings": scorer.halvings,
        }
    )


def require_resolved(step: float, margin: float) -> None:
    """Refuse rewards whose rounding could make a margin: half precision is coarse at large scores.

    Raises:
        ConfigurationError: If the least margin is less than two steps.
    """
    if 0 < margin < 2 * step:
        raise ConfigurationError(
            f"preference.min_margin={margin:g} is less than two steps ({step:.2g} each) of the "
            "reward model's numbers in half precision: set preference.reward.dtype='float32', or "
            f"preference.min_margin to {2 * step:.2g} or more"
        )


def _finite(response: Response, reward: float) -> float:
    if not math.isfinite(reward):
        raise StageError(
            f"the reward model gave reward={reward} to response {response.id} of "
            f"{response.responder!r} to example {response.example}; finite numbers are needed: "
            "try preference.reward.dtype='float32' (float16 overflows in some models)"
        )
    return round(reward, DECIMALS)


def _all_responses(study: Study) -> Iterator[Response]:
    for artifact in study.answers:
        yield from read_lines(study.store.require(artifact).path(RESPONSES), Response)


def _finish(
    study: Study, responses: Sequence[Response], folder: Path, journal: Journal
) -> Manifest:
    """Write the rewards from the journal, commit, drop the journal.

    The journal lies beside the folder and goes last: it holds what the manifest says of the run.
    """
    facts: dict[str, Any] = {"responses": len(responses)}
    lines = journal.read()
    seconds = journal.seconds
    if lines:
        rewards = {key: value for line in lines for key, value in line.get("rewards", {}).items()}
        facts |= lines[-1]
        scored = (dataclasses.replace(one, reward=rewards[one.id]) for one in responses)
        text = "".join(to_json(one) + "\n" for one in scored)
        write_bytes(folder / REWARDS, text.encode())
    manifest = study.store.commit(study.rewards, facts, seconds)
    journal.close()
    return manifest
