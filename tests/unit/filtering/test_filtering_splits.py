"""Whole clusters, the right sizes, every domain, drawn by name."""

from collections import Counter

from synthetic_instruction_tuner.filtering.splits import Member, assign, held_out_count, quotas


def rows(count, domain="general", size=1, start=0):
    return [
        Member(f"{domain}{start + at}", domain, f"{domain}-c{(start + at) // size}")
        for at in range(count)
    ]


def test_sizes_of_the_study():
    split = assign(rows(800), 0.2, seed=42)
    assert Counter(split.values()) == {"train": 640, "validation": 160}


def test_no_cluster_spans_both_splits():
    members = rows(300, size=7) + rows(300, "code", size=3)
    split = assign(members, 0.2, seed=42)
    by_cluster = {}
    for member in members:
        by_cluster.setdefault(member.cluster, set()).add(split[member.id])
    assert all(len(found) == 1 for found in by_cluster.values())
    assert Counter(split.values())["validation"] in range(112, 121)


def test_every_domain_gives_its_share():
    members = rows(100, "code") + rows(50, "maths") + rows(10, "tools")
    split = assign(members, 0.2, seed=1)
    held = Counter(one.domain for one in members if split[one.id] == "validation")
    assert held == {"code": 20, "maths": 10, "tools": 2}


def test_the_draw_follows_from_seed_and_names_alone():
    members = rows(60, "code", size=2) + rows(40, "maths")
    first = assign(members, 0.3, seed=5)
    assert assign(members[::-1], 0.3, seed=5) == first
    assert assign(members, 0.3, seed=6) != first


def test_a_giant_cluster_stays_in_training():
    members = rows(90, size=90) + rows(10, "small")
    split = assign(members, 0.1, seed=2)
    assert Counter(split.values()) == {"train": 90, "validation": 10}
    assert {split[one.id] for one in members[:90]} == {"train"}


def test_both_splits_have_a_row_whenever_there_are_two_clusters():
    for share in (0.01, 0.99):
        assert len(set(assign(rows(5), share, seed=1).values())) == 2
    large = rows(25, size=25) + rows(20, "code", size=20)
    assert Counter(assign(large, 0.1, seed=1).values()) == {"train": 25, "validation": 20}
    assert set(assign(rows(9, size=9), 0.2, seed=1).values()) == {"train"}
    assert [held_out_count(rows, 0.2) for rows in (2, 5, 8, 800)] == [1, 1, 2, 160]


def test_quotas_add_up():
    assert quotas({"a": 5, "b": 3, "c": 2}, 4) == {"a": 2, "b": 1, "c": 1}
    assert quotas({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
