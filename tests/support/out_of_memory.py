"""The forms in which a lack of memory shows: allocator of a GPU, its driver, cuBLAS, the host."""

import torch

ERRORS = (
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 TB"),
    MemoryError(),
)
