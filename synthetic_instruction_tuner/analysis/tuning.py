"""What tuning tried of every arm, what it chose by, and what it cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import tuning
from synthetic_instruction_tuner.training.tuning import Tried

if TYPE_CHECKING:
    from pydantic import JsonValue


def describe(study: Study) -> dict[str, JsonValue]:
    """Describe the trials of every arm; an arm whose trials are not all done chose nothing yet."""
    return {arm.name: _describe(study, arm.name) for arm in study.config.training.arms}


def _describe(study: Study, name: str) -> dict[str, JsonValue]:
    found, wanted = tuning.tried(study, name), 1 + len(study.trials(name))
    whole = len(found) == wanted
    chosen = min(found, key=lambda one: one.rank) if whole else None
    given = next((one for one in found if one.number == 0), None)
    return {
        "done": len(found),
        "wanted": wanted,
        "metric": found[0].metric if found else None,
        "specified": given.score if given else None,
        "chosen": chosen.number if chosen else None,
        "best": chosen.score if chosen else None,
        "changes": _words(chosen) if chosen else None,
        "seconds": sum(one.seconds for one in found),
        "trials": {str(one.number): asdict(one) | {"words": _words(one)} for one in found},
    }


def _words(one: Tried) -> str:
    """Write the settings that differ from the arm as specified."""
    changes = [f"{name.replace('_', ' ')} {value}" for name, value in one.settings.items()]
    return ", ".join(changes) or "as specified"
