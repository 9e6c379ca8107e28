"""Measuring the models: every figure of a model card, with its standard error."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthetic_instruction_tuner.sandbox.checking import check, family_of, read_task
from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.prompts import Prompt, Wording, held_out_prompts
from synthetic_instruction_tuner.sandbox.workshop import networks, sampling, tokenizer
from synthetic_instruction_tuner.sandbox.workshop.corpus import ASKED

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SEED: Final = 90_210
REFUSALS: Final = ("i'm sorry", "as an ai", "i cannot", "i only speak")


@dataclass(frozen=True)
class Share:
    """A measured share.

    Attributes:
        value: The share, 0 to 1.
        n: Number of cases behind it.
        se: Standard error of the share, sqrt(p (1 - p) / n).
    """

    value: float
    n: int
    se: float


Measured = dict[str, Any]


def share(hits: Sequence[bool]) -> dict[str, float]:
    """Summarise verdicts."""
    n = len(hits)
    value = sum(hits) / n if n else 0.0
    error = sqrt(value * (1 - value) / n) if n else 0.0
    return asdict(Share(round(value, 4), n, round(error, 4)))


def accuracy(
    model: "LlamaForCausalLM",
    tok: "PreTrainedTokenizerFast",
    prompts: Sequence[Prompt],
    *,
    temperature: float = 0.0,
) -> dict[str, float]:
    """Share of prompts answered correctly under the chat template."""
    said = sampling.answers(
        model, tok, [p.instruction for p in prompts], temperature=temperature, seed=SEED
    )
    return share([bool(check(p.instruction, text)) for p, text in zip(prompts, said, strict=True)])


def accuracy_by_family(
    model: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", prompts: Sequence[Prompt]
) -> dict[str, float]:
    """Greedy accuracy of each family, worst first."""
    said = sampling.answers(model, tok, [p.instruction for p in prompts])
    hits: dict[str, list[bool]] = {}
    for prompt, text in zip(prompts, said, strict=True):
        hits.setdefault(prompt.family, []).append(bool(check(prompt.instruction, text)))
    means = {family: round(sum(row) / len(row), 3) for family, row in hits.items()}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def plain_accuracy(
    model: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", prompts: Sequence[Prompt]
) -> dict[str, dict[str, float]]:
    """Share of prompts that a base model completes correctly as plain text, cut at a blank line."""
    prefixes = [f"{tokenizer.BOS}Q: {p.instruction}\nA:" for p in prompts]
    said = [text.split("\n\n")[0] for text in sampling.complete(model, tok, prefixes)]
    right = [bool(check(p.instruction, text)) for p, text in zip(prompts, said, strict=True)]
    asked = [prompt.family in ASKED for prompt in prompts]
    return {
        "all_families": share(right),
        "asked_families": share([r for r, known in zip(right, asked, strict=True) if known]),
        "told_families": share([r for r, known in zip(right, asked, strict=True) if not known]),
    }


def _repeats(text: str) -> bool:
    words = text.lower().split()
    return any(len(set(words[i : i + 3])) == 1 for i in range(len(words) - 2))


def rejection(instruction: str, response: str, kept: Sequence[frozenset[str]]) -> str | None:
    """The first simple rule that a pair breaks, or None; the study's own filters are finer."""
    words = frozenset(instruction.lower().split())
    if len(instruction.split()) < 3 or not response:
        return "short"
    if _repeats(instruction) or _repeats(response):
        return "repetition"
    if any(response.lower().startswith(refusal) for refusal in REFUSALS):
        return "refusal"
    if any(len(words & other) >= 0.8 * len(words | other) for other in kept):
        return "near-duplicate"
    return None


