"""What is remembered of earlier comparisons saves work and changes nothing."""

import random

import numpy as np
import pytest

from synthetic_instruction_tuner.filtering import pair_memory, similarity
from synthetic_instruction_tuner.filtering.duplicates import near_duplicates
from synthetic_instruction_tuner.filtering.pair_memory import PairMemory


def texts_of(count, seed):
    rng = random.Random(seed)
    words = [f"w{number}" for number in range(40)]
    found = [" ".join(sorted(rng.sample(words, rng.randint(4, 12)))) for _ in range(count)]
    for at in range(1, count, 3):
        found[at] = f"{found[at - 1]} {rng.choice(words)}"
    return found


def sets_in(texts):
    return len({frozenset(text.split()) for text in texts})


def grouped(texts, memory=None):
    return near_duplicates(texts, range(len(texts)), 0.8, 0.6, memory)


@pytest.fixture
def compared(monkeypatch):
    """Count the fresh rows of every join."""
    counts = []
    join = similarity.join

    def counting(sets, threshold, chosen, fresh):
        counts.append(int(fresh.sum()))
        return join(sets, threshold, chosen, fresh)

    monkeypatch.setattr(pair_memory, "join", counting)
    return counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_rows_give_what_a_full_run_gives(tmp_path, compared, seed):
    texts = texts_of(150, seed)
    grouped(texts[:120], PairMemory(tmp_path))
    again = grouped(texts, PairMemory(tmp_path))
    full = grouped(texts)
    assert again == full
    assert full.duplicates
    first, second, third = compared
    assert first == sets_in(texts[:120])
    assert second == sets_in(texts) - first
    assert third == sets_in(texts)


def test_other_order_other_rows_fewer_rows(tmp_path):
    texts = texts_of(120, 7)
    grouped(texts, PairMemory(tmp_path))
    shuffled = texts[20:] + texts_of(30, 8)
    random.Random(0).shuffle(shuffled)
    assert grouped(shuffled, PairMemory(tmp_path)) == grouped(shuffled)


def test_the_same_rows_again_compare_nothing(tmp_path, compared):
    texts = texts_of(60, 4)
    first = grouped(texts, PairMemory(tmp_path))
    [file] = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    assert grouped(texts, PairMemory(tmp_path)) == first
    assert compared[1] == 0
    assert file.stat().st_mtime_ns == written


def test_another_threshold_is_another_file(tmp_path):
    texts = texts_of(60, 5)
    for link in (0.6, 0.7):
        memory = PairMemory(tmp_path)
        assert near_duplicates(texts, range(60), 0.8, link, memory) == near_duplicates(
            texts, range(60), 0.8, link
        )
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:200] + b"\0" + c[201:]])
def test_a_damaged_memory_is_not_believed(tmp_path, compared, caplog, damage):
    texts = texts_of(60, 6)
    grouped(texts, PairMemory(tmp_path))
    [file] = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert grouped(texts, PairMemory(tmp_path)) == grouped(texts)
    assert compared[1] == compared[0]
    assert "is damaged" in caplog.text


def test_a_join_with_old_rows_leaves_out_their_own_pairs():
    sets = similarity.word_sets(["a b c d", "a b c e", "a b c d e", "x y"])
    fresh = np.array([False, False, True, True])
    found = similarity.join(sets, 0.5, np.arange(4), fresh)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 2), (1, 2)]
