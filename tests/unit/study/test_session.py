"""A session leaves when its minutes, samples or compute units are used up."""

import pytest

from synthetic_instruction_tuner.config import CostConfig, SessionConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.session import Session, units_per_hour


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


def test_compute_units_end_a_session():
    session = Session(
        SessionConfig(compute_units=0.5), units_per_hour=2.0, clock=iter([0.0, 899, 900]).__next__
    )
    assert session.used_up is None  # 15 minutes at 2 units an hour are 0.5 units
    assert session.used_up == ("session.compute_units=0.5 used up: 15.0 minutes at 2 units an hour")


def test_a_machine_costs_what_its_gpus_cost():
    assert units_per_hour(["Tesla T4"], CostConfig()) == 1.19
    assert units_per_hour(["NVIDIA L4", "NVIDIA L4"], CostConfig()) == 4.18
    own = CostConfig(compute_units_per_hour={"cpu": 0.08})
    assert units_per_hour(["cpu"], own) == 0.08


@pytest.mark.parametrize("device", ["cpu", "Tesla V100-SXM2-16GB"])
def test_a_device_without_a_rate_is_refused_by_name(device):
    with pytest.raises(ConfigurationError, match=device) as refused:
        units_per_hour([device], CostConfig())
    assert "known: T4, L4, A100, H100" in str(refused.value)
