"""A session leaves when its minutes or its samples are used up."""

from synthetic_instruction_tuner.config import SessionConfig
from synthetic_instruction_tuner.session import Session


def test_without_a_budget_a_session_never_ends():
    session = Session(SessionConfig(), clock=iter([0.0, 1e9]).__next__)
    session.count(10**9)
    assert session.used_up is None


def test_minutes_end_a_session():
    session = Session(SessionConfig(minutes=2), clock=iter([0.0, 119.0, 120.0]).__next__)
    assert session.used_up is None
    assert session.used_up == "session.minutes=2 used up after 2.0 minutes"


def test_samples_end_a_session():
    session = Session(SessionConfig(samples=100))
    session.count(50)
    assert session.used_up is None
    session.count(50)
    assert session.used_up == "session.samples=100 used up: 100 drawn"
