"""The task families, a tuple ``FAMILIES`` in each module; a new family is one new entry."""

import importlib
import pkgutil
from functools import cache

from synthetic_instruction_tuner.sandbox.family import Family


@cache
def all_families() -> tuple[Family, ...]:
    """Return every family of this folder's modules, in the order of module and entry."""
    families: list[Family] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        families += importlib.import_module(f"{__name__}.{module}").FAMILIES
    names = [family.name for family in families]
    if len(set(names)) != len(names):
        raise ValueError(f"two families share a name: {sorted(names)}")
    return tuple(families)


def family_named(name: str) -> Family:
    """Return the family of this name."""
    for family in all_families():
        if family.name == name:
            return family
    raise KeyError(f"no family is called {name!r}")
