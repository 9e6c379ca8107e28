"""What goes wrong while an arm trains: memory, a loss that is no number, restarts."""

import json
import threading
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.pairwise import Preference
from synthetic_instruction_tuner.models.memory_errors import is_out_of_memory
from synthetic_instruction_tuner.training import build, keeper, launch, scoring
from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.checkpoints.scratch import Checkpoints
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train
from synthetic_instruction_tuner.training.state import Interrupted


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_models.save_student(tmp_path_factory.mktemp("student"))


def job_of(student: Path, root: Path, method: str = "dpo", **training: object) -> Job:
    arm = {"name": "arm", "method": method, "batch_size": 4, "epochs": 1, "dropout": 0.0}
    settings = {"checkpoint_steps": 1, **training}
    study = training_models.study(root, student, [arm], rows=24, **settings)
    return make_job(study, study.subject("arm"))


class Run:
    """Trains in this process and remembers what was told."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.events: list[tuple[str, dict]] = []

    def __call__(self, leave_after: int | None = None) -> dict:
        """Train to the end, or until so many steps were done in this session."""
        done = 0

        def emit(event: str, **fields: object) -> None:
            nonlocal done
            done += event == "step"
            self.events.append((event, fields))

        train(self.job, emit, lambda: leave_after is not None and done >= leave_after)
        run: dict = json.loads((self.job.folder / "run.json").read_text())
        return run

    def told(self, event: str, key: str) -> list:
        return [fields[key] for name, fields in self.events if name == event]


def losses(run: dict) -> list[float]:
    return [point["loss"] for point in run["curve"]]


def test_out_of_memory_in_dpo_goes_on_from_the_checkpoint_with_smaller_passes(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = Run(job_of(student, tmp_path / "whole"))()
    plain, passes = Preference.loss, []

    def small_memory(self, trainer, model, batch, weight, total):
        passes.append(len(batch["input_ids"]) // 2)
        if len(passes) > 2 and passes[-1] > 2:  # from the third step on two pairs fit
            raise torch.cuda.OutOfMemoryError("too much")
        return plain(self, trainer, model, batch, weight, total)

    monkeypatch.setattr(Preference, "loss", small_memory)
    halved = Run(job_of(student, tmp_path / "halved"))
    found = halved()
    assert passes == [4, 4, 4, 2, 2, 2, 2, 2, 2]
    assert halved.told("notice", "text") == ["out of memory: micro-batch 4 -> 2"]
    assert halved.told("resumed", "step") == [2]
    assert found["conditions"]["micro_batch_size"] == 2
    assert found["conditions"]["accumulation"] == 2
    assert losses(found) == pytest.approx(losses(whole), rel=1e-5)


def test_out_of_memory_while_scoring_scores_fewer_rows_at_once(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sizes = scoring.log_probabilities, []

    def small_memory(model, batch):
        sizes.append(len(batch["input_ids"]) // 2)
        if sizes[-1] > 8:
            raise MemoryError
        return plain(model, batch)

    monkeypatch.setattr(scoring, "log_probabilities", small_memory)
    run = Run(job_of(student, tmp_path))
    run()
    assert run.told("notice", "text") == [
        "out of memory: 32 -> 16 rows scored at once",
        "out of memory: 16 -> 8 rows scored at once",
    ]
    assert sizes[:5] == [24, 16, 8, 8, 8], "the reference pass over 24 pairs"
    assert max(sizes[2:]) <= 8


def test_five_restarts_take_the_reference_once_and_add_up_the_time(
    student: Path, tmp_path: Path
) -> None:
    run = Run(job_of(student, tmp_path))
    seconds = [0.0]
    for _ in range(4):
        with pytest.raises(Interrupted):
            run(leave_after=1)
        held = checkpoint.newest(run.job.checkpoints)
        assert held is not None
        seconds.append(held.state["seconds"])
    found = run()
    seconds.append(found["train_seconds"])
    assert run.told("phase", "name").count("reference") == 1
    assert run.told("step", "step") == [1, 2, 3, 4, 5]
    assert seconds == sorted(set(seconds)), "every session adds its own steps"
    assert found["resumed"] == 4
    assert found["tokens_per_second"] * found["train_seconds"] == pytest.approx(
        found["conditions"]["tokens"]
    )
    assert 0 < found["loss_tokens_per_second"] < found["tokens_per_second"]
    assert found["config"]["arm"]["beta"] == 0.1
    assert found["config"]["training"]["micro_batch_size"] is None, "as asked, not as chosen"
    assert found["schema"] == 1


def test_checkpoints_come_by_the_clock_too(student: Path, tmp_path: Path) -> None:
    job = job_of(student, tmp_path, "lora", checkpoint_steps=1000, checkpoint_minutes=1e-9)
    run = Run(job)
    run()
    assert run.told("checkpoint", "step") == [0, 1, 2, 3, 4, 5]


def test_the_loss_scale_of_float16_survives_an_interruption(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    plain = build.build_trainer

    def scaled(*arguments):
        trainer = plain(*arguments)
        trainer.accelerator.scaler = torch.amp.GradScaler("cpu", 8.0, growth_interval=2)
        return trainer

    monkeypatch.setattr(build, "build_trainer", scaled)
    whole = Run(job_of(student, tmp_path / "whole", "lora"))
    expected = whole()
    run = Run(job_of(student, tmp_path / "again", "lora"))
    with pytest.raises(Interrupted):
        run(leave_after=3)
    held = checkpoint.newest(run.job.checkpoints)
    assert held is not None
    assert held.state["scaler"]["scale"] == 16.0
    assert held.state["scaler"]["_growth_tracker"] == 1
    assert losses(run()) == losses(expected)
    newest = checkpoint.newest(run.job.checkpoints)
    assert newest is not None
    assert newest.state["scaler"]["scale"] == 32.0


@pytest.mark.parametrize(("quantization", "dtype"), [("none", "bfloat16"), ("nf4", "float32")])
def test_what_is_trained_is_float32_whatever_the_base_is(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantization: str, dtype: str
) -> None:
    import torch

    study = training_models.study(
        tmp_path, student, [{"name": "arm", "method": "lora"}], 24, quantization, checkpoint_steps=9
    )
    job = make_job(study, study.subject("arm"))
    base = job.training.student.model_copy(update={"dtype": dtype})
    job = job.model_copy(update={"training": job.training.model_copy(update={"student": base})})
    plain, seen = build.build_trainer, []

    def watched(*arguments):
        trainer = plain(*arguments)
        seen.extend(one.dtype for one in trainer.model.parameters() if one.requires_grad)
        return trainer

    monkeypatch.setattr(build, "build_trainer", watched)
    with pytest.raises(Interrupted):
        Run(job)(leave_after=1)
    assert set(seen) == {torch.float32}
    held = checkpoint.newest(job.checkpoints)
    assert held is not None
    assert {one.dtype for one in held.weights.values()} == {torch.float32}


def test_several_processes_out_of_memory_start_again_with_half(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def session(job: Job):
        tried.append(job.training.micro_batch_size)
        yield {"event": "phase", "name": "load"}
        return {"kind": "memory", "micro_batch_size": 4} if len(tried) == 1 else None

    monkeypatch.setattr(launch, "_session", session)
    told = [event.get("text") for event in launch.run(job_of(student, tmp_path, processes=2))]
    assert tried == [None, 2]
    assert told == [None, "out of memory: micro-batch 4 -> 2", None]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"processes": 8}, "processes=8 share a batch of batch_size=4 rows"),
        (
            {"processes": 2, "strategy": "fsdp", "quantization": "nf4"},
            "strategy='fsdp' spreads unquantised weights .* quantization='nf4'",
        ),
        ({"processes": 2}, r"processes=2, but 1 were started; .* --num_processes 2"),
    ],
)
def test_processes_that_cannot_be(
    student: Path, tmp_path: Path, settings: dict, message: str
) -> None:
    with pytest.raises(Exception, match=message):
        Run(job_of(student, tmp_path, "lora", **settings))()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to", True),
        ("CUDA error: out of memory", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUDA error: an illegal memory access was encountered", False),
        ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED", False),
    ],
)
def test_memory_runs_out_past_the_allocator_too(text: str, expected: bool) -> None:
    assert is_out_of_memory(RuntimeError(text)) is expected


def test_a_run_that_is_asked_to_leave_brings_its_last_checkpoint_to_the_workspace(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drive takes an earlier one still: the last would stay on a disk that goes away."""
    copy, left = checkpoint.copy, threading.Event()

    def slow(path: Path, folder: Path) -> None:
        left.wait(60)
        copy(path, folder)

    plain = Checkpoints.close

    def close(self, keep: bool = True) -> None:
        left.set()
        plain(self, keep)

    monkeypatch.setattr(checkpoint, "copy", slow)
    monkeypatch.setattr(Checkpoints, "close", close)
    monkeypatch.setattr(keeper, "local", lambda workspace: tmp_path / "local")
    job = job_of(student, tmp_path / "ws", "lora", checkpoint_steps=1)
    with pytest.raises(Interrupted):
        Run(job)(leave_after=3)
    left.set()
    held = checkpoint.newest(job.checkpoints)
    assert held is not None
    assert held.state["step"] == 3


def test_a_crash_says_how_it_ended(student: Path, tmp_path: Path) -> None:
    job = job_of(student, tmp_path)
    job.work.mkdir(parents=True)
    (job.work / "worker.log").write_text("Fatal Python error: Segmentation fault\n")
    for status, said in (
        (-9, "killed (SIGKILL).*out of memory"),
        (-11, "SIGSEGV"),
        (1, "status 1"),
    ):
        error = launch._explain(job, status, {}, job.work / "worker.log")
        assert isinstance(error, StageError)
        with pytest.raises(StageError, match=said.replace("(", r"\(").replace(")", r"\)")):
            raise error
        assert "checkpoints are kept" in str(error)
