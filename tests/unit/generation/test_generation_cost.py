import pytest
from support.generation_study import generation_study, write_chunk

from synthetic_instruction_tuner.generation.cost import outlook, spent


@pytest.fixture
def study(tmp_path):
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "config.json").write_text("{}")
    return generation_study(tmp_path, teacher)


def test_nothing_drawn_costs_nothing_and_foretells_nothing(study):
    assert (spent(study).samples, spent(study).tokens_per_second) == (0, None)
    assert outlook(study, 10) is None


def test_a_t4_has_a_price(study):
    for first in (0, 4):
        facts = {"reused": 0, "tokens": 900, "seconds": 1800.0, "device": "Tesla T4"}
        write_chunk(study, first, first + 3, **facts)
    done = spent(study)
    assert (done.samples, done.tokens_per_second, done.samples_per_hour) == (8, 0.5, 8)
    assert (done.gpu, done.compute_units) == ("T4", 1.19)  # one hour at 1.19 units
    assert done.money == pytest.approx(0.119)
    rest = outlook(study, 10)
    assert (rest.samples, rest.seconds, rest.tokens) == (2, 900.0, 450)
    assert rest.money == pytest.approx(0.119 / 4)


def test_what_was_taken_over_does_not_count(study):
    write_chunk(study, 0, 3, reused=3, tokens=100, seconds=10.0, device="Tesla T4")
    assert spent(study).samples == 1


@pytest.mark.parametrize(
    "devices", [("cpu", "cpu"), ("Tesla T4", "NVIDIA L4"), ("NVIDIA L40S",) * 2]
)
def test_no_price_where_there_is_none(study, devices):
    for first, device in zip((0, 4), devices, strict=True):
        write_chunk(study, first, first + 3, reused=0, tokens=9, seconds=9.0, device=device)
    assert (spent(study).gpu, spent(study).money, outlook(study, 9).money) == (None, None, None)
