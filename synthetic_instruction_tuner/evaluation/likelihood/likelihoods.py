"""Log-likelihoods of all choices of a benchmark, in batches that survive a kill."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.evaluation.likelihood import agreement
from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer, Batch, Request, plan
from synthetic_instruction_tuner.evaluation.likelihood.scoring import Scorer
from synthetic_instruction_tuner.evaluation.trial import Trial
from synthetic_instruction_tuner.models import caches
from synthetic_instruction_tuner.storage.journal import Journal

if TYPE_CHECKING:
    from lm_eval.api.model import LM

logger = logging.getLogger(__name__)


class Group(NamedTuple):
    """Items that may share a prefix: those of one task.

    Attributes:
        items: The requests of every item, one a choice.
    """

    name: str
    items: list[list[Request]]

    @property
    def requests(self) -> list[Request]:
        """All requests in order."""
        return [request for item in self.items for request in item]


class Likelihoods(NamedTuple):
    """What scoring found.

    Attributes:
        answers: Answers by group, item and choice.
        measured: Agreement of the two scorers, counts of requests and their tokens.
        seconds: Time of the batches, over all sessions.
    """

    answers: list[list[list[Answer]]]
    measured: dict[str, Any]
    seconds: float


def score(trial: Trial, groups: Sequence[Group]) -> Likelihoods:
    """Score every choice of every item.

    Raises:
        StageError: If a log-likelihood is not a number.
    """
    size, limit = trial.settings.batch_size, trial.limit
    plans = [plan(group.requests, limit, size) for group in groups]
    journal = trial.journal([[_shape(batch) for batch in batches] for batches in plans])
    model = trial.student.model
    movable = caches.other_state(model.config) is None
    fast = Scorer(model, trial.student.soft_prompt()) if movable else None
    plain = harness.wrap(trial.student, size, limit)
    agreed = _agreement(trial, groups, fast, plain, journal)
    used = fast if fast is not None and agreed["used"] == "fast" else plain
    batches = [
        (place, f"{group.name}/{number}", batch)
        for place, (group, found) in enumerate(zip(groups, plans, strict=True))
        for number, batch in enumerate(found)
    ]
    answers: list[dict[int, Answer]] = [{} for _ in groups]
    for done, (place, name, batch) in enumerate(batches, start=1):
        if journal.get(name) is None:
            with journal.recording(name) as result:
                result.append(score_batch(batch, used))
        for request, logprob, greedy in journal.get(name):
            answers[place][request] = Answer(logprob, greedy)
        trial.progress.update(done, len(batches), "batches")
    seconds = journal.seconds
    journal.close()
    return Likelihoods(
        [_by_item(found, group) for found, group in zip(answers, groups, strict=True)],
        {"agreement": agreed} | _counts(trial, groups),
        seconds,
    )


def _shape(batch: Batch) -> list[int]:
    return [len(batch.prefix), *(len(item.context) for item in batch.items)]


def _counts(trial: Trial, groups: Sequence[Group]) -> dict[str, int]:
    requests = [one for group in groups for one in group.requests]
    lengths = [len(one.context) + len(one.continuation) for one in requests]
    cut = sum(length > trial.limit + 1 for length in lengths)  # the last token is not read
    return trial.tell_cut(cut, len(requests)) | {"request_tokens": sum(lengths)}


def _by_item(answers: dict[int, Answer], group: Group) -> list[list[Answer]]:
    """Cut answers by place into those of each item."""
    places = iter(range(len(answers)))
    return [[answers[next(places)] for _ in item] for item in group.items]


def score_batch(batch: Batch, scorer: Any) -> list[list[Any]]:
    """Score a batch with either scorer.

    Returns:
        [place of the request, log-probability, greedy], by place.
    """
    if isinstance(scorer, Scorer):
        found = scorer.score(batch)
    else:
        places = [place for item in batch.items for _, place in item.continuations]
        requests = [
            Request(item.context, tokens)
            for item in batch.items
            for tokens, _ in item.continuations
        ]
        found = dict(zip(places, harness.plain_scores(scorer, requests), strict=True))
    harness.require_finite(list(found.values()), "scoring")
    return [[place, *answer] for place, answer in sorted(found.items())]


def _agreement(
    trial: Trial, groups: Sequence[Group], fast: Scorer | None, plain: LM, journal: Journal
) -> dict[str, Any]:
    """Compare both scorers on a sample; the outcome is kept with the batches.

    Where there is no fast one (recurrent layers), nothing is compared.
    """
    known: dict[str, Any] | None = journal.get("agreement")
    if known is not None:
        return known
    with journal.recording("agreement") as result:
        size = trial.settings.batch_size
        items = compared(groups, fast, plain, trial.limit, size) if fast is not None else []
        harness.require_finite([one for item in items for one in item.plain], "scoring")
        found = agreement.compare(items, trial.precision).as_json()
        result.append(found)
    _say(f"{trial.subject.name} on {trial.key}", found)
    return found


def compared(
    groups: Sequence[Group], fast: Scorer, plain: LM, limit: int, size: int
) -> list[agreement.Sampled]:
    """Score a sample with both scorers, and part of it with the plain one once more.

    Args:
        groups: All items; those of a group are read behind the prefix that all of it shares.
        fast: The fast scorer.
        plain: lm-eval's scorer.
        limit: Longest request in tokens.
        size: Requests side by side.
    """
    chosen = agreement.sample([[_tokens(item) for item in group.items] for group in groups])
    sampled = [
        (item, answers)
        for group, places in zip(groups, chosen, strict=True)
        for item, answers in zip(
            [group.items[place] for place in places],
            _fast_answers(group, places, fast, limit, size),
            strict=True,
        )
    ]
    theirs = _plain_answers([item for item, _ in sampled], plain, None)
    step = max(1, -(-len(sampled) // agreement.SAMPLE))
    alone = iter(_plain_answers([item for item, _ in sampled[::step]], plain, 1))
    return [
        agreement.Sampled(
            [len(one.continuation) for one in item], ours, plainly,
            next(alone) if number % step == 0 else None,
        )
        for number, ((item, ours), plainly) in enumerate(zip(sampled, theirs, strict=True))
    ]  # fmt: skip


def _tokens(item: Sequence[Request]) -> int:
    return max(len(one.context) + len(one.continuation) for one in item)


def _fast_answers(
    group: Group, places: Sequence[int], fast: Scorer, limit: int, size: int
) -> list[list[Answer]]:
    """Score some items of a group as the whole of it would be scored."""
    starts = list(accumulate((len(item) for item in group.items), initial=0))
    wanted = [range(starts[place], starts[place + 1]) for place in places]
    only = {request for item in wanted for request in item}
    answers: dict[int, Answer] = {}
    for batch in plan(group.requests, limit, size, only):
        answers |= fast.score(batch)
    return [[answers[request] for request in item] for item in wanted]


def _plain_answers(
    items: Sequence[Sequence[Request]], plain: LM, size: int | None
) -> list[list[Answer]]:
    answers = iter(harness.plain_scores(plain, [one for item in items for one in item], size))
    return [[next(answers) for _ in item] for item in items]


def _say(what: str, found: dict[str, Any]) -> None:
    """Print what the two scorers' sample showed; that the slow one is used is a warning."""
    level = logging.INFO if found["used"] == "fast" else logging.WARNING
    logger.log(
        level,
        "%s: %s scorer; on %d items of a sample the scorers differ by %.1e a token at most (%.1e "
        "allowed), %d choices changed",
        *(what, found["used"], found["items"]),
        *(found["largest"], found["tolerance"], found["changed"]),
    )
