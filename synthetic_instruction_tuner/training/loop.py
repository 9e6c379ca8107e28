"""The training loop: updates, evaluations, checkpoints, and going on after an interruption.

TRL's trainer gives the loss, the collator and the accelerator; order, learning rate and random
draws are functions of (seed, step), so that a resumed run repeats an undisturbed one bit by bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from synthetic_instruction_tuner.errors import DivergedError, StageError
from synthetic_instruction_tuner.methods.losses.objective import Metrics, Objective, Reference
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.models.engines.protocol import stream_seed
from synthetic_instruction_tuner.models.memory.measure import Memory, Stopwatch, merge
from synthetic_instruction_tuner.models.memory_errors import (
    GroupOutOfMemory,
    free_memory,
    is_out_of_memory,
)
from synthetic_instruction_tuner.training import parallel
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.divergence import Divergence
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.keeper import Keeper
from synthetic_instruction_tuner.training.order import micro_batches, rate
from synthetic_instruction_tuner.training.parallel import Group
from synthetic_instruction_tuner.training.scoring import Scorer, Scores
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
        group: The processes that share the batches.
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
        group: Group,
    ) -> None:
        import torch

        self.group, self.accelerator = group, trainer.accelerator
        if group.size > 1 and job.training.strategy == "fsdp":
            parallel.shard(trainer.model)
        self.job, self.trainer, self.rows = job, trainer, rows
        self.objective, self.reference = objective, reference
        self.memory, self.emit, self.stop = memory, emit, stop
        self.order = rows.order(job)
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
        sharded = parallel.is_sharded(self.parameters.values())
        self.model = self.accelerator.prepare_model(trainer.model, evaluation_mode=sharded)
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        self.hooks = job.adapter.hooks(trainer.model) if job.start is None else None
        scaler = self.accelerator.scaler
        self.keeper = Keeper(job, self.parameters, self.optimizer, scaler, group, self.hooks)
        self.state = State(micro_batch_size=job.training.micro_batch_size or job.arm.batch_size)
        self.scorer = Scorer(self.model, self._tensors, self._leave_if_asked, group, emit)
        self.watch, self._earlier = Stopwatch(), 0.0
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
                self._require_several_rows(error)
                if self.group.size > 1:
                    raise GroupOutOfMemory(self.state.micro_batch_size) from error
            self._halve()  # out here: as long as it is handled, the error holds the failed step

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
        if self.state.step % settings.checkpoint_steps == 0:
            return True
        return self.group.any(minutes >= settings.checkpoint_minutes)

    def _update(self) -> None:
        import torch

        step = self.state.step
        batch = [self.rows.train[index] for index in self.order.batch(step)]
        arm = self.job.arm
        multiplier = rate(step, self.order.steps, arm.warmup_share, arm.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = arm.learning_rate * multiplier
        own = (self.group.rank,) if self.group.rank else ()
        torch.manual_seed(stream_seed("step", self.job.seed, step, *own))
        with self.watch.running():
            loss, figures = self._backward(batch)
            norm = self.accelerator.clip_grad_norm_(self.parameters.values(), arm.max_grad_norm)
            self._require_finite(loss, float(norm))
            self.optimizer.step()
            if self.hooks is not None:
                self.hooks.after_step(step + 1)
            self.optimizer.zero_grad()
        self.state.step += 1
        self.state.tokens += sum(row.tokens for row in batch)
        self.state.loss_tokens += sum(row.loss_tokens for row in batch)
        self._log({"loss": loss, **figures}, arm.learning_rate * multiplier)

    def _backward(self, batch: Sequence[Row]) -> tuple[float, Metrics]:
        """Gather the gradients of a batch; return its mean loss and figures, over all processes.

        Each process takes every n-th row. All do as many passes, since they exchange gradients in
        each; one that has no rows left repeats one with weight 0.
        """
        total, size = self.objective.weight(batch), self.group.size
        parts = micro_batches(batch[self.group.rank :: size], self.state.micro_batch_size)
        passes = math.ceil(math.ceil(len(batch) / size) / self.state.micro_batch_size)
        sums: Metrics = {"loss": 0.0}
        for number in range(passes):
            part, counts = (parts[number], 1) if number < len(parts) else (batch[:1], 0)
            weight = self.objective.weight(part)
            with self._exchanging(number == passes - 1):
                share, means = self.objective.loss(
                    self.trainer, self.model, self._tensors(part), weight, total
                )
                penalty = self.hooks.penalty() if self.hooks and number == 0 else 0.0
                self.accelerator.backward(share * (size * counts) + penalty)  # averaged gradients
            sums["loss"] += float(share.detach()) * counts
            for name, mean in means.items():
                sums[name] = sums.get(name, 0.0) + mean * counts * weight / total
        figures = dict(zip(sums, self.group.total(list(sums.values())), strict=True))
        return figures.pop("loss"), figures

    def _exchanging(self, last: bool) -> AbstractContextManager[Any]:
        """Hold gradients back until the last pass of a batch, where each process has a model."""
        if last or not hasattr(self.model, "no_sync"):
            return nullcontext()
        waiting: AbstractContextManager[Any] = self.model.no_sync()
        return waiting

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
        raise DivergedError(
            f"arm {self.job.subject!r}: loss {loss} and gradient norm {norm} at step "
            f"{self.state.step + 1} of {self.order.steps}; the last checkpoint is kept. Lower "
            f"learning_rate (now {self.job.arm.learning_rate}) or max_grad_norm "
            f"(now {self.job.arm.max_grad_norm}), or look for bad rows in {self.job.data}"
        )

    def _log(self, point: Metrics, learning_rate: float) -> None:
        self.state.pending.append(point)
        every = max(1, math.ceil(self.order.steps / CURVE_POINTS))
        if self.state.step % every == 0 or self.state.step == self.order.steps:
            self.state.draw_point(self.state.step / self.order.steps_per_epoch, learning_rate)
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
        return self.scorer.score(rows, self.state.micro_batch_size)

    def _leave_if_asked(self) -> None:
        if self.group.any(self.stop()):
            self._save()
            raise Interrupted

    def _save(self) -> None:
        self.state.seconds = self.watch.seconds
        self.state.session_seconds = self.session_seconds()
        self._saved = time.monotonic()
        self.memory.sample()
        self.state.peaks = self.memory.peaks = parallel.highest(self.memory.peaks, self.group)
        self.keeper.save(self.state)
        self.emit("checkpoint", step=self.state.step, total=self.order.steps)

    def session_seconds(self) -> float:
        """Return the wall time of all sessions, as far as checkpoints kept it."""
        return self._earlier + time.monotonic() - self._session

    def _resume(self) -> bool:
        """Go on from the newest valid checkpoint; return whether there is one."""
        state = self.keeper.restore()
        if state is None:
            return False
        state.micro_batch_size = min(state.micro_batch_size, self.state.micro_batch_size)
        state.resumed += 1
        self.state = state
        self.memory.peaks = merge(self.memory.peaks, self.state.peaks)
        self.watch.seconds = self.state.seconds
        self._earlier, self._session = self.state.session_seconds, time.monotonic()
        self.emit("resumed", step=self.state.step, total=self.order.steps)
        return True

    def _require_several_rows(self, error: Exception) -> None:
        if self.state.micro_batch_size == 1:
            raise StageError(
                f"arm {self.job.subject!r}: one row of up to {max(self.order.lengths)} tokens does "
                "not fit the memory; lower training.max_length, set "
                "training.gradient_checkpointing=true or training.student.quantization='nf4'"
            ) from error

    def _halve(self) -> None:
        """Go on from the last checkpoint with half as many rows a forward pass."""
        before = self.state.micro_batch_size
        self.optimizer.zero_grad()
        free_memory()
        self._resume()
        self.state.micro_batch_size = before // 2
        self.emit("notice", text=f"out of memory: micro-batch {before} -> {before // 2}")
