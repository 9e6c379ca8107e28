import pytest
from support.generation_study import generation_study

from synthetic_instruction_tuner.generation.identity import planned_draws


@pytest.fixture
def teacher(tmp_path):
    folder = tmp_path / "teacher"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


TWO = [{"name": "code", "system_prompt": "Ask about code."}, {"name": "general"}]


def ids(teacher, first=0, last=9, **settings):
    return [
        draw.id
        for draw in planned_draws(generation_study(teacher, teacher, **settings), first, last)
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"chunk_size": 7},
        {"batch_size": 1},
        {"draws": 20},
        {"instruction": {"max_new_tokens": 512}},
        {"response": {"max_new_tokens": 1}},
    ],
)
def test_what_does_not_change_a_sample_does_not_change_its_id(teacher, settings):
    assert ids(teacher, **settings) == ids(teacher)


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 43},
        {"instruction": {"max_new_tokens": 40, "temperature": 0.9}},
        {"response": {"max_new_tokens": 30, "top_p": 0.9}},
        {"turns": 2},
        {"engine": "vllm"},
        {"domains": [{"name": "general", "system_prompt": "Ask."}]},
    ],
)
def test_what_changes_a_sample_changes_every_id(teacher, settings):
    assert not set(ids(teacher, **settings)) & set(ids(teacher))


def test_another_teacher_gives_other_ids_another_place_does_not(teacher, tmp_path):
    before = ids(teacher)
    moved = teacher.rename(tmp_path / "moved")
    assert ids(moved) == before
    (moved / "config.json").write_text('{"hidden_size": 8}')
    fresh = tmp_path / "fresh"
    moved.rename(fresh)
    assert not set(ids(fresh)) & set(before)


def test_ids_are_distinct_and_do_not_depend_on_the_chunk(teacher):
    assert len(set(ids(teacher, 0, 99))) == 100
    assert ids(teacher, 40, 49) == ids(teacher, 0, 99)[40:50]


def test_new_shares_keep_the_ids_of_draws_that_keep_their_domain(teacher):
    even = dict(zip(ids(teacher, domains=TWO), range(10), strict=True))
    uneven = dict(
        zip(ids(teacher, domains=[TWO[0] | {"weight": 3}, TWO[1]]), range(10), strict=True)
    )
    shared = set(even) & set(uneven)
    assert len(shared) >= 3
    assert all(even[one] == uneven[one] for one in shared)
