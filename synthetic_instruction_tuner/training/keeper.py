"""What of a running training goes into a checkpoint, and how it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from synthetic_instruction_tuner.methods.adapters.hooks import Hooks
from synthetic_instruction_tuner.training.checkpoints.checkpoint import Checkpoint
from synthetic_instruction_tuner.training.checkpoints.scratch import Checkpoints, local
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.parallel import Group, spread_like, whole
from synthetic_instruction_tuner.training.state import State

HOOKS = "hooks"
"""Before the names of tensors that a method's hooks remember."""


class Keeper:
    """Saves and restores weights, optimizer and state; the main process alone writes.

    Args:
        job: What is trained; its identity is in every checkpoint.
        parameters: What is trained, by name.
        optimizer: Its optimizer, as accelerate prepared it.
        scaler: The float16 loss scaler, if there is one.
        group: The processes.
        hooks: What the method does around updates, if it has something to remember.
    """

    def __init__(
        self,
        job: Job,
        parameters: Mapping[str, Any],
        optimizer: Any,
        scaler: Any,
        group: Group,
        hooks: Hooks | None = None,
    ) -> None:
        self._identity, self._parameters = job.identity, parameters
        self._optimizer = getattr(optimizer, "optimizer", optimizer)
        self._scaler, self._group, self._hooks = scaler, group, hooks
        self._checkpoints = Checkpoints(job.checkpoints, local(job.checkpoints))

    def save(self, state: State) -> None:
        """Write a checkpoint; all processes call this, as each may hold a part of the weights."""
        if self._scaler is not None:
            state.scaler = self._scaler.state_dict()
        weights = {name: whole(one) for name, one in self._parameters.items()}
        optimizer = {
            f"{key}/{name}": whole(value)
            for name, parameter in self._parameters.items()
            for key, value in self._optimizer.state.get(parameter, {}).items()
        }
        if self._hooks is not None:
            optimizer |= {f"{HOOKS}/{key}": one for key, one in self._hooks.tensors().items()}
            state.hooks = self._hooks.values()
        if self._group.main:
            held = {"identity": self._identity, **asdict(state)}
            self._checkpoints.write(Checkpoint(weights, optimizer, held))

    def restore(self) -> State | None:
        """Put back the newest valid checkpoint of this run; return its state, or None."""
        import torch

        held = self._newest()
        if held is None:
            return None
        state = State(**held.state)
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(spread_like(held.weights[name], parameter))
        self._optimizer.state.clear()
        remembered = {}
        for key, value in held.optimizer.items():
            kind, name = key.split("/", 1)
            if kind == HOOKS:
                remembered[name] = value
                continue
            parameter = self._parameters[name]
            self._optimizer.state[parameter][kind] = spread_like(value, parameter)
        if self._hooks is not None:
            self._hooks.restore(remembered, state.hooks)
        if self._scaler is not None and state.scaler:
            self._scaler.load_state_dict(state.scaler)
        return state

    def close(self, keep: bool) -> None:
        """Wait for the workspace to have the newest checkpoint, or remove those on scratch."""
        self._checkpoints.close(keep)

    def _newest(self) -> Checkpoint | None:
        """Read the checkpoint that the main process found valid, the same in all processes."""
        held = self._checkpoints.newest() if self._group.main else None
        fits = held is not None and held.state["identity"] == self._identity
        step = int(self._group.first(held.state["step"] if held and fits else -1))
        if step < 0:
            return None
        if held is None:
            held = self._checkpoints.read(step)
        del held.state["identity"]
        return held
