"""Names of runs: that of the study and its stage, unless somebody gave the run one."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from prefect import runtime


def named(stage: str = "") -> Callable[[], str]:
    """Return what names the runs of a flow, for `flow_run_name`.

    Args:
        stage: What is added to the name of the study.
    """

    def name() -> str:
        study = study_name(runtime.flow_run.parameters)
        ours = f"{study}: {stage}" if stage else study
        if runtime.deployment.id is None or runtime.flow_run.parent_flow_run_id is not None:
            return ours
        return merged(str(runtime.flow_run.name), ours)

    return name


def merged(given: str, ours: str) -> str:
    """Keep a name that somebody has typed; one that Prefect made up says nothing.

    Its server and its form fill in a few words each. Those of the form are not known here, so
    words that may have been typed stay beside our own.
    """
    words = given.split("-")
    if len(words) not in (2, 3) or not all(re.fullmatch("[a-z0-9]+", word) for word in words):
        return given
    return ours if set(words) <= _vocabulary() else f"{ours} ({given})"


def study_name(parameters: dict[str, Any]) -> str:
    """Return which study a run is of, from its parameters, validated or as the API has them."""
    config, settings = parameters.get("config"), parameters.get("settings") or {}
    whole = config.get("name") if isinstance(config, dict) else getattr(config, "name", None)
    found = parameters.get("name") or settings.get("name") or whole or parameters.get("preset")
    return str(found or "")


@cache
def _vocabulary() -> frozenset[str]:
    from coolname.data import config

    lists: dict[str, Any] = dict(config)
    return frozenset(word for one in lists.values() for word in one.get("words", ()))
