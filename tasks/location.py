"""Where the code is on the machine that runs it: the pull step of every deployment."""

from __future__ import annotations

import os
from pathlib import Path


def enter_code() -> dict[str, str]:
    """Go to the folder that holds this machine's `flows/`.

    A deployment made on one machine so runs on any other that has the project installed,
    wherever it lies there.
    """
    folder = Path(__file__).resolve().parents[1]
    os.chdir(folder)
    return {"directory": str(folder)}
