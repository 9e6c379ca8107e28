"""One arm in two processes (gloo on the CPU): the same training as in one, and as hard to lose."""

import json
import shutil
import signal
import socket
from pathlib import Path

import psutil
import pytest
from support import dying_training, training_models

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.training import launch
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job

ARM = {
    "name": "arm",
    "method": "lora",
    "batch_size": 4,
    "epochs": 2,
    "learning_rate": 1e-2,
}
ROWS = 21  # 18 to train on: the last batch of an epoch has two, the other process gets none


@pytest.fixture(scope="module")
def student(forks: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_models.save_student(tmp_path_factory.mktemp("student"))


def job_of(student: Path, root: Path, processes: int, strategy: str = "ddp", **arm: object) -> Job:
    if arm.get("method", "lora") in ("lora", "rslora", "dora", "vera", "dpo"):
        arm["dropout"] = 0.0  # its draws are another stream in each process
    study = training_models.study(
        root, student, [ARM | arm], ROWS, processes=processes, strategy=strategy,
        checkpoint_steps=2, micro_batch_size=1,
    )  # fmt: skip
    return make_job(study, study.subject("arm"))


def train_together(job: Job, kill: tuple[int, int] | None = None) -> list[int]:
    """Train in as many processes as the job asks for; `kill` names a rank and a step."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = job.training.processes
    ranks = []
    for rank in range(processes):
        place = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        dies = {"before": kill[1]} if kill and kill[0] == rank else {}
        ranks.append(dying_training.begin(job, place if processes > 1 else None, **dies))
    for one in ranks:
        one.communicate(timeout=120)
    return [one.returncode for one in ranks]


def result(job: Job) -> dict:
    run: dict = json.loads((job.folder / "run.json").read_text())
    return run


def weights(job: Job) -> bytes:
    return (job.folder / "final" / "adapter_model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def alone(student: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The arm in one process."""
    job = job_of(student, tmp_path_factory.mktemp("alone"), 1)
    assert train_together(job) == [0]
    return result(job)


def require_alike(found: dict, expected: dict) -> None:
    for kind, figure in (("curve", "loss"), ("curve", "token_accuracy"), ("evaluations", "loss")):
        values = [[point[figure] for point in run[kind]] for run in (found, expected)]
        assert values[0] == pytest.approx(values[1], rel=1e-5, abs=1e-6), (kind, figure)
    for figure in ("trained_parameters", "total_parameters", "shipped_parameters", "steps"):
        assert found[figure] == expected[figure]
    assert found["conditions"]["tokens"] == expected["conditions"]["tokens"]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_does(
    student: Path, tmp_path: Path, alone: dict, strategy: str
) -> None:
    job = job_of(student, tmp_path, 2, strategy)
    assert train_together(job) == [0, 0]
    found = result(job)
    require_alike(found, alone)
    assert found["conditions"]["processes"] == 2
    assert found["conditions"]["strategy"] == strategy


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_preferences_agree_too(student: Path, tmp_path: Path, strategy: str) -> None:
    """The reference pass is shared, and the divergence from the start sees the whole weights."""
    runs = []
    for processes in (1, 2):
        job = job_of(student, tmp_path / str(processes), processes, strategy, method="dpo")
        assert train_together(job) == [0] * processes
        runs.append(result(job))
    for figure in ("loss", "margin", "chosen_drift", "kl"):
        values = [[point[figure] for point in run["evaluations"]] for run in runs]
        assert values[0] == pytest.approx(values[1], rel=1e-3, abs=1e-6), figure
    assert runs[0]["evaluations"][-1]["kl"] > 0


def test_a_killed_process_ends_the_others_and_all_go_on_bit_by_bit(
    student: Path, tmp_path: Path, alone: dict
) -> None:
    whole = job_of(student, tmp_path / "whole", 2)
    assert train_together(whole) == [0, 0]
    job = job_of(student, tmp_path / "killed", 2)
    ended = train_together(job, kill=(1, 5))
    assert ended[1] == -signal.SIGKILL
    assert ended[0] not in (0, None)
    fewer = job.model_copy(update={"folder": tmp_path / "fewer"})
    (tmp_path / "fewer").mkdir()
    shutil.copytree(job.work, fewer.work)
    assert train_together(job) == [0, 0]
    assert result(job)["resumed"] == 1
    assert result(job)["curve"] == result(whole)["curve"]
    assert weights(job) == weights(whole)
    training = fewer.training.model_copy(update={"processes": 1})
    fewer = fewer.model_copy(update={"training": training})
    assert train_together(fewer) == [0]
    assert result(fewer)["resumed"] == 1
    require_alike(result(fewer), alone)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    ["rslora", "dora", "ia3", "vera", "prompt_tuning", "prefix_tuning", "p_tuning", "full"],
)
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_every_method_learns_alike(
    student: Path, tmp_path: Path, method: str, strategy: str
) -> None:
    runs = []
    for processes in (1, 2):
        job = job_of(
            student, tmp_path / str(processes), processes, strategy, method=method, epochs=1
        )
        assert train_together(job) == [0] * processes
        runs.append(result(job))
    require_alike(runs[1], runs[0])


def test_accelerate_launch_starts_them_and_ends_them_together(
    student: Path, tmp_path: Path
) -> None:
    job = job_of(student, tmp_path, 2)
    seen: list[str] = []
    processes: list[int] = []

    def watch() -> None:
        for event in launch.run(job):
            seen.append(event["event"])
            if event["event"] == "step" and event["step"] == 3:
                trained = workers(job)
                processes.extend([trained[0].ppid(), *(one.pid for one in trained)])
                trained[-1].kill()

    with pytest.raises(StageError, match="another process of this arm died"):
        watch()
    assert len(processes) == 3
    assert not [one for one in processes if Path(f"/proc/{one}").exists()]
    assert list(job.checkpoints.glob("step-*"))
    assert seen.count("phase") == 2, "the main process alone speaks"


def workers(job: Job) -> list[psutil.Process]:
    """Find the training processes that were started for a job by `accelerate launch`."""
    told = ["-u", "-m", launch.WORKER, str(job.work / "job.json")]
    running = psutil.process_iter(["cmdline"])
    return [one for one in running if (one.info["cmdline"] or [])[1:5] == told]
