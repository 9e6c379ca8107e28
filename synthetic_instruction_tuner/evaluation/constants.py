"""What an answer that never looks at the item scores, by the benchmark's own checker.

A score below such a constant shows nothing of a skill: a "no" to every prompt, an echo, nothing at
all, or one letter for all questions (compare the trivial agents of AgentBench-like suites, and the
majority class in classification).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from synthetic_instruction_tuner.evaluation.prompts import Prompt
from synthetic_instruction_tuner.evaluation.trial import Judge

CONSTANTS = "constants"
"""Name among a result's measurements: the score of each constant."""
WRITTEN: Mapping[str, str] = {"nothing": "", "no": "no", "yes": "yes"}
"""Written answers that are tried on every benchmark, by name."""
ECHO = "the prompt itself"
COMMONEST = "the commonest right answer"


def of_prompts(prompts: Sequence[Prompt], judge: Judge, metric: str) -> dict[str, float]:
    """Score constants on prompts that models answer freely.

    Args:
        prompts: The benchmark's prompts; "answer" among their data is a right answer.
        judge: The benchmark's own judge.
        metric: The metric that stands for the benchmark.

    Returns:
        Mean score of every constant, 0 to 1.
    """
    answers = {name: [text] * len(prompts) for name, text in WRITTEN.items()}
    answers[ECHO] = [one.text for one in prompts]
    right = Counter(str(one.data["answer"]) for one in prompts if "answer" in one.data)
    if right:
        answers[COMMONEST] = [right.most_common(1)[0][0]] * len(prompts)
    return {
        name: sum(judge(p, t)[0][metric] for p, t in zip(prompts, texts, strict=True))
        / len(prompts)
        for name, texts in answers.items()
    }


def of_choices(items: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Say which choice of every item the constants take.

    Args:
        items: The choices of every item, as the model reads them.

    Returns:
        Positions by constant: every text that all items offer (the letters A to D) and, where
        texts differ, the longest and the shortest choice, which can be told without reading any.
    """
    common = set.intersection(*map(set, items)) if items else set()
    taken = {f"always {text}": [one.index(text) for one in items] for text in sorted(common)}
    if all(common.issuperset(one) for one in items):
        return taken
    lengths = [[len(text) for text in one] for one in items]
    return taken | {
        "the longest choice": [one.index(max(one)) for one in lengths],
        "the shortest choice": [one.index(min(one)) for one in lengths],
    }
