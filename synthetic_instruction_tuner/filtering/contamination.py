"""Contamination: rows that contain an item of the benchmarks a study evaluates on.

Texts are compared on their letters and digits alone, so edits of case, punctuation and spacing
change nothing (the normalisation of GPT-4's report, arXiv 2303.08774, appendix C). An item is
contained in a row

- of any kind, if stretches of `window` characters that occur in both cover at least `coverage` of
  the item: shared boilerplate or a shared opening is not enough;
- shorter than a window, if it stands in an instruction as a whole. Where it is too short to
  identify anything (under 20 characters), or several items share it ("Which of the following is
  true?"), it must also make up half of that instruction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from synthetic_instruction_tuner.config import ContaminationConfig
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.text import squeezed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes: TypeAlias = NDArray[np.uint64]

IDENTIFYING = 20
"""Letters and digits from which a question counts wherever it stands (about four words)."""
INSTRUCTION_SHARE = 0.5
"""Share of an instruction that an item which identifies nothing must make up."""
BASE = 0x9E3779B97F4A7C15
"""Odd 64-bit base of the polynomial hash of stretches."""


class Item(NamedTuple):
    """A benchmark item: key of the benchmark, id of the item, question or prompt."""

    benchmark: str
    id: str
    text: str


class Leak(NamedTuple):
    """An item that a row contains, and which share of it."""

    item: Item
    coverage: float


class ItemIndex:
    """All items of all benchmarks, searchable by any stretch of their text.

    Args:
        items: The items; equal texts under several benchmarks are fine.
        config: Window and coverage.
    """

    def __init__(self, items: Sequence[Item], config: ContaminationConfig) -> None:
        self._config = config
        by_text: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            by_text[squeezed(item.text)].append(item)
        by_text.pop("", None)
        self._items = list(by_text.values())
        self._texts = list(by_text)
        self._index_short()
        self._index_long()

    def _index_short(self) -> None:
        """Index items below a window: unspecific ones whole, others by their first characters."""
        self._whole: dict[str, int] = {}
        self._by_start: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            if len(text) >= self._config.window:
                continue
            copies = Counter(item.benchmark for item in self._items[number])
            if len(text) < IDENTIFYING or max(copies.values()) > 1:
                self._whole[text] = number
            else:
                self._by_start[text[:IDENTIFYING]].append(number)

    def _index_long(self) -> None:
        """Index the other items by the hashes of all their stretches."""
        import numpy as np

        window = self._config.window
        long = [number for number, text in enumerate(self._texts) if len(text) >= window]
        hashes = [stretches(self._texts[number], window) for number in long]
        owners = [
            np.full(len(one), number, dtype=np.int32)
            for one, number in zip(hashes, long, strict=True)
        ]
        flat = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64)
        order = np.argsort(flat, kind="stable")
        self._hashes = flat[order]
        self._owners = np.concatenate(owners)[order] if owners else order

    def leaks(self, sample: Sample) -> list[Leak]:
        """Return the items that a row contains, best covered first."""
        found: dict[int, float] = {}
        for turn in sample.user_turns:
            found |= dict.fromkeys(self._short(squeezed(turn)), 1.0)
        for turn in (*sample.user_turns, *sample.assistant_turns):
            for number, coverage in self._long(squeezed(turn)).items():
                found[number] = max(coverage, found.get(number, 0.0))
        leaks = [
            Leak(item, value) for number, value in found.items() for item in self._items[number]
        ]
        return sorted(leaks, key=lambda leak: (-leak.coverage, leak.item))

    def _short(self, text: str) -> list[int]:
        found = []
        for start in range(len(text) - IDENTIFYING + 1):
            for number in self._by_start.get(text[start : start + IDENTIFYING], ()):
                if text.startswith(self._texts[number], start):
                    found.append(number)
        if len(text) * INSTRUCTION_SHARE < self._config.window:
            found += self._unspecific(text)
        return found

    def _unspecific(self, text: str) -> list[int]:
        """Look up every part of a short instruction that is at least half of it."""
        least = max(1, -int(-len(text) * INSTRUCTION_SHARE // 1))
        parts = {
            text[start : start + size]
            for size in range(least, min(len(text), self._config.window) + 1)
            for start in range(len(text) - size + 1)
        }
        return [self._whole[part] for part in parts if part in self._whole]

    def _long(self, text: str) -> dict[int, float]:
        import numpy as np

        window = self._config.window
        if len(text) < window or not len(self._hashes):
            return {}
        wanted = np.unique(stretches(text, window))
        first = np.searchsorted(self._hashes, wanted, side="left")
        last = np.searchsorted(self._hashes, wanted, side="right")
        candidates = {
            int(number)
            for start, stop in zip(first[last > first], last[last > first], strict=True)
            for number in self._owners[start:stop]
        }
        covered = {number: self._covered(self._texts[number], wanted) for number in candidates}
        least = self._config.coverage
        return {number: value for number, value in covered.items() if value >= least}

    def _covered(self, item: str, wanted: Hashes) -> float:
        """Return the share of an item's characters that lie in stretches among `wanted`."""
        import numpy as np

        window = self._config.window
        marks = np.zeros(len(item) + 1, dtype=np.int64)
        starts = np.flatnonzero(np.isin(stretches(item, window), wanted))
        np.add.at(marks, starts, 1)
        np.add.at(marks, starts + window, -1)
        return float(np.count_nonzero(np.cumsum(marks)[:-1])) / len(item)


def stretches(text: str, window: int) -> Hashes:
    """Hash every stretch of `window` characters, in the order of their starts.

    A polynomial hash modulo 2**64 by running sums: each power of the odd base has an inverse, so
    the difference of two sums can be shifted to position 0.
    """
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    powers, inverses = _powers(len(codes))
    sums = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(codes * powers[: len(codes)])))
    count = len(codes) - window + 1
    difference: Any = sums[window:] - sums[:count]
    return difference * inverses[:count]  # type: ignore[no-any-return]


_POWER_CACHE: dict[str, Any] = {}


def _powers(count: int) -> tuple[Any, Any]:
    """Return powers of the base and of its inverse, at least `count` of them."""
    import numpy as np

    if "powers" not in _POWER_CACHE or len(_POWER_CACHE["powers"]) < count:
        size = max(4096, 2 * count)
        for name, base in (("powers", BASE), ("inverses", pow(BASE, -1, 2**64))):
            factors = np.full(size, base, dtype=np.uint64)
            factors[0] = 1
            _POWER_CACHE[name] = np.cumprod(factors)
    return _POWER_CACHE["powers"], _POWER_CACHE["inverses"]
