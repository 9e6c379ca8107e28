"""All arms of a study: one that fails leaves the others alive."""

from __future__ import annotations

import logging

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.study.graph import Study
from tasks.pieces import Piece, arms_by_turn
from tasks.spread import make

logger = logging.getLogger(__name__)


def train_arms(study: Study) -> None:
    """Train every arm that does not start from one that failed.

    A wrong setting or a full disk would stop the others as well, so these end the stage at once.

    Raises:
        StageError: In the end, if arms failed; names each with its reason.
    """
    failed: dict[str, str] = {}
    for arms in arms_by_turn(study):
        ready = []
        for one in arms:
            needed = [source.name for source in one.artifact.inputs if source.name in failed]
            if needed:
                failed[one.artifact.name] = f"starts from {needed[0]!r}"
            else:
                ready.append(one)
        if study.config.runner.kind == "local":
            for one in ready:
                _train(study, [one], failed)
        else:
            _train(study, ready, failed)
    if failed:
        raise StageError(_tell(study, failed))


def _train(study: Study, arms: list[Piece], failed: dict[str, str]) -> None:
    """Make arms; where one of several fails, make those that are missing one by one."""
    try:
        make(study, arms)
    except StageError as error:
        logger.warning("%s", error)
        if len(arms) == 1:
            failed[arms[0].artifact.name] = str(error)
            return
        for one in arms:
            _train(study, [one], failed)


def _tell(study: Study, failed: dict[str, str]) -> str:
    names = [one.artifact.name for arms in arms_by_turn(study) for one in arms]
    done = [one for one in names if one not in failed]
    reasons = "\n".join(f"- {name}: {reason}" for name, reason in failed.items())
    return (
        f"{len(failed)} of {len(names)} arms are not trained (done or left for later: "
        f"{', '.join(done) or 'none'}); run again to go on from their checkpoints:\n{reasons}"
    )
