"""The training loop: updates, evaluations, checkpoints, and going on after an interruption.

TRL's trainer gives the loss, the collator and the accelerator; order, learning rate and random
draws are functions of (seed, step), so that a resumed run repeats an undisturbed one bit by bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.training import checkpoint
from synthetic_instruction_tuner.training.checkpoint import Checkpoint
from synthetic_instruction_tuner.training.data import Row, Rows
from synthetic_instruction_tuner.training.divergence import Divergence
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.measure import Memory, Stopwatch, merge
from synthetic_instruction_tuner.training.memory_errors import free_memory, is_out_of_memory
from synthetic_instruction_tuner.training.objective import Metrics, Objective, Reference
from synthetic_instruction_tuner.training.order import Order, micro_batches, rate, stream
from synthetic_instruction_tuner.training.scoring import Scores, score
from synthetic_instruction_tuner.training.state import Emit, Interrupted, State

CURVE_POINTS = 500
"""Points of a loss curve at most; longer runs average over several steps a point."""


class Loop:
    """Trains one arm from its newest checkpoint, or from the start, to the end.

    Args:
        job: What to train.
        trainer: TRL trainer around the model.
        rows: Rows in tokens.
        objective: The loss.
        reference: Reference log-probabilities by row id, where the objective needs them.
        memory: Peak memory so far.
        emit: Receives events: step, evaluation, checkpoint, notice.
        stop: Returns whether the process was asked to end.
    """

    def __init__(
        self,
        job: Job,
        trainer: Any,
        rows: Rows,
        objective: Objective,
        reference: Reference | None,
        memory: Memory,
        emit: Emit,
        stop: Callable[[], bool],
    ) -> None:
        import torch

        self.job, self.trainer, self.rows = job, trainer, rows
        self.objective, self.reference = objective, reference
        self.memory, self.emit, self.stop = memory, emit, stop
        lengths = tuple(row.length for row in rows.train)
        self.order = Order(lengths, job.arm.batch_size, job.arm.epochs, job.seed)
        self.parameters = {
            name: one for name, one in trainer.model.named_parameters() if one.requires_grad
        }
        self.divergence = Divergence(self.parameters) if objective.needs_reference else None
        optimizer = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=job.arm.learning_rate,
            weight_decay=job.arm.weight_decay,
            fused=True,
        )
        self.accelerator = trainer.accelerator
        self.model, self.optimizer = self.accelerator.prepare(trainer.model, optimizer)
        self.state = State(micro_batch_size=job.training.micro_batch_size or job.arm.batch_size)
        self.watch = Stopwatch()
        self._earlier = 0.0
        self._session = self._saved = time.monotonic()

    def run(self) -> State:
        """Train to the end.

        Raises:
            Interrupted: If the process was asked to end; a checkpoint was written.
            StageError: If the loss is not a number, or one row does not fit the memory.
        """
        if not self._resume():
            self._save()
        while True:
            try:
                self._advance()
                return self.state
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)

    def _advance(self) -> None:
        while True:
            if self._evaluation_is_due():
                with self.memory.phase("evaluate"):
                    self._evaluate()
            if self.state.step == self.order.steps:
                return
            with self.memory.phase("train"):
                self._train_until_evaluation()

    def _train_until_evaluation(self) -> None:
        self.model.train()
        while True:
            self._update()
            self._leave_if_asked()
            if self._checkpoint_is_due():
                self._save()
            if self._evaluation_is_due():
                return

    def _evaluation_is_due(self) -> bool:
        step = self.state.step
        if step > 0 and not self.order.ends_epoch(step):
            return False
        return all(one["step"] != step for one in self.state.evaluations)

    def _checkpoint_is_due(self) -> bool:
        minutes = (time.monotonic() - self._saved) / 60
        settings = self.job.training
        return (
            self.state.step % settings.checkpoint_steps == 0
            or minutes >= settings.checkpoint_minutes
        )

    def _update(self) -> None:
        import torch

        step = self.state.step
        batch = [self.rows.train[index] for index in self.order.batch(step)]
        arm = self.job.arm
        multiplier = rate(step, self.order.steps, arm.warmup_share, arm.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = arm.learning_rate * multiplier
        torch.manual_seed(stream("step", self.job.seed, step))
        with self.watch.running():
            loss, figures = self._backward(batch)
            norm = self.accelerator.clip_grad_norm_(self.parameters.values(), arm.max_grad_norm)
            self._require_finite(loss, float(norm))
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.state.step += 1
        self.state.tokens += sum(row.tokens for row in batch)
        self._log({"loss": loss, **figures}, arm.learning_rate * multiplier)

    def _backward(self, batch: Sequence[Row]) -> tuple[float, Metrics]:
        total = self.objective.weight(batch)
        loss, figures = 0.0, dict[str, float]()
        for part in micro_batches(batch, self.state.micro_batch_size):
            tensors = self._tensors(part)
            weight = self.objective.weight(part)
            share, means = self.objective.loss(self.trainer, self.model, tensors, weight, total)
            self.accelerator.backward(share)
            loss += float(share.detach())
            for name, mean in means.items():
                figures[name] = figures.get(name, 0.0) + mean * weight / total
        return loss, figures

    def _tensors(self, rows: Sequence[Row]) -> dict[str, Any]:
        examples = self.objective.examples(rows, self.reference)
        batch = self.trainer.data_collator(examples)
        return {name: one.to(self.accelerator.device) for name, one in batch.items()}

    def _require_finite(self, loss: float, norm: float) -> None:
        """Stop on NaN, and on no gradient at all; float16 scaling skips steps that overflow."""
        if norm == 0 and self.state.step == 0:
            raise StageError(
                f"arm {self.job.subject!r}: no gradient reaches what is to be trained; this base "
                f"(quantization={self.job.training.student.quantization!r}) cannot be trained so"
            )
        if math.isfinite(loss) and (math.isfinite(norm) or self.accelerator.scaler is not None):
            return
        raise StageError(
            f"arm {self.job.subject!r}: loss {loss} and gradient norm {norm} at step "
            f"{self.state.step + 1} of {self.order.steps}; the last checkpoint is kept. Lower "
            f"learning_rate (now {self.job.arm.learning_rate}) or max_grad_norm "
            f"(now {self.job.arm.max_grad_norm}), or look for bad rows in {self.job.data}"
        )

    def _log(self, point: Metrics, learning_rate: float) -> None:
        self.state.pending.append(point)
        every = max(1, math.ceil(self.order.steps / CURVE_POINTS))
        if self.state.step % every == 0 or self.state.step == self.order.steps:
            pending, self.state.pending = self.state.pending, []
            means = {
                key: math.fsum(one[key] for one in pending) / len(pending) for key in pending[0]
            }
            epoch = self.state.step / self.order.steps_per_epoch
            self.state.curve.append(
                {"step": self.state.step, "epoch": epoch, "learning_rate": learning_rate, **means}
            )
        self.emit("step", step=self.state.step, total=self.order.steps, loss=point["loss"])

    def _evaluate(self) -> None:
        rows = self.rows.validation
        scores = self.score(rows)
        metrics = self.objective.summarise(scores, rows, self.reference)
        if self.divergence is not None:
            device = self.accelerator.device
            metrics["kl"] = self.divergence.measure(self.model, rows, device, self._leave_if_asked)
        step = self.state.step
        if step == 0:
            for name in self.objective.undefined_at_start:
                del metrics[name]
        epoch = step / self.order.steps_per_epoch
        self.state.evaluations.append({"step": step, "epoch": epoch, **metrics})
        self.emit("evaluation", step=step, total=self.order.steps, **metrics)

    def score(self, rows: Sequence[Row]) -> Scores:
        """Return the log-probability of every response of the rows under the current weights."""
        least = 32 if self.accelerator.device.type == "cpu" else 8
        size = max(self.state.micro_batch_size, least)
        return score(self.model, rows, size, self._tensors, self._leave_if_asked)

    def _leave_if_asked(self) -> None:
        if self.stop():
            self._save()
            raise Interrupted

    def _save(self) -> None:
        self.state.seconds = self.watch.seconds
        self.state.session_seconds = self.session_seconds()
        self._saved = time.monotonic()
        self.memory.sample()
        self.state.peaks = self.memory.peaks
        scaler = self.accelerator.scaler
        if scaler is not None:
            self.state.scaler = scaler.state_dict()
        weights = {name: one.detach().cpu().contiguous() for name, one in self.parameters.items()}
        held = Checkpoint(weights, self._optimizer_tensors(), self._state_json())
        checkpoint.write(self.job.checkpoints, held)
        self.emit("checkpoint", step=self.state.step, total=self.order.steps)

    def session_seconds(self) -> float:
        """Return the wall time of all sessions, as far as checkpoints kept it."""
        return self._earlier + time.monotonic() - self._session

    def _state_json(self) -> dict[str, Any]:
        return {"identity": self.job.identity, **asdict(self.state)}

    def _optimizer_tensors(self) -> dict[str, Any]:
        held = self.optimizer.state
        return {
            f"{key}/{name}": value.detach().cpu().contiguous()
            for name, parameter in self.parameters.items()
            for key, value in held.get(parameter, {}).items()
        }

    def _resume(self) -> bool:
        """Go on from the newest valid checkpoint; return whether there is one."""
        import torch

        held = checkpoint.newest(self.job.checkpoints)
        if held is None or held.state.pop("identity") != self.job.identity:
            return False
        self.state = State(**held.state)
        self.state.resumed += 1
        self.memory.peaks = merge(self.memory.peaks, self.state.peaks)
        self.watch.seconds = self.state.seconds
        self._earlier, self._session = self.state.session_seconds, time.monotonic()
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(held.weights[name])
        self._put_optimizer_tensors(held.optimizer)
        if self.accelerator.scaler is not None and self.state.scaler:
            self.accelerator.scaler.load_state_dict(self.state.scaler)
        self.emit("resumed", step=self.state.step, total=self.order.steps)
        return True

    def _put_optimizer_tensors(self, tensors: dict[str, Any]) -> None:
        inner = getattr(self.optimizer, "optimizer", self.optimizer)
        inner.state.clear()
        for key, value in tensors.items():
            kind, name = key.split("/", 1)
            parameter = self.parameters[name]
            inner.state[parameter][kind] = value.to(parameter.device)

    def _halve(self, error: Exception) -> None:
        """Go on from the last checkpoint with half as many rows a forward pass."""
        before = self.state.micro_batch_size
        if before == 1:
            raise StageError(
                f"arm {self.job.subject!r}: one row of up to {max(self.order.lengths)} tokens does "
                "not fit the memory; lower training.max_length, set "
                "training.gradient_checkpointing=true or training.student.quantization='nf4'"
            ) from error
        self.optimizer.zero_grad()
        free_memory()
        self._resume()
        self.state.micro_batch_size = before // 2
        self.emit("notice", text=f"out of memory: micro-batch {before} -> {before // 2}")
