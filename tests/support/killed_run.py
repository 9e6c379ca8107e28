"""Run `tuner` and kill the whole process tree, as a lost machine would, inside one stage.

Usage: python killed_run.py STAGE tuner-arguments...

In training the kill comes at the third step the training process reports; elsewhere just before
the stage's last possible moment: when its first artifact (for generation its second chunk) is
complete in the staging folder but not committed.
"""

import os
import signal
import sys

from synthetic_instruction_tuner.storage.artifacts import ArtifactStore
from synthetic_instruction_tuner.training import launch
from tuner.main import main

stage = sys.argv[1]
commit, run = ArtifactStore.commit, launch.run
commits = []


def killing_commit(store, artifact, facts, seconds):
    """Die instead of committing."""
    commits.append(artifact.stage)
    if artifact.stage == stage and commits.count(stage) == (2 if stage == "generation" else 1):
        os.killpg(0, signal.SIGKILL)
    return commit(store, artifact, facts, seconds)


def killing_run(job):
    """Die at the third step of training."""
    for event in run(job):
        if event["event"] == "step" and event["step"] >= 3:
            os.killpg(0, signal.SIGKILL)
        yield event


ArtifactStore.commit = killing_commit
if stage == "training":
    launch.run = killing_run
sys.argv = ["tuner", *sys.argv[2:]]
main()
