"""Recognising that memory ran out, and giving back what a failed step still holds."""

from __future__ import annotations


class GroupOutOfMemory(Exception):
    """Memory ran out in one of several processes; the others wait for it, so all are started anew.

    Attributes:
        micro_batch_size: Rows a forward pass that were too many.
    """

    def __init__(self, micro_batch_size: int) -> None:
        super().__init__(f"out of memory with {micro_batch_size} rows a forward pass")
        self.micro_batch_size = micro_batch_size


SIGNS = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What PyTorch's allocator on a CPU says, the CUDA driver (asked by kernels and libraries past
PyTorch's allocator), and cuBLAS that finds no room for its workspace."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out, on a GPU or on the host."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def free_memory() -> None:
    """Give back what a failed step still holds."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
