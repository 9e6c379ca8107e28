"""How much memory a training step takes, found without weights.

The student's real code runs on PyTorch's meta device, where tensors have shapes and no content.
What autograd keeps for the backward pass is summed there; weights, gradients and optimizer follow
from the parameters.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.losses import dropout
from synthetic_instruction_tuner.models.memory import measure
from synthetic_instruction_tuner.models.memory.adapted import adapt, virtual_tokens
from synthetic_instruction_tuner.models.memory.shapes import shape_of

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes a 4-bit weight: one 8-bit scale a block of 64, one float32 a 256 scales (arXiv 2305.14314,
section 3)."""
HEAD_ROWS, HEAD_COLUMNS = 4096, 32768
"""Tile of TRL's chunked output layer (trl/kernels/chunked_logprob.py, trl/trainer/utils.py)."""
HEAD_COPIES = 7.25
"""Tiles of float32 that the layer's backward pass holds beside its own where no Triton kernel works
in place, as on a CPU: seven of numbers and one of truth values (`_backward_tile` there)."""


@dataclass(frozen=True)
class Footprint:
    """Parameters and bytes of one arm on one base.

    Attributes:
        total: Parameters, base and adapter, tied ones once.
        trained: Parameters that receive gradients.
        weights: Bytes of the base in memory.
        states: Bytes of trained weights and AdamW, all float32.
        gradients: Bytes of their gradients, float32.
        kept: Bytes a token that autograd keeps, attention masks left out.
        fixed: Bytes that autograd keeps whatever the number of tokens (DoRA keeps whole weights).
        layer: Bytes a token that the largest layer keeps, when activations are recomputed.
        inputs: Bytes a token of all layers' inputs: what is kept when activations are recomputed.
        working: Bytes that one layer's backward pass takes for a token on top.
        unpacked: Bytes of the largest weight in the compute type, unpacked for a 4-bit product.
        width: Bytes of one number in the compute type.
        hidden: Width of the model.
        layers: Layers of the model.
        virtual: Virtual tokens before each sequence.
        copied: Bytes a token of copies that the output layer makes where it cannot work in place.
        head: Bytes of the gradient of the output layer, which is the first to come; 0 if frozen.
    """

    total: int
    trained: int
    weights: int
    states: int
    gradients: int
    kept: int
    fixed: int
    layer: int
    inputs: int
    working: int
    unpacked: int
    width: int
    hidden: int
    layers: int
    virtual: int = 0
    copied: int = 0
    head: int = 0

    def step(self, sequences: int, length: int, recompute: bool, accumulates: bool = True) -> int:
        """Return the peak bytes of a training step, as PyTorch's allocator counts them.

        Args:
            sequences: Sequences a forward pass (a preference pair is two).
            length: Tokens of each.
            recompute: Whether activations are recomputed (gradient checkpointing).
            accumulates: Whether gradients of earlier passes are there already. If not, they come
                as activations go, and the larger of both counts.
        """
        length += self.virtual
        tokens = sequences * length
        kept = self.inputs if recompute else self.kept
        fixed = self.fixed // self.layers if recompute else self.fixed
        masks = sequences * length**2 * self.width if sequences > 1 else 0  # rows of one length: 0
        rows = min(tokens, HEAD_ROWS)
        scored = tokens * self.hidden * self.width  # the head's own copy of what it scores
        head = rows * (HEAD_COLUMNS * self.width + self.copied) + tokens * self.hidden * 4
        again = self.layer if recompute else 0  # recomputed when the output layer's tile is gone
        layer = tokens * (again + self.working) + self.unpacked
        passed = (
            fixed + tokens * kept + scored + masks * (1 if recompute else self.layers)
            + max(head, layer)
        )  # fmt: skip
        if accumulates:
            return self.weights + self.states + self.gradients + passed
        return self.weights + self.states + max(passed + self.head, self.gradients + self.head)


def of(
    arm: MethodConfig,
    model: ModelConfig,
    compute: str,
    on_gpu: bool = True,
    adapter: MethodConfig | None = None,
) -> Footprint:
    """Measure an arm on the meta device.

    Args:
        arm: The method.
        model: The base, with its quantisation.
        compute: "float32", "bfloat16" or "float16".
        on_gpu: Whether the kernels are a GPU's; a CPU's dropout and output layer hold more.
        adapter: The method whose adapter is trained, if the arm goes on with that of another.
    """
    import torch

    dtype = getattr(torch, "float32" if arm.trains_base else compute)
    base = meta_model(model, dtype)
    shape = base.config.get_text_config()
    weights, largest = base_bytes(base, model.quantization, dtype.itemsize)
    adapted = adapt(adapter or arm, base)
    if arm.data == "preference":
        dropout.switch_off(adapted)
    trained = measure.trained_parameters(adapted)
    total = measure.total_parameters(adapted)
    width = getattr(torch, compute).itemsize
    adapted.to(getattr(torch, compute))  # what autocast keeps has the compute type
    base.set_output_embeddings(torch.nn.Identity())
    some, more = (_kept(adapted, tokens, on_gpu) for tokens in (128, 384))
    kept = (more - some) // 256
    states = trained * (8 if arm.trains_base else 12)  # a trained base is in `weights` already
    head = shape.vocab_size * shape.hidden_size * 4 if arm.trains_base else 0
    if width < 4:
        states += trained * width  # autocast keeps the 16-bit copies it made in the forward pass
    virtual = virtual_tokens(adapted)
    inputs = shape.num_hidden_layers * shape.hidden_size * width
    working = 3 * shape.intermediate_size * width
    unpacked = 0 if model.quantization == "none" else largest * width
    copied = 0 if on_gpu else int(HEAD_COPIES * min(HEAD_COLUMNS, shape.vocab_size) * 4)
    fixed = max(0, some - (128 + virtual) * kept) + _weights_kept(adapted, model, width)
    return Footprint(
        total, trained, weights, states, 4 * trained, kept, fixed,
        kept // shape.num_hidden_layers, inputs, working, unpacked, width, shape.hidden_size,
        shape.num_hidden_layers, virtual, copied, head,
    )  # fmt: skip


