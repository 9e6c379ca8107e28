"""The funnel over all rows: every row once, the right reason, the right survivor."""

import random

import pytest

from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering import statistics
from synthetic_instruction_tuner.filtering.contamination import Item
from synthetic_instruction_tuner.filtering.decision import decide, funnel_steps
from synthetic_instruction_tuner.records import Sample

SAID = "It depends on the weather and on the time that you have, so look outside first."
LONGER = SAID + " Then decide, and tell the others what you are going to do and when you are back."
TOPICS = (
    "rivers", "bread", "chess", "winter", "music", "planets", "gardens", "trains", "soup", "maps",
    "boats", "clocks",
)  # fmt: skip


def config(**values):
    return FilteringConfig.model_validate({"target": 100} | values)


def row(index, instruction, response=SAID, domain="general", **more):
    return Sample(f"id{index:02d}", index, domain, "", instruction, response, **more)


def about(index, topic, **more):
    return row(index, f"What should everybody in this town know about {topic}?", **more)


ROWS = [
    about(0, "rivers"),
    about(1, "RIVERS", response=LONGER),  # the same text; the better answer stays
    about(2, "rivers nearby", response="I cannot help with that."),  # near 1: 9 of 10 words
    row(3, "## Step 1: Read the question."),
    row(4, "Hi"),
    row(5, "Who wrote the third symphony in this list?", domain="music"),  # a benchmark item
    row(6, "How do I bake bread?", domain="kitchen"),
    row(7, "Which games need two players?", response_finish="length"),
    row(8, "Name the moons of Mars in order of size.", domain="music"),
    row(9, "Plan a weekend in the mountains for four friends."),
    row(10, "Why do cats purr when they sleep?"),
    row(11, "Explain how a bicycle stays upright."),
]
ITEMS = [Item("mmlu", "17", "Who wrote the third symphony in this list?")]


def test_every_row_ends_once_with_its_reason():
    decision = decide(ROWS, config(), ITEMS, seed=42)
    assert [one.id for one in decision.kept] == ["id01", "id06", "id08", "id09", "id10", "id11"]
    reasons = {one.id: (one.rule, one.value, one.threshold) for one in decision.rejected}
    assert reasons == {
        "id00": ("exact_duplicate", 1.0, 1.0),
        "id02": ("near_duplicate", 0.9, 0.8),
        "id03": ("self_answering", "## Step", "an instruction without its answer"),
        "id04": ("length", 1, 3),
        "id05": ("contamination", "1.00 of mmlu item 17", 0.8),
        "id07": ("truncation", "response ended at the token limit", "ended by the model"),
    }
    survivors = {one.id: (one.survivor, one.similarity) for one in decision.rejected}
    assert survivors["id00"] == ("id01", 1.0)
    assert survivors["id02"] == ("id01", 0.9)
    assert survivors["id03"] == (None, None)
    assert decision.rejected[2].row["instruction"] == "## Step 1: Read the question."
    assert decision.passed == 6
    assert decision.leaks == {"mmlu": 1}


def test_the_order_of_the_rows_plays_no_part():
    expected = decide(ROWS, config(), ITEMS, seed=42)
    rng = random.Random(1)
    for _ in range(5):
        shuffled = rng.sample(ROWS, len(ROWS))
        assert decide(shuffled, config(), ITEMS, seed=42) == expected


def test_funnel_domains_and_measures():
    decision = decide(ROWS, config(), ITEMS, seed=42)
    funnel = statistics.funnel(decision)
    shown = [one for one in funnel_steps() if one != "quality"]  # nothing was measured
    assert [one["step"] for one in funnel] == shown
    assert funnel[0] == {"step": "exact_duplicate", "in": 12, "rejected": 1, "left": 11}
    assert funnel[-1] == {"step": "surplus", "in": 6, "rejected": 0, "left": 6}
    assert sum(one["rejected"] for one in funnel) + len(decision.kept) == 12
    assert statistics.funnel(decision, unusable=3)[0] == {
        "step": "unusable", "in": 15, "rejected": 3, "left": 12,
    }  # fmt: skip
    domains = statistics.by_domain(ROWS, decision)
    assert domains["music"] == {
        "drawn": 2,
        "kept": 1,
        "validation": domains["music"]["validation"],
        "rejected": {"contamination": 1},
    }
    measures = statistics.measures(ROWS, decision)
    assert measures["kept_share"] == 0.5
    assert measures["valid_share"] == 1 - 1 / 12  # only row 7 failed as a draw
    assert measures["mean_instruction_words"] == round((9 + 5 + 9 + 9 + 7 + 6) / 6, 4)
    assert statistics.measures(ROWS, decision, unusable=4)["valid_share"] == 1 - 5 / 16
    assert measures["train"] + measures["validation"] == 6


def test_nothing_drawn_measures_as_nothing():
    measures = statistics.measures([], decide([], config(), [], seed=1))
    assert measures["kept"] == 0
    assert measures["mean_quality"] is measures["valid_share"] is measures["kept_share"] is None


def test_surplus_rows_are_the_last_by_index():
    decision = decide(ROWS, config(target=5), ITEMS, seed=42)
    assert [one.id for one in decision.kept] == ["id01", "id06", "id08", "id09", "id10"]
    assert decision.passed == 6
    surplus = [one for one in decision.rejected if one.rule == "surplus"]
    assert [(one.id, one.value, one.threshold) for one in surplus] == [("id11", 6, 5)]


def test_a_row_that_passes_is_not_dropped_for_one_that_does_not():
    rows = [about(0, "rivers"), about(1, "rivers", response=LONGER, response_finish="length")]
    decision = decide(rows, config(), [], seed=42)
    assert [one.id for one in decision.kept] == ["id00"]
    assert [(one.rule, one.survivor) for one in decision.rejected] == [("exact_duplicate", "id00")]


def test_linked_rows_share_a_cluster_and_a_split():
    rows = [about(at, topic) for at, topic in enumerate(TOPICS)]  # 8 of 10 words
    rows += [
        row(20 + at, f"{topic.title()}?? Tell me one fact.") for at, topic in enumerate(TOPICS)
    ]
    decision = decide(rows, config(duplicates={"similarity": 0.9, "link_similarity": 0.7}), [], 42)
    clusters = {}
    for one in decision.kept:
        clusters.setdefault(one.cluster, set()).add(one.split)
    assert len(decision.kept) == 24
    assert all(len(splits) == 1 for splits in clusters.values())
    assert len([one for one in decision.kept if one.cluster == "id00"]) == 12
    assert sum(one.split == "validation" for one in decision.kept) == 5


def test_conversations_are_compared_on_all_they_ask():
    def talk(index, second):
        turns = ("Hello there, my friend.", "Hello! What can I do?", second, SAID)
        messages = tuple(
            {"role": role, "content": text}
            for role, text in zip(("user", "assistant") * 2, turns, strict=True)
        )
        return row(index, turns[0], turns[1], messages=messages)

    rows = [
        talk(0, "Which boats sail on this lake in the summer months?"),
        talk(1, "Explain how old clocks were wound up every single day."),
        talk(2, "which boats sail on this lake in the summer months?"),
    ]
    loose = config(rules={"length": {"min_words": 5}})
    decision = decide(rows, loose, [], seed=42)
    assert [one.id for one in decision.kept] == ["id00", "id01"]
    assert decision.kept[0].messages == rows[0].messages


def test_an_id_that_occurs_twice_is_an_error():
    with pytest.raises(StageError, match="1 row ids occur more than once, first 'id00'"):
        decide([about(0, "rivers"), about(0, "bread")], config(), [], seed=42)
