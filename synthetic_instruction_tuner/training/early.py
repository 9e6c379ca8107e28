"""Whether there will be rows to learn from, asked where they are made and not hours later."""

from __future__ import annotations

import logging
from pathlib import Path

from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training.data import encode

logger = logging.getLogger(__name__)


def require_rows(study: Study, kind: str, path: Path) -> None:
    """Make sure that the arms of a kind find rows of both splits within `training.max_length`.

    Where the student's tokenizer is out of reach nothing is asked: whoever trains needs it, and is
    told so before anything is drawn.

    Args:
        study: The study.
        kind: What the arms learn from, "sft" or "preference".
        path: The rows.

    Raises:
        StageError: If a split has none left; says why.
    """
    from synthetic_instruction_tuner.models.binding import bind_student
    from synthetic_instruction_tuner.models.loading import load_tokenizer

    arms = [arm for arm in study.config.training.arms if arm.data == kind]
    try:
        tokenizer = load_tokenizer(study.student) if arms else None
    except MissingModelError:
        return
    if tokenizer is None:
        return
    chat, longest = bind_student(tokenizer, study.student.family), study.config.training.max_length
    for arm in arms:
        conversations = arm.objective().read(path)
        left = encode(conversations, chat, longest)
        if left.too_long:
            logger.warning(
                "%d of %d rows for arm %r are longer than training.max_length=%d and will be left "
                "out",
                left.too_long, len(conversations), arm.name, longest,
            )  # fmt: skip