def _weights_kept(adapted: PeftModel, model: ModelConfig, width: int) -> int:
    """Return the bytes of the weights' copies that DoRA multiplies with and keeps.

    PEFT brings the base's weights to float32 for it (peft/tuners/lora/dora.py), and autocast those
    to 16 bits. That is a copy unless they were in float32 to begin with.
    """
    configs = getattr(adapted, "peft_config", {}).values()
    if not any(getattr(one, "use_dora", False) for one in configs):
        return 0
    if model.quantization == "none" and width == 4:
        return 0
    layers = [one.base_layer for one in adapted.modules() if hasattr(one, "base_layer")]
    return width * sum(int(one.weight.numel()) for one in layers)


def meta_model(model: ModelConfig, dtype: torch.dtype, scores: bool = False) -> PreTrainedModel:
    """Build a model on the meta device.

    Args:
        model: Which; the attention of a causal model keeps what fused kernels keep.
        dtype: Type of its numbers.
        scores: Whether it gives one number a sequence, as reward models do, instead of logits.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    shape = shape_of(model)
    if scores:
        shape.num_labels = 1
        with torch.device("meta"):
            return AutoModelForSequenceClassification.from_config(shape, dtype=dtype)
    _register_attention()
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(shape, dtype=dtype, attn_implementation="footprint")


def base_bytes(model: PreTrainedModel, quantization: str, width: int) -> tuple[int, int]:
    """Return the bytes of a base in memory, and the numbers of its largest linear weight.

    Quantised are the linear layers but the output layer, as transformers does it.
    """
    import torch

    head = model.get_output_embeddings()
    linear = {
        id(module.weight): module.weight
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    packed = {"nf4": NF4_BYTES, "int8": 1.0}.get(quantization, float(width))
    total = 0.0
    for parameter in model.parameters():
        total += parameter.numel() * (packed if id(parameter) in linear else width)
    return int(total), max((one.numel() for one in linear.values()), default=0)


def _kept(adapted: PeftModel, tokens: int, on_gpu: bool) -> int:
    """Run a forward pass and sum what autograd keeps, in bytes, parameters left out.

    Dropout of GPUs keeps a byte a number; that of CPUs, and of the meta device, keeps the factors.
    """
    from contextlib import nullcontext
    from unittest.mock import patch

    import torch

    held: list[weakref.ref[torch.Tensor]] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held.append(weakref.ref(tensor))  # what ends with the pass is not kept (DoRA's norms)
        return tensor

    adapted.train()
    ids = torch.zeros((1, tokens), dtype=torch.long, device="meta")
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        patch.object(torch.nn.functional, "dropout", _dropout) if on_gpu else nullcontext(),
    ):
        output = adapted(input_ids=ids, use_cache=False)
    alive = [tensor.untyped_storage() for tensor in (one() for one in held) if tensor is not None]
    kept = {one._cdata: one.nbytes() for one in alive}
    del output
    own = {one.untyped_storage()._cdata for one in (*adapted.parameters(), *adapted.buffers())}
    return sum(size for key, size in kept.items() if key not in own)


def _dropout(
    values: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    import torch

    return torch.native_dropout(values, p, training)[0] if p > 0 else values


def _register_attention() -> None:
    """Offer transformers an attention that keeps queries, keys, values, output and row sums.

    That is what the fused kernels of `scaled_dot_product_attention` keep (arXiv 2205.14135). Rows
    of a batch differ in length, so there is a mask, and with one transformers repeats keys and
    values for every query head (transformers/integrations/sdpa_attention.py).
    """
    import torch
    from transformers import AttentionInterface

    class Kept(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
            output = torch.empty_like(query)
            sums = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
            if key.shape[1] < query.shape[1]:
                key, value = torch.empty_like(query), torch.empty_like(query)
            ctx.save_for_backward(query, key, value, output, sums)
            return output

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            raise NotImplementedError("a footprint has no backward pass")

    def attention(module: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        return Kept.apply(query, key, value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("footprint", attention)
