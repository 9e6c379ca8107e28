"""Tensors without content go through a training step, and their storages are counted."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


def pack(model: Any, compute: str) -> None:
    """Replace linear layers but the output layer by bitsandbytes' 4-bit ones, without content."""
    import torch

    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Linear) and child is not head:
                setattr(parent, name, _four_bit(child, getattr(torch, compute)))
    model.is_loaded_in_4bit = True


def _four_bit(plain: Any, compute: Any) -> Any:
    """Build a `Linear4bit` around a packed weight; its own class of weights has content always."""
    import bitsandbytes as bnb
    import torch

    packed, state = bnb.functional.quantize_4bit(
        plain.weight.data, quant_type="nf4", compress_statistics=True
    )
    weight = torch.nn.Parameter(packed, requires_grad=False)
    weight.quant_state, weight.quant_type, weight.compress_statistics = state, "nf4", True
    layer = bnb.nn.Linear4bit.__new__(bnb.nn.Linear4bit)
    torch.nn.Module.__init__(layer)
    layer.in_features, layer.out_features = plain.in_features, plain.out_features
    layer.weight, layer.bias = weight, None
    layer.compute_dtype, layer.quant_state = compute, state
    layer.compute_type_is_set, layer.quant_storage = True, torch.uint8
    layer.support_avx512bf16_for_cpu = False
    return layer


class Count:
    """Bytes of all storages that are alive, and the most there were."""

    def __init__(self) -> None:
        self.alive = self.peak = 0
        self._known: dict[int, Any] = {}

    def add(self, storage: Any) -> None:
        """Count a storage until it ends."""
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known[key] = weakref.finalize(storage, self._remove, key, size)
        self.alive += size
        self.peak = max(self.peak, self.alive)

    def reset(self) -> None:
        """Start a new peak from what is alive."""
        self.peak = self.alive

    def _remove(self, key: int, size: int) -> None:
        del self._known[key]
        self.alive -= size


@contextmanager
def counting() -> Iterator[Count]:
    """Count the storages that operations make; numbers asked of tensors are 1, masks all true."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter

    count = Count()

    class Mode(TorchDispatchMode):  # type: ignore[misc]  # torch is not read by mypy
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.ops.aten._local_scalar_dense.default:
                return 1.0 if args[0].is_floating_point() else 1
            if func is torch.ops.aten.index.Tensor and args[1][0].dtype is torch.bool:
                result = args[0].flatten(0, args[1][0].dim() - 1).clone()
            else:
                result = func(*args, **(kwargs or {}))
            for one in tree_iter(result):
                if isinstance(one, torch.Tensor):
                    count.add(one.untyped_storage())
            return result

    with Mode(), patch.object(torch.nn.Module, "_apply", _convert):
        yield count


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Let TRL's output layer work in place, as its Triton kernels do."""
    import torch
    from trl.kernels import chunked_logprob as kernels

    autocast = torch.is_autocast_enabled

    def dropout(values: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        return torch.native_dropout(values, p, training)[0] if p > 0 else values

    def multiply(target: Any, first: Any, second: Any) -> None:
        target.addmm_(first, second.to(first.dtype)) if target.dtype == first.dtype else None

    def nothing(*_: Any, **__: Any) -> None:
        return None

    with (
        patch.object(kernels, "_forward_tile", nothing),
        patch.object(kernels, "_backward_tile", nothing),
        patch.object(kernels, "_addmm_fp32", multiply),
        patch.object(torch, "is_autocast_enabled", lambda device="cpu": autocast("cpu")),
        patch.object(torch.nn.functional, "dropout", dropout),
    ):
        yield


def _convert(module: Any, change: Any, recurse: bool = True) -> Any:
    """Do what `Module._apply` does; it cannot exchange the content of tensors without content."""
    import torch

    for child in module.children():
        _convert(child, change)
    for held in (module._parameters, module._buffers):
        for name, one in held.items():
            changed = one if one is None else change(one)
            if changed is not None and changed is not one:
                if held is module._parameters:
                    changed = torch.nn.Parameter(changed.detach(), one.requires_grad)
                held[name] = changed
    return module
