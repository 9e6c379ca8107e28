"""An instruct model's likelihood as reward: the mean log-probability of the response's tokens."""

import pytest
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.models.loading import load_causal
from synthetic_instruction_tuner.models.rewards.formats import SCORED
from synthetic_instruction_tuner.models.rewards.model import RewardModel

QUESTION, ANSWER = "How much is 1 plus 2?", "It is 3."


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return ModelConfig(name=str(save_responder(tmp_path_factory.mktemp("judge"))))


@pytest.fixture(scope="module")
def scorer(judge):
    return RewardModel.load(judge, "likelihood")


def test_the_marks_are_on_the_answer_and_its_end(judge, scorer):
    row, was_cut = scorer.encode(QUESTION, ANSWER)
    _, tokenizer = load_causal(judge)
    marked = [one for one, mark in zip(row["input_ids"], row[SCORED], strict=True) if mark]
    assert tokenizer.decode(marked).startswith(ANSWER)
    assert row[SCORED] == sorted(row[SCORED])
    assert not was_cut


def test_the_score_is_the_models_own_loss_on_the_answer(judge, scorer):
    """transformers' loss is the mean negative log-probability of tokens with a label."""
    import torch

    row, _ = scorer.encode(QUESTION, ANSWER)
    model, _ = load_causal(judge)
    ids = torch.tensor([row["input_ids"]])
    labels = torch.where(torch.tensor([row[SCORED]]) == 1, ids, -100)
    with torch.inference_mode():
        loss = float(model(input_ids=ids, labels=labels).loss)
    assert scorer.score([row]) == pytest.approx([-loss], abs=1e-5)


def test_a_score_does_not_depend_on_the_neighbours(scorer):
    rows = [scorer.encode(QUESTION, text)[0] for text in (ANSWER, "3", "so " * 20 + "3")]
    alone = [scorer.score([row])[0] for row in rows]
    assert scorer.score(rows) == pytest.approx(alone, abs=1e-5)
