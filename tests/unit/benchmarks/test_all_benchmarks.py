"""What every benchmark must have, and that one without it is named."""

import pytest

from synthetic_instruction_tuner.benchmarks import all_benchmarks, benchmark_named
from synthetic_instruction_tuner.evaluation.benchmarks import definitions
from synthetic_instruction_tuner.evaluation.kinds import all_kinds


@pytest.mark.parametrize("name", all_benchmarks())
def test_every_benchmark_is_whole(name: str) -> None:
    one = all_benchmarks()[name]
    assert one.kind in all_kinds()
    assert (one.kind == "lm_eval") == bool(one.definition)
    if one.kind == "speed":  # a measurement: no items to tell readers of
        return
    assert one.words
    assert one.cost
    assert bool(one.cost.tokens) != bool(one.cost.answers)
    assert one.written == bool(one.cost.answers)
    assert (one.kind in ("lm_eval", "speed")) == (all_kinds()[one.kind].draw is None)
    if "{" not in one.definition and one.definition:
        assert (definitions() / one.definition).is_file()


def test_labels_tell_benchmarks_apart() -> None:
    labels = [one.words.label for one in all_benchmarks().values() if one.words]
    assert len(labels) == len(set(labels))


def test_every_kind_is_used() -> None:
    assert set(all_kinds()) == {one.kind for one in all_benchmarks().values()}


def test_any_other_name_is_a_task_of_lm_eval_whose_answers_may_be_written() -> None:
    assert benchmark_named("lambada_openai").kind == "lm_eval"
    assert benchmark_named("lambada_openai").written
