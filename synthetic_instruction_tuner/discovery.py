"""Finding what a folder offers: one file adds one thing, and no second list has to be kept."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import TypeVar

from typing_extensions import get_protocol_members

Offer = TypeVar("Offer")


def discover(package: ModuleType, offers: type[Offer]) -> Mapping[str, Offer]:
    """Import every public module of a package.

    Args:
        package: A package whose modules each add one thing (a filter rule, a training method).
        offers: Protocol of such a module.

    Returns:
        Module by file name, sorted by name. Files that start with an underscore and
        sub-packages are left out.

    Raises:
        TypeError: If a module lacks something of the protocol; names both.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.ispkg)
    found = {
        name: importlib.import_module(f"{package.__name__}.{name}")
        for name in names
        if not name.startswith("_")
    }
    return {name: as_offer(module, offers) for name, module in found.items()}


def as_offer(module: ModuleType, offers: type[Offer]) -> Offer:
    """Return a module as what its folder offers, if it has all of that."""
    missing = sorted(one for one in get_protocol_members(offers) if not hasattr(module, one))
    if missing:
        raise TypeError(f"{module.__name__} lacks {', '.join(missing)} ({offers.__name__})")
    return module  # type: ignore[return-value]  # as far as can be told without calling it
