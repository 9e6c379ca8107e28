"""Equal effort for every arm: as many trials over declared ranges, drawn from settings alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping

from pydantic import Field, JsonValue, model_validator

from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.settings import Settings

BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
"""Bases of Halton's sequence, one a setting."""
DIGITS = 3
"""Digits of a drawn number: more would only look exact."""
OPTION = "options."
"""Before the name of an option of PEFT, in arms of method `peft`."""


class Range(Settings):
    """Numbers between two ends, both included; whole ones where both ends are whole."""

    low: int | float
    """Smallest value."""
    high: int | float
    """Largest value."""
    log: bool = False
    """Draw evenly by order of magnitude, as learning rates are searched."""

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            above = " > 0" if self.log else ""
            raise ValueError(f"needs low{above} below high, got {self.low} and {self.high}")
        return self

    def at(self, share: float) -> JsonValue:
        """Return the value that lies a share (0 to 1) of the way up."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        if isinstance(self.low, int) and isinstance(self.high, int):
            if self.log:
                return min(self.high, round(math.exp(low + share * (high - low))))
            return self.low + int(share * (self.high - self.low + 1))
        value = low + share * (high - low)
        value = float(f"{math.exp(value) if self.log else value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)

    def ends(self) -> tuple[JsonValue, ...]:
        """Return the values that have to be allowed for all to be."""
        return self.low, self.high


FIXED = ("name", "method", "peft_type", "data", "start_from")
"""What makes an arm another arm."""
SHAPE = ("rank", "alpha", "dropout")
"""Settings of an adapter, besides `MethodConfig.neutral`."""
Choices = tuple[JsonValue, ...]


class TuningConfig(Settings):
    """The same number of trials for every arm, chosen by what the validation split says."""

    trials: int = Field(default=8, ge=1, le=200)
    """Trials an arm, besides the arm as specified, which competes with them."""
    ranges: dict[str, Range | Choices] = Field(min_length=1, max_length=len(BASES))
    """What is tried, by setting (`learning_rate`, `rank`, `options.r` of a `peft` arm, ...): a list
    of values, or low, high and log. An arm takes the settings that it has."""
    arms: dict[str, dict[str, Range | Choices]] = Field(default_factory=dict)
    """Ranges of single arms by name, in place of those for all: prompts need other rates."""

    def of(self, arm: MethodConfig) -> Mapping[str, Range | Choices]:
        """Return what is tried for an arm, in the order of the settings."""
        ranges = self.ranges | self.arms.get(arm.name, {})
        return {name: one for name, one in ranges.items() if _has(arm, name)}

    def settings_of(self, arm: MethodConfig, seed: int) -> tuple[MethodConfig, ...]:
        """Return the settings of every trial of an arm; more trials leave the first as they are.

        Points of Halton's sequence, shifted by the seed: they cover the ranges more evenly than
        random ones (arXiv 1706.03200). Points that give settings again are passed over.

        Args:
            arm: The arm as specified.
            seed: Seed of the study.
        """
        found: dict[str, MethodConfig] = {}
        for point in range(1000 * self.trials):
            if len(found) == self.trials:
                break
            made = changed(arm, dict(self._drawn(arm, seed, point)))
            if made != arm:
                found.setdefault(made.model_dump_json(), made)
        return tuple(found.values())

    def variants(self, arm: MethodConfig) -> Iterator[MethodConfig]:
        """Yield an arm with every value of a list, and both ends of every range, one at a time.

        Raises:
            ValueError: If a setting may not have such a value.
        """
        for name, one in self.of(arm).items():
            for value in one.ends() if isinstance(one, Range) else one:
                yield changed(arm, {name: value})

    def _drawn(self, arm: MethodConfig, seed: int, point: int) -> Iterator[tuple[str, JsonValue]]:
        for base, (name, one) in zip(BASES, self.of(arm).items(), strict=False):
            shift = random.Random(f"{seed}/{name}").random()
            share = (radical_inverse(point, base) + shift) % 1
            yield name, one.at(share) if isinstance(one, Range) else one[int(share * len(one))]

    def check(self, arms: tuple[MethodConfig, ...]) -> None:
        """Refuse ranges that no arm has, or that an arm cannot take.

        Raises:
            ValueError: Names arm and setting.
        """
        names = {arm.name for arm in arms}
        for name in [*(one for one in self.arms if one not in names)]:
            raise ValueError(f"tuning.arms has {name!r}; allowed: {', '.join(sorted(names))}")
        for arm in arms:
            if f"{arm.name}_tuned" in names:
                raise ValueError(f"arm {arm.name}_tuned: that name is for {arm.name!r} as tuned")
            ranges = self.of(arm)
            strange = [one for one in self.arms.get(arm.name, {}) if one not in ranges]
            if strange or not ranges:
                what = repr(strange[0]) if strange else f"none of {', '.join(self.ranges)}"
                raise ValueError(f"tuning: arm {arm.name!r} has {what} among its settings")
            list(self.variants(arm))
            if len(self.settings_of(arm, 0)) < self.trials:
                raise ValueError(
                    f"tuning: arm {arm.name!r} has fewer than trials={self.trials} other settings "
                    "in its ranges; give more values"
                )


def changed(arm: MethodConfig, changes: Mapping[str, JsonValue]) -> MethodConfig:
    """Return an arm with other settings, checked as if they stood in a study's file.

    Raises:
        ValueError: If a setting may not have such a value.
    """
    values = arm.model_dump(mode="json")
    for name, value in changes.items():
        if name.startswith(OPTION):
            values["options"][name.removeprefix(OPTION)] = value
        else:
            values[name] = value
    return type(arm).model_validate(values)


def differences(arm: MethodConfig, other: MethodConfig) -> dict[str, JsonValue]:
    """Return the settings of `other` that are not those of `arm`, options of PEFT one by one."""
    before, after = _flat(arm), _flat(other)
    return {name: value for name, value in after.items() if before.get(name) != value}


def _flat(arm: MethodConfig) -> dict[str, JsonValue]:
    values = arm.model_dump(mode="json", exclude={"name"})
    options = values.pop("options", None) or {}
    return values | {f"{OPTION}{name}": one for name, one in options.items()}


def _has(arm: MethodConfig, name: str) -> bool:
    if name.startswith(OPTION):
        return "options" in type(arm).model_fields
    if arm.start_from is not None and name in (*SHAPE, *arm.neutral):
        return False  # the adapter is that of the arm it starts from
    return name in type(arm).model_fields and name not in FIXED


def radical_inverse(number: int, base: int) -> float:
    """Return the digits of a number in a base, mirrored behind the point (van der Corput)."""
    value, place = 0.0, 1.0
    while number:
        place /= base
        number, digit = divmod(number, base)
        value += digit * place
    return value
