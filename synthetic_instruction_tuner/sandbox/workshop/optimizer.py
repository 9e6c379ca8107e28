"""Muon for the matrices, AdamW for the rest, in single precision.

Muon (K. Jordan et al., https://kellerjordan.github.io/posts/muon/) orthogonalises the momentum
of a matrix. PyTorch's own version iterates in bfloat16, which is tens of times slower on a CPU
without such units; here it stays in float32, and matrices of one shape are iterated together.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_MOMENTUM: Final = 0.95


def orthogonalised(updates: "torch.Tensor", steps: int = 5) -> "torch.Tensor":
    """Bring the singular values of matrices near 1, by Newton-Schulz; (count, rows, columns)."""
    a, b, c = _COEFFICIENTS
    tall = updates.shape[1] > updates.shape[2]
    x = updates.transpose(1, 2) if tall else updates
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


class Optimizer:
    """Muon on the layers' matrices, AdamW on the rest, behind one learning-rate factor."""

    def __init__(
        self, model: "torch.nn.Module", matrix_rate: float, other_rate: float, decay: float = 0.05
    ) -> None:
        """Sort the parameters by shape and place.

        Args:
            model: The model to train.
            matrix_rate: Peak learning rate of Muon.
            other_rate: Peak learning rate of AdamW.
            decay: Decoupled weight decay of both.
        """
        import torch

        self.by_shape: dict[tuple[int, ...], list[torch.nn.Parameter]] = defaultdict(list)
        others = []
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if ".layers." in name and parameter.ndim == 2:
                self.by_shape[tuple(parameter.shape)].append(parameter)
            else:
                others.append(parameter)
        self.momentum = {
            shape: torch.zeros(len(p), *shape, device=p[0].device)
            for shape, p in self.by_shape.items()
        }
        self.adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.matrix_rate, self.other_rate, self.decay = matrix_rate, other_rate, decay

    def step(self, factor: float) -> None:
        """Take one step at `factor` times the peak rates and clear the gradients."""
        import torch

        for group in self.adam.param_groups:
            group["lr"] = self.other_rate * factor
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        with torch.no_grad():
            for shape, parameters in self.by_shape.items():
                self._step_matrices(shape, parameters, self.matrix_rate * factor)

    def _step_matrices(
        self, shape: tuple[int, ...], parameters: "list[torch.nn.Parameter]", rate: float
    ) -> None:
        import torch

        gradient = torch.stack([p.grad for p in parameters if p.grad is not None])
        momentum = self.momentum[shape].lerp_(gradient, 1 - _MOMENTUM)
        update = (
            orthogonalised(gradient.lerp(momentum, _MOMENTUM))
            * max(1.0, shape[0] / shape[1]) ** 0.5
        )
        for parameter, change in zip(parameters, update.unbind(), strict=True):
            parameter.mul_(1 - rate * self.decay).add_(change, alpha=-rate)
            parameter.grad = None
