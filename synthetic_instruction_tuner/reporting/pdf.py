"""report.pdf, where a browser is at hand; without one there is none, and the manifest says so."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_SECONDS = 60


def find_browser() -> str | None:
    """Return the path of a Chromium-like browser, None if there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_page(page: Path, target: Path) -> str:
    """Print the report page to PDF.

    Returns:
        "made", or why it was not made. A missing PDF never stops a study.
    """
    browser = find_browser()
    if browser is None:
        return "no browser (chromium or chrome) on this machine"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            *(browser, "--headless", "--disable-gpu", "--disable-extensions", "--no-first-run"),
            *("--disable-background-networking", "--no-pdf-header-footer"),
            *("--virtual-time-budget=8000", f"--user-data-dir={profile}"),
            *(("--no-sandbox",) if _is_root() else ()),
            *(f"--print-to-pdf={target.resolve()}", page.resolve().as_uri()),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("report.pdf was not made: %s", error)
            target.unlink(missing_ok=True)
            return f"the browser did not finish: {error}"
    if not target.is_file():
        return f"the browser ended with code {done.returncode}"
    return "made"


def _is_root() -> bool:
    """Chromium refuses to start its sandbox as root (containers, Colab)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
