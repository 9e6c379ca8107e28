"""Benchmark items in other words: what counts, what does not, and what the row is told."""

import numpy as np

from synthetic_instruction_tuner.config import FilteringConfig, StudyConfig
from synthetic_instruction_tuner.filtering.contamination import Item
from synthetic_instruction_tuner.filtering.decision import decide
from synthetic_instruction_tuner.filtering.meaning import like_items
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.study.graph import Study

SAID = "It depends on where you are and on the time that you have, so look closely first."
ITEMS = [
    Item("arc", "7", "Which gas do plants take in?"),
    Item("gsm", "9", "How much are 12 apples at 3 dollars?"),
]
TOPICS = {"gas": (1, 0, 0), "absorbed": (1, 0.3, 0), "apples": (0, 1, 0), "else": (0, 0, 1)}


def embed(texts):
    """Vectors by topic: the last topic word of a text counts."""
    vectors = [
        next((place for word, place in reversed(TOPICS.items()) if word in text), TOPICS["else"])
        for text in texts
    ]
    array = np.array(vectors, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_the_closest_item_is_named_with_its_similarity():
    found = like_items(["What is absorbed by plants?", "Why sing?"], ITEMS, embed, 0.88)
    assert list(found) == [0]
    assert found[0].item == ITEMS[0]
    assert round(found[0].similarity, 3) == round(1 / 1.09**0.5, 3)
    assert like_items(["What is absorbed by plants?"], ITEMS, embed, 0.97) == {}
    assert like_items([], ITEMS, embed, 0.5) == like_items(["a"], [], embed, 0.5) == {}


def test_other_numbers_are_another_task():
    texts = ["12 apples at 3 dollars cost what?", "12 apples at 4 dollars cost what?"]
    assert list(like_items(texts, ITEMS, embed, 0.9)) == [0]


def test_a_row_that_asks_an_item_is_rejected_with_the_evidence():
    texts = ["What is absorbed by a plant?", "Why do people like to sing in choirs?"]
    texts += [f"Tell me {n} things about bridges number {n * n} else" for n in range(4)]
    rows = [Sample(f"r{n}", n, "general", "", text, SAID) for n, text in enumerate(texts)]
    decision = decide(rows, FilteringConfig(), ITEMS, 42, embed_items=embed)
    (gone,) = [one for one in decision.rejected if one.rule == "contamination"]
    assert gone.id == "r0"
    assert gone.value == "0.96 like arc item 7, in other words"
    assert gone.threshold == 0.88
    assert decision.leaks == {"arc": 1, "gsm": 0}
    assert decide(rows, FilteringConfig(), ITEMS, 42).leaks == {"arc": 0, "gsm": 0}


def test_without_an_encoder_identities_are_what_they_were(tmp_path):
    def filtered(**contamination):
        config = StudyConfig.model_validate({"filtering": {"contamination": contamination}})
        return Study(config, tmp_path).filtered

    assert set(filtered().config["contamination"]) == {"window", "coverage"}
    assert filtered().identity == filtered(embedding_similarity=0.7).identity
    encoder = {"name": "sentence-transformers/all-MiniLM-L6-v2"}
    assert filtered(embedding=encoder).identity != filtered().identity
