"""Training processes of these tests are forked: how they load is not what is tested here.

`test_training_process.py` starts them as a study does.
"""

import pytest
from support import forking

from synthetic_instruction_tuner.training import launch


@pytest.fixture(autouse=True)
def training_starts(request, monkeypatch):
    """Fork training processes where a test starts any; the first one has everything imported."""
    if "training_process" in request.node.path.name:
        return

    def begin(*command, **options):
        request.getfixturevalue("forks")
        return forking.Popen(*command, **options)

    monkeypatch.setattr(launch, "subprocess", _With(begin))


class _With:
    """The module `subprocess` as `launch` uses it, with another `Popen`."""

    def __init__(self, popen):
        self.Popen = popen
        self.PIPE, self.TimeoutExpired = forking.subprocess.PIPE, forking.subprocess.TimeoutExpired
