from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.rewards.formats import choose_format, cut, limit_of
from synthetic_instruction_tuner.models.rewards.model import pad


@pytest.mark.parametrize(
    ("wanted", "architecture", "has_template", "name", "field"),
    [
        ("auto", "DebertaV2ForSequenceClassification", False, "pair", "logits"),
        ("auto", "LlamaForSequenceClassification", True, "chat", "logits"),
        ("auto", "LlamaForRewardModelWithGating", True, "chat", "score"),  # ArmoRM
        ("auto", "Gemma2ForSequenceClassification", True, "chat", "logits"),
        ("pair", "LlamaForSequenceClassification", True, "pair", "logits"),
        ("chat", "DebertaV2ForSequenceClassification", True, "chat", "logits"),
    ],
)
def test_format_by_architecture_and_template(wanted, architecture, has_template, name, field):
    found = choose_format(wanted, architecture, has_template)
    assert (found.name, found.score_field) == (name, field)


def test_a_model_that_nobody_knows_how_to_read_is_refused():
    with pytest.raises(ConfigurationError, match=r"set preference\.reward_format to .pair"):
        choose_format("auto", "GPT2ForSequenceClassification", False)


def test_chat_without_a_template_is_refused():
    with pytest.raises(ConfigurationError, match="no chat template"):
        choose_format("chat", "DebertaV2ForSequenceClassification", False)


@pytest.mark.parametrize(
    ("stated", "positions", "limit"),
    [(512, 512, 512), (int(1e30), 512, 512), (4096, 131072, 4096), (None, 64, 64), (64, None, 64)],
)
def test_the_smaller_of_two_limits_counts(stated, positions, limit):
    tokenizer = SimpleNamespace(model_max_length=stated)
    assert limit_of(tokenizer, SimpleNamespace(max_position_embeddings=positions)) == limit


def test_a_model_without_any_limit_is_refused():
    with pytest.raises(ConfigurationError, match="how much it can read"):
        limit_of(SimpleNamespace(model_max_length=int(1e30)), SimpleNamespace())


def test_the_middle_is_cut_out_and_both_ends_stay():
    row = {"input_ids": [1, 2, 3, 4, 5, 6, 7], "token_type_ids": [0, 0, 0, 1, 1, 1, 1]}
    assert cut(row, 7) is row
    assert cut(row, 5) == {"input_ids": [1, 2, 5, 6, 7], "token_type_ids": [0, 0, 1, 1, 1]}


def test_padding_on_the_right_with_a_mask():
    rows = [
        {"input_ids": [7, 8, 9], "token_type_ids": [0, 1, 1]},
        {"input_ids": [5], "token_type_ids": [1]},
    ]
    assert pad(rows, 3) == {
        "input_ids": [[7, 8, 9], [5, 3, 3]],
        "token_type_ids": [[0, 1, 1], [1, 0, 0]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
    }
