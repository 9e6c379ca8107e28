"""Everything of a study that is not orchestration: the domain, free of Prefect.

`open_study` is the way in for programs and notebooks (docs/results.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.version import __version__

if TYPE_CHECKING:
    from synthetic_instruction_tuner.results.study import StudyResults

__all__ = ["__version__", "open_study"]


def open_study(workspace: str | Path) -> StudyResults:
    """Open what a study left in its workspace: tables (pandas) and figures (plotly).

    Args:
        workspace: Its folder.

    Returns:
        The results; a study that still runs shows what is there already.

    Raises:
        ConfigurationError: If there is no study in the folder, or one of another version.
    """
    from synthetic_instruction_tuner.results.study import StudyResults
    from synthetic_instruction_tuner.study.opening import existing_study

    return StudyResults(existing_study(Path(workspace)))
