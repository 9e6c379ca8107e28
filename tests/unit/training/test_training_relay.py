"""What libraries log in a training process reaches the log of the process that started it."""

import logging
from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.training import launch, run
from synthetic_instruction_tuner.training.worker import Relay


@pytest.fixture
def events():
    sent = []
    relay = Relay(lambda event, **fields: sent.append({"event": event} | fields))
    yield sent
    for name in Relay.LOGGERS:
        logging.getLogger(name).removeHandler(relay)


def test_a_line_crosses_over(events, monkeypatch, caplog):
    logging.getLogger("trl.trainer").warning("%d rows are too long", 3)
    assert events == [
        {"event": "log", "name": "trl.trainer", "level": 30, "text": "3 rows are too long"}
    ]
    came = list(events)
    monkeypatch.setattr(launch, "run", lambda _: (event for event in came))
    caplog.clear()
    run._listen(SimpleNamespace(subject="sft"), Silent())
    assert [(one.name, one.message) for one in caplog.records] == [
        ("trl.trainer", "3 rows are too long")
    ]
