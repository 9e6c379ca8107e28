"""The processes that train one arm together: what they agree on, and how the model is spread.

Only numbers are exchanged, never pickled objects. With one process nothing is exchanged at all.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.memory.measure import Peaks

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal a process gets when the one that started it dies."""


@dataclass(frozen=True)
class Group:
    """The processes of one arm; every method but the properties is called by all of them alike.

    Attributes:
        rank: Number of this process.
        size: How many there are.
        device: Where the numbers lie that are exchanged.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and tells what happens."""
        return self.rank == 0

    def total(self, numbers: Sequence[float]) -> list[float]:
        """Add up each number over all processes."""
        return self._reduce(numbers, "SUM")

    def largest(self, numbers: Sequence[float]) -> list[float]:
        """Take the largest of each number over all processes."""
        return self._reduce(numbers, "MAX")

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process."""
        return self.largest([flag])[0] > 0

    def first(self, number: float) -> float:
        """Return the number of the main process."""
        return self.total([number if self.main else 0])[0]

    def _reduce(self, numbers: Sequence[float], how: str) -> list[float]:
        if self.size == 1:
            return list(numbers)
        import torch
        from torch import distributed

        held = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        distributed.all_reduce(held, getattr(distributed.ReduceOp, how))
        values: list[float] = held.tolist()
        return values


def join(device: str, processes: int) -> Group:
    """Meet the other processes of the arm, as `accelerate launch` started them.

    Args:
        device: "cuda" or "cpu".
        processes: How many there should be.

    Raises:
        ConfigurationError: If there are not as many, or not as many GPUs.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != processes:
        raise ConfigurationError(
            f"training.processes={processes}, but {started} were started; start the worker with "
            f"accelerate launch --num_processes {processes}"
        )
    if processes == 1:
        return Group(device=device)
    local = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        device = _own_gpu(local, processes)
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    return Group(state.process_index, state.num_processes, device)


def _own_gpu(local: int, processes: int) -> str:
    import torch

    count = torch.cuda.device_count()
    if count < processes:
        raise ConfigurationError(
            f"training.processes={processes} needs as many GPUs; this machine has {count}"
        )
    torch.cuda.set_device(local)
    return f"cuda:{local}"


def highest(peaks: Peaks, group: Group) -> Peaks:
    """Take the largest peak of any process; all have been through the same phases."""
    keys = [(phase, kind) for phase, kinds in peaks.items() for kind in kinds]
    found = group.largest([peaks[phase][kind] for phase, kind in keys])
    merged: Peaks = {phase: {} for phase in peaks}
    for (phase, kind), value in zip(keys, found, strict=True):
        merged[phase][kind] = int(value)
    return merged


def is_launched() -> bool:
    """Tell whether this process is one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def end_with_parent() -> None:
    """Have the system end this process when the one that started it is killed (Linux).

    `accelerate launch` puts each process in a session of its own, which a signal to the group of
    the launcher does not reach.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def shard(model: PreTrainedModel) -> None:
    """Spread the weights over all processes, layer by layer (FSDP2, arXiv 2304.11277).

    Layers are what the model's class must not split over devices; the rest is one more unit.
    """
    from torch.distributed.fsdp import fully_shard

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    names = set(base._no_split_modules or ())
    for module in list(model.modules()):
        if type(module).__name__ in names:
            fully_shard(module)
    fully_shard(model, reshard_after_forward=True)


def is_sharded(parameters: Iterable[Any]) -> bool:
    """Tell whether weights are spread over processes."""
    return any(hasattr(one, "full_tensor") for one in parameters)


def whole(tensor: torch.Tensor) -> Any:
    """Gather a tensor that may be spread over processes, on the CPU; all processes call it."""
    tensor = tensor.detach()
    if hasattr(tensor, "full_tensor"):
        tensor = tensor.full_tensor()
    return tensor.cpu().contiguous()


def spread_like(value: torch.Tensor, parameter: torch.nn.Parameter) -> torch.Tensor:
    """Bring a whole tensor onto the parameter's device, and spread it if the parameter is.

    Single numbers, such as the optimizer's step, stay whole.
    """
    if not hasattr(parameter, "full_tensor"):
        return value.to(parameter.device)
    if value.ndim == 0:
        return value.to(parameter.to_local().device)
    from torch.distributed.tensor import distribute_tensor

    mesh = parameter.device_mesh
    return distribute_tensor(value.to(mesh.device_type), mesh, parameter.placements)
