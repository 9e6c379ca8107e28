"""Finding settings by a path as people type it: with names of arms, of methods, or without."""

from __future__ import annotations

from pydantic import BaseModel

from synthetic_instruction_tuner.config.explained import nearest
from synthetic_instruction_tuner.config.reference import Group, Setting, groups
from synthetic_instruction_tuner.config.study import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError

ENTRY = "NAME"
"""Stands for an entry of a list in a path."""


def find(path: str, root: type[BaseModel] = StudyConfig) -> list[tuple[Group, list[Setting]]]:
    """Return the groups and fields that a path names, in the order of the study file.

    Args:
        path: "" for all; "training" for a section and all within; "training.arms.lora" for the
            arms of a method; "training.arms.sft.rank" for one field, whatever the arm is called.
        root: The settings model.

    Raises:
        ConfigurationError: If there is no such section or field; names the nearest.
    """
    wanted = [part for part in path.removesuffix(".").split(".") if part]
    everything = list(groups(root))
    sections = [one for one in everything if _covers(wanted, one)]
    if sections:
        return [(one, one.settings) for one in sections]
    fields = [
        (group, [one for one in group.settings if one.name == wanted[-1]])
        for group in everything
        if _is_at(wanted[:-1], group)
    ]
    fields = [(group, rows) for group, rows in fields if rows]
    if not fields:
        raise ConfigurationError(_unknown(path, everything))
    return fields


def _covers(wanted: list[str], group: Group) -> bool:
    """Whether a group is the section that a path names, or lies in it."""
    return _fits(wanted, group, group.path.split(".")[: len(wanted)])


def _is_at(wanted: list[str], group: Group) -> bool:
    place = [part for part in group.path.split(".") if part]
    return len(place) in (len(wanted), len(wanted) + (place[-1:] == [ENTRY])) and _fits(
        wanted, group, place[: len(wanted)]
    )


def _fits(wanted: list[str], group: Group, place: list[str]) -> bool:
    kinds = {one.kind for one in groups(StudyConfig) if one.kind}
    if len(place) < len(wanted):
        return False
    for part, there in zip(wanted, place, strict=False):
        if there == ENTRY:
            if part in kinds and group.kind not in ("", part):
                return False
        elif part != there:
            return False
    return True


def _unknown(path: str, everything: list[Group]) -> str:
    fields = [one.path.replace(f".{ENTRY}", "") for group in everything for one in group.settings]
    known = list(dict.fromkeys(fields))
    last = path.rpartition(".")[2]
    same = [one for one in known if one.rpartition(".")[2] == last]
    near = same or nearest(path, known) or nearest(last, [one.rpartition(".")[2] for one in known])
    meant = f"; did you mean {' or '.join(near[:3])}?" if near else ""
    return f"there is no setting {path!r}{meant} (`tuner settings` lists all)"
