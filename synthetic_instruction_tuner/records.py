"""What the stages hand to each other, one frozen record a row, written as JSON lines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from synthetic_instruction_tuner.errors import StageError

Record = TypeVar("Record")
OMIT_EMPTY = "omit_empty"
"""Mark of a field that is left out of a line when it is empty."""
Message = dict[str, str]
"""A turn of a conversation: "role" and "content"."""


@dataclass(frozen=True)
class Sample:
    """One raw draw of the teacher, or one imported row.

    Attributes:
        id: Identity of the draw; depends on the model, template, prompt, sampling, seed and index.
        index: Position in the study's endless sequence of draws (0, 1, 2, ...).
        domain: Name of the steering domain, or "general".
        system_prompt: System turn in the pre-query prefix; empty for none.
        instruction: First user turn, surrounding white space removed.
        response: First assistant turn, surrounding white space removed.
        instruction_finish: "stop" (the model ended it), "length" (cut) or "imported".
        response_finish: The same for the response, or "skipped" if it was not drawn because the
            instruction was cut or empty.
        instruction_tokens: Tokens drawn for the instruction, end token included.
        response_tokens: Tokens drawn for the response, end token included.
        messages: All turns [{"role", "content"}, ...] where there is more than one exchange.
        instruction_raw: The instruction exactly as decoded, special tokens shown.
    """

    id: str
    index: int
    domain: str
    system_prompt: str
    instruction: str
    response: str
    instruction_finish: str = "stop"
    response_finish: str = "stop"
    instruction_tokens: int = 0
    response_tokens: int = 0
    messages: tuple[dict[str, str], ...] = ()
    instruction_raw: str = ""

    @property
    def user_turns(self) -> tuple[str, ...]:
        """What the user says, turn by turn."""
        return self._turns("user", self.instruction)

    @property
    def assistant_turns(self) -> tuple[str, ...]:
        """What the assistant says, turn by turn."""
        return self._turns("assistant", self.response)

    def _turns(self, role: str, single: str) -> tuple[str, ...]:
        if not self.messages:
            return (single,)
        return tuple(turn["content"] for turn in self.messages if turn["role"] == role)


@dataclass(frozen=True)
class Example:
    """A kept instruction with its response.

    Attributes:
        quality: Quality score in 0..1 (see `filtering.quality`).
        cluster: Id of the near-duplicate cluster; no cluster spans two splits.
        split: "train" or "validation".
        signals: What models measured on the row (see `filtering.signals`); left out of files when
            nothing was measured.
    """

    id: str
    instruction: str
    response: str
    domain: str
    quality: float
    cluster: str
    split: str
    system_prompt: str = ""
    messages: tuple[dict[str, str], ...] = ()
    signals: dict[str, float | str] = field(default_factory=dict, metadata={OMIT_EMPTY: True})


@dataclass(frozen=True)
class Rejection:
    """A row that a rule rejected, and why; rejected rows are data.

    Attributes:
        stage: "generation", "filtering" or "preference".
        rule: Name of the rule.
        value: What was measured on the row.
        threshold: What the rule allows.
        survivor: For a duplicate: id of the row that stays.
        similarity: For a duplicate: similarity to the survivor, 0..1.
        row: The rejected row itself.
    """

    id: str
    stage: str
    rule: str
    value: str | float
    threshold: str | float
    row: dict[str, Any]
    survivor: str | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class Response:
    """A responder's answer to one kept instruction; `reward` is None until it was scored.

    Attributes:
        instruction: What is answered; in a conversation the last turn of the user.
        messages: In a conversation all turns before the answer.
    """

    id: str
    example: str
    responder: str
    instruction: str
    text: str
    finish: str
    tokens: int
    reward: float | None = None
    messages: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class PreferencePair:
    """Best against worst response to one instruction, by reward.

    Attributes:
        id: Id of the example both responses answer.
        split: The example's own split: what is held out for SFT stays held out for DPO.
        margin: chosen_reward - rejected_reward, on the scale the config names.
        prompt: What both answer; in a conversation the last turn of the user.
        messages: In a conversation all turns before the answers.
    """

    id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_reward: float
    rejected_reward: float
    margin: float
    chosen_responder: str
    rejected_responder: str
    domain: str
    split: str
    messages: tuple[dict[str, str], ...] = ()


def to_json(record: Any) -> str:
    """Render a record as one line of JSON with keys in field order."""
    values = dataclasses.asdict(record)
    for one in dataclasses.fields(record):
        if OMIT_EMPTY in one.metadata and not values[one.name]:
            del values[one.name]
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def from_json(line: str, kind: type[Record]) -> Record:
    """Read a record back; lists become tuples where the record holds a tuple."""
    values = json.loads(line)
    if "messages" in values:
        values["messages"] = tuple(values["messages"])
    return kind(**values)


def write_lines(path: Path, records: Iterable[Any]) -> int:
    """Write records as JSON lines.

    Returns:
        How many were written.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(to_json(record) + "\n")
            count += 1
    return count