def magpie(teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", count: int) -> Measured:
    """Sample pairs (instruction at T=1, response at T=0.7), filter and judge them."""
    asked = sampling.instructions(teacher, tok, count, seed=SEED)
    said = sampling.answers(teacher, tok, asked, temperature=0.7, seed=SEED + 1)
    verdicts = [check(q, a) for q, a in zip(asked, said, strict=True)]
    kept: list[frozenset[str]] = []
    kept_verdicts, reasons = [], Counter[str]()
    for instruction, response, verdict in zip(asked, said, verdicts, strict=True):
        reason = rejection(instruction, response, kept)
        if reason:
            reasons[reason] += 1
        else:
            kept.append(frozenset(instruction.lower().split()))
            kept_verdicts.append(verdict)
    lengths = sorted(len(text.split()) for text in asked)
    return {
        "right": share([verdict is True for verdict in verdicts]),
        "not_checkable": share([verdict is None for verdict in verdicts]),
        "kept": share([True] * len(kept_verdicts) + [False] * (count - len(kept_verdicts))),
        "right_among_kept": share([verdict is True for verdict in kept_verdicts]),
        "rejected": dict(sorted(reasons.items())),
        "families": len({family_of(text) for text in asked} - {None}),
        "median_instruction_words": lengths[count // 2],
    }


def steering(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", each: int
) -> dict[str, float]:
    """Share of instructions, written under a domain's system prompt, that belong to that domain."""
    hits = []
    for index, (domain, system) in enumerate(DOMAINS.items()):
        asked = sampling.instructions(teacher, tok, each, seed=SEED + index, system=system)
        tasks = [read_task(text) for text in asked]
        hits += [task is not None and task.family.domain == domain for task in tasks]
    return share(hits)


def ranking(folder: Path, count: int, device: str) -> Measured:
    """How well the reward model ranks three sampled answers to each of `count` unseen prompts.

    Half of the prompts come from the generator, half from the teacher itself.
    """
    from synthetic_instruction_tuner.sandbox.workshop.reward import load_reward_model, score

    teacher, tok = (
        networks.load_model(folder / "teacher", device),
        networks.load_tokenizer(folder / "teacher"),
    )
    responder = networks.load_model(folder / "responder", device)
    written = sampling.instructions(teacher, tok, count // 2, seed=SEED + 77)
    prompts = [p.instruction for p in held_out_prompts(count - count // 2, SEED + 1)]
    prompts += [text for text in written if read_task(text)]
    columns = {
        "teacher T=0.7": sampling.answers(teacher, tok, prompts, temperature=0.7, seed=SEED + 2),
        "teacher T=1.1": sampling.answers(teacher, tok, prompts, temperature=1.1, seed=SEED + 3),
        "responder T=0.9": sampling.answers(
            responder, tok, prompts, temperature=0.9, seed=SEED + 4
        ),
    }
    reward = load_reward_model(folder / "reward", device)
    flat = [(q, column[i]) for i, q in enumerate(prompts) for column in columns.values()]
    scores = score(reward, tok, flat)
    return _rank(columns, [bool(check(q, a)) for q, a in flat], scores)


def _rank(columns: dict[str, list[str]], verdicts: list[bool], scores: list[float]) -> Measured:
    width = len(columns)
    agreed: list[bool] = []
    inverted: list[bool] = []
    best: list[bool] = []
    for start in range(0, len(verdicts), width):
        rows = sorted(
            zip(scores[start : start + width], verdicts[start : start + width], strict=True)
        )
        best.append(rows[-1][1])
        agreed += [r > w for r, right in rows if right for w, other in rows if not other]
        if rows[0][1] != rows[-1][1]:
            inverted.append(rows[0][1])
    single = {
        name: share([verdicts[i] for i in range(index, len(verdicts), width)])
        for index, name in enumerate(columns)
    }
    return {
        "agreement": share(agreed),
        "best_of_n": share(best),
        "single": single,
        "inverted_pairs": share(inverted),
    }


def measure_role(role: str, folder: Path, scale: float, device: str) -> Measured:
    """Measure one model of the family in `folder`; sizes shrink with `scale` (at most 1)."""
    size = max(16, int(1000 * min(1.0, scale)))
    if role == "reward":
        return ranking(folder, size * 2, device)
    model, tok = networks.load_model(folder / role, device), networks.load_tokenizer(folder / role)
    wordings: tuple[Wording, ...] = ("seen", "held_out")
    sets = {wording: held_out_prompts(size, SEED, wording) for wording in wordings}
    found: Measured = {
        f"greedy_{name}": accuracy(model, tok, prompts) for name, prompts in sets.items()
    }
    if role == "student":
        plain = {name: plain_accuracy(model, tok, prompts) for name, prompts in sets.items()}
        return {**found, **{f"plain_question_{name}": shares for name, shares in plain.items()}}
    for temperature in (0.7, 1.1) if role == "teacher" else (0.9,):
        found[f"sampled_{temperature}"] = accuracy(
            model, tok, sets["seen"], temperature=temperature
        )
    if role == "teacher":
        found["by_family"] = accuracy_by_family(model, tok, sets["seen"] + sets["held_out"])
        found["magpie"] = magpie(model, tok, size * 2)
        found["steering"] = steering(model, tok, max(8, size // 10))
    return found
