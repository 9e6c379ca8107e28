"""One task family: its wordings, its right answer, its plausible wrong answers."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from synthetic_instruction_tuner.sandbox.wording import Slots, render

Draw = Callable[[Random], Slots]
Key = Callable[[Slots], str | None]
Wrong = Callable[[Slots, str, Random], str]
Accept = Callable[[Slots, str], bool]


@dataclass(frozen=True)
class Family:
    """A kind of task with a solver.

    Attributes:
        name: Unique short name.
        domain: Key of `synthetic_instruction_tuner.sandbox.domains.DOMAINS`.
        seen: Templates used in every corpus.
        held_out: Templates that never enter a corpus; they measure generalisation to new wording.
        draw: Draws the slots' values.
        key: The short answer (a number, a word, a list), or None when there is none here.
        say: How the answer is said; ``{key}`` and slots are filled in.
        wrong: Draws a plausible wrong key; by default the key of another draw.
        accept: For tasks with many right answers: judges a response that differs from the said key.
    """

    name: str
    domain: str
    seen: tuple[str, ...]
    held_out: tuple[str, ...]
    draw: Draw
    key: Key
    say: str = "{key}"
    wrong: Wrong | None = None
    accept: Accept | None = None

    def answer(self, slots: Slots) -> str | None:
        """Return the canonical answer, or None when the slots are not solvable."""
        key = self.key(slots)
        return None if key is None else self.speak(slots, key)

    def speak(self, slots: Slots, key: str) -> str:
        """Say a key (right or wrong) the way this family answers."""
        text = self.say
        for slot, value in {**slots, "key": key}.items():
            text = text.replace("{" + slot + "}", value)
        return text

    def wrong_key(self, slots: Slots, rng: Random) -> str:
        """Draw a plausible wrong key, never equal to the right one."""
        right = self.key(slots)
        for _ in range(50):
            other = self.wrong(slots, right or "", rng) if self.wrong else self.key(self.draw(rng))
            if other is not None and other != right:
                return other
        raise ValueError(f"family {self.name} found no wrong answer for {dict(slots)}")

    def instruction(self, slots: Slots, rng: Random, *, held_out: bool = False) -> str:
        """Word a task with a random template of the chosen set."""
        return render(rng.choice(self.held_out if held_out else self.seen), slots, rng)