def read_lines(path: Path, kind: type[Record]) -> Iterator[Record]:
    """Read records from JSON lines.

    Raises:
        StageError: If a line is not a record of this kind; names file and line.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield from_json(line.decode(), kind)
            except (ValueError, RecursionError, TypeError) as error:
                raise StageError(f"{path}:{number} is not a {kind.__name__}: {error}") from error


@dataclass(frozen=True)
class ItemScore:
    """One benchmark item as one model answered it.

    Attributes:
        id: Hash of the item itself; equal across models, the key of every paired comparison.
        cluster: What items share (MMLU subject, prompt, task family); its own id if nothing.
        prompt_hash: Hash of the prompt as the model saw it; unequal prompts are never compared.
        target_hash: Hash of the right answer.
        scores: Metric values of this item, for example {"acc": 1.0, "acc_norm": 0.0}.
        detail: What a reader needs to see why: prompt, target, response, log-likelihoods.
    """

    id: str
    cluster: str
    prompt_hash: str
    target_hash: str
    scores: dict[str, float]
    detail: dict[str, Any]


@dataclass(frozen=True)
class BenchmarkResult:
    """One model on one benchmark: `result.json`; the items lie beside it in `items.jsonl`.

    Attributes:
        subject: Model under test ("base" or an arm).
        benchmark: Benchmark key ("mmlu-5shot").
        metric: The metric that stands for the benchmark in tables.
        chance: Score of guessing, None where there is no such thing.
        scores: Mean of every metric.
        conditions: What must be equal for two results to be compared (precision, batch size,
            template policy, max_length, task version, harness version, device kind).
        measurements: Costs and other figures (seconds, tokens_per_second, peak_memory_bytes...).
    """

    subject: str
    benchmark: str
    metric: str
    higher_is_better: bool
    chance: float | None
    items: int
    scores: dict[str, float]
    conditions: dict[str, Any]
    measurements: dict[str, Any]


@dataclass(frozen=True)
class TrainingRun:
    """How one arm was trained: `run.json` beside the adapter.

    Attributes:
        trained_parameters: Parameters that received gradients.
        shipped_parameters: Parameters in the saved file.
        total_parameters: Base and adapter; tied weights once, packed 4-bit weights unpacked.
        adapter_bytes: Size of the saved weights.
        train_seconds: Sum of the optimizer steps' own time over all sessions.
        tokens_per_second: Real (not padding) tokens a second of train_seconds.
        peak_memory_bytes: By phase ("load", "train", "evaluate"), then by kind ("allocated",
            "reserved" on a GPU, "rss" on CPU).
        curve: One entry a logged step: step, epoch, loss, learning_rate, and for preferences
            margin, accuracy, ...
        evaluations: One entry an evaluation on the validation split, the first before step 1:
            step, epoch, loss, and for preferences accuracy, margin, chosen_drift, kl.
        conditions: Device, precision, quantization, versions, data identity, seed.
        resumed: How often the run went on from a checkpoint.
        loss_tokens_per_second: Tokens that the loss counts on, a second of train_seconds.
        config: Settings of the arm and of the training as they were asked for.
        schema: Version of this record.
    """

    subject: str
    method: str
    seed: int
    examples: int
    steps: int
    epochs: float
    trained_parameters: int
    shipped_parameters: int
    total_parameters: int
    adapter_bytes: int
    train_seconds: float
    tokens_per_second: float
    peak_memory_bytes: dict[str, dict[str, int]]
    curve: list[dict[str, float]]
    evaluations: list[dict[str, float]]
    conditions: dict[str, Any]
    resumed: int
    loss_tokens_per_second: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    schema: int = 1
