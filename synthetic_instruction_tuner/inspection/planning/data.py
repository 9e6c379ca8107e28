"""Lines of a plan for making data: drawing samples and responses, and rewarding them."""

from __future__ import annotations

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig, StudyConfig
from synthetic_instruction_tuner.inspection.planning.gpus import (
    ANSWER_SHARE,
    CONTEXT_BYTES,
    Gpu,
)
from synthetic_instruction_tuner.inspection.planning.row import (
    Base,
    Row,
    base_of,
    compute_type,
    halves,
    host_bytes,
    verdict,
)

QUESTION_TOKENS = 60
"""Tokens of an instruction; an estimate."""
DEBERTA_COPIES = 72
"""What a layer of DeBERTa-v3-large holds at once, as copies of the hidden state: whole tables of
attention, of words and of positions. Measured on rows of 512 tokens, the longest it reads
(benchmarks/reward_memory.py)."""
LAYER_COPIES = 8
"""What a layer with fused attention holds, as copies of the hidden state; an estimate."""


def teacher(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan generation; nothing where rows are imported or drawn by a server."""
    settings = config.generation
    if settings.source is not None or settings.engine == "completions":
        return []
    parts = (settings.instruction, settings.response)
    return [
        _drawing(
            "generation", "teacher", settings.teacher, parts, settings.draws, settings.batch_size,
            gpu,
        )
    ]  # fmt: skip


def pairs(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan preference pairs: every responder, then the reward model."""
    settings = config.preference
    if not any(arm.data == "preference" for arm in config.training.arms):
        return []
    rows = [
        _drawing(
            "preference", one.name, one.model or config.training.student, (one.sampling,),
            config.filtering.target, settings.batch_size, gpu,
        )
        for one in settings.responders
    ]  # fmt: skip
    return [*rows, _rewards(config, gpu)]


def _drawing(
    stage: str,
    subject: str,
    model: ModelConfig,
    parts: tuple[SamplingConfig, ...],
    draws: int,
    batch: int,
    gpu: Gpu,
) -> Row:
    """Plan drawing: as many rows side by side as the batch, until all are drawn."""
    base = base_of(model, gpu)
    longest = sum(part.max_new_tokens for part in parts)
    made = base.decoding(batch, longest)
    steps = ANSWER_SHARE * longest * -(-draws // batch)
    packed = base_of(model.model_copy(update={"quantization": "nf4"}), gpu)
    options = [
        (f"{stage}.batch_size={size}", base.decoding(size, longest)) for size in halves(batch)
    ]
    options += [(f"quantization=nf4 and {stage}.batch_size=1", packed.decoding(1, longest))]
    fits, advice = verdict(made, options, gpu)
    seconds = steps * base.decoding_step(batch, longest, gpu)
    return Row(
        stage, subject, sum(made.values()), host_bytes(base.parameters), seconds,
        2 * base.parameters, fits, advice, base.parameters, 0, made,
    )  # fmt: skip


def _rewards(config: StudyConfig, gpu: Gpu) -> Row:
    """Plan the reward model, which reads every response once."""
    settings, model = config.preference, config.preference.reward
    writes = settings.reward_format == "likelihood"
    base = base_of(model, gpu, scores=not writes)
    width = 4 if compute_type(model, gpu) == "float32" else 2

    def needs(tokens: int) -> dict[str, int]:
        return {
            "weights": base.weights,
            "activations": tokens * _activations(base, width, writes),
            "context": CONTEXT_BYTES,
        }

    made = needs(settings.reward_batch_tokens)
    sizes = [one for one in halves(settings.reward_batch_tokens) if one >= 64]
    options = [(f"preference.reward_batch_tokens={size}", needs(size)) for size in sizes]
    fits, advice = verdict(made, options, gpu)
    answers = sum(ANSWER_SHARE * one.sampling.max_new_tokens for one in settings.responders)
    tokens = config.filtering.target * (answers + QUESTION_TOKENS * len(settings.responders))
    rate = (gpu.single if width == 4 else gpu.operations) * gpu.pace.utilisation
    return Row(
        "preference", "reward model", sum(made.values()), host_bytes(base.parameters),
        tokens * 2 * base.working / rate, 2 * base.parameters, fits, advice,
        base.parameters, 0, made,
    )  # fmt: skip


def _activations(base: Base, width: int, writes: bool) -> int:
    """Return the bytes a token that are held beside the weights, without gradients."""
    shape = base.shape
    if shape.model_type.startswith("deberta"):
        return int(width * DEBERTA_COPIES * shape.hidden_size)
    layer = width * (LAYER_COPIES * shape.hidden_size + 2 * shape.intermediate_size)
    return int(layer + (shape.vocab_size * (width + 4) if writes else 0))
