"""What lm-eval's IFEval needs besides its rows: looked for before anything expensive runs.

Its module fetches nltk's word splitter from the network while it is imported, and its language
detector draws from an unseeded stream (https://github.com/Mimino666/langdetect#basic-usage).
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError

DEFINITIONS = "ifeval/"
"""Folder of the definitions below `lm_eval/tasks`."""
PACKAGES = ("immutabledict", "langdetect", "nltk")
WORDS = "tokenizers/punkt_tab"


def prepare() -> None:
    """Make sure that IFEval can be imported without the network, and judges alike every time.

    Raises:
        ConfigurationError: If a package or the word splitter is missing; says how to get it.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"benchmark 'ifeval' needs {', '.join(missing)}; run: pip install "
            "'synthetic-instruction-tuner[ifeval]' (or: pip install 'lm-eval[ifeval]')"
        )
    try:
        importlib.import_module("nltk.data").find(WORDS)
    except LookupError as error:
        raise ConfigurationError(
            "benchmark 'ifeval' needs nltk's word splitter punkt_tab; fetch it once where there is "
            "network: python -m nltk.downloader punkt_tab (NLTK_DATA names the folder to look in)"
        ) from error
    importlib.import_module("langdetect").DetectorFactory.seed = 0


def obeyed(doc: dict[str, Any], values: dict[str, Any]) -> dict[str, bool]:
    """Return which kinds of instruction of a row were followed, all of a kind where it repeats.

    Args:
        doc: The row.
        values: The metrics of lm-eval; `inst_level_strict_acc` has one entry an instruction.
    """
    found: dict[str, bool] = {}
    followed = values["inst_level_strict_acc"]
    for name, right in zip(doc["instruction_id_list"], followed, strict=True):
        found[name] = found.get(name, True) and bool(right)
    return found
