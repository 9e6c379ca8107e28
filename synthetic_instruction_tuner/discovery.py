"""Finding what a folder offers: one file adds one thing, and no second list has to be kept."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType


def discover(package: ModuleType) -> Mapping[str, ModuleType]:
    """Import every public module of a package.

    Args:
        package: A package whose modules each add one thing (a filter rule, a training method).

    Returns:
        Module by file name, sorted by name. Files that start with an underscore and
        sub-packages are left out.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.ispkg)
    return {
        name: importlib.import_module(f"{package.__name__}.{name}")
        for name in names
        if not name.startswith("_")
    }
