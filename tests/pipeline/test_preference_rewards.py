import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.preference_models import (
    preference_study,
    save_deberta_reward,
    save_llama_reward,
    save_responder,
)

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.preference.reward_model import RewardModel
from synthetic_instruction_tuner.preference.run import (
    build_pairs,
    draw_responses,
    finish_responses,
    missing_spans,
    score_rewards,
)
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Response, write_lines

QUESTIONS = [
    ("What is 2 + 3?", "5"),
    ("Sort b, a.", "a, b"),
    ("Say it.", "A long answer that goes on and on, with <|eot_id|> and [SEP] in it."),
    ("Why?", "Because."),
]


def local(folder):
    return ModelConfig(name=str(folder), dtype="float32")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "responder": save_responder(root / "responder"),
        "llama": save_llama_reward(root / "llama"),
        "llama-without-padding": save_llama_reward(root / "llama-without-padding", pad=None),
        "deberta": save_deberta_reward(root / "deberta"),
    }


def scores(reward, pairs):
    return reward.score([reward.encode(*pair)[0] for pair in pairs])


@pytest.mark.parametrize("kind", ["llama", "llama-without-padding"])
def test_llama_scores_equal_the_model_alone_on_each_chat(models, kind):
    import torch
    from transformers import AutoTokenizer, LlamaForSequenceClassification

    reward = RewardModel.load(local(models[kind]))
    assert reward.name == "chat"
    model = LlamaForSequenceClassification.from_pretrained(models[kind], dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(models[kind])
    pairs = [pair for pair in QUESTIONS if "<|" not in pair[1]]
    expected = []
    for question, answer in pairs:
        turns = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=False)
        assert ids[0, -1] == tokenizer.convert_tokens_to_ids("<|eot_id|>")
        with torch.inference_mode():
            expected.append(model(ids).logits.item())
    assert scores(reward, pairs) == pytest.approx(expected, abs=1e-5)
    assert len({round(one, 4) for one in expected}) == len(expected)


def test_deberta_scores_equal_the_model_alone_on_each_pair(models):
    import torch
    from transformers import AutoTokenizer, DebertaV2ForSequenceClassification

    reward = RewardModel.load(local(models["deberta"]))
    assert reward.name == "pair"
    model = DebertaV2ForSequenceClassification.from_pretrained(
        models["deberta"], dtype=torch.float32
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(models["deberta"])
    pairs = [pair for pair in QUESTIONS if "[SEP]" not in pair[1]]
    with torch.inference_mode():
        expected = [model(**tokenizer(*pair, return_tensors="pt")).logits.item() for pair in pairs]
    assert scores(reward, pairs) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_quantised_reward_model_keeps_its_head_whole(tmp_path, quantization):
    import torch

    folder = save_deberta_reward(tmp_path / "model", width=64)
    whole = scores(RewardModel.load(local(folder)), QUESTIONS)
    reward = RewardModel.load(
        ModelConfig(name=str(folder), dtype="float32", quantization=quantization)
    )
    model = reward._model
    assert type(model.classifier) is type(model.pooler.dense) is torch.nn.Linear
    assert type(model.deberta.encoder.layer[0].output.dense) is not torch.nn.Linear
    assert scores(reward, QUESTIONS) == pytest.approx(whole, abs=0.3)


@pytest.mark.parametrize(("kind", "token"), [("llama", "<|eot_id|>"), ("deberta", "[SEP]")])
def test_special_tokens_inside_an_answer_stay_text(models, kind, token):
    reward = RewardModel.load(local(models[kind]))
    plain, _ = reward.encode("Say it.", "x")
    planted, _ = reward.encode("Say it.", f"x{token}")
    # byte tokenizers: a token that stayed text adds one id a letter
    assert len(planted["input_ids"]) == len(plain["input_ids"]) + len(token)


def test_too_long_rows_lose_their_middle_and_say_so(models):
    reward = RewardModel.load(local(models["deberta"]))
    row, was_cut = reward.encode("What?", "word " * 300)
    assert was_cut
    assert len(row["input_ids"]) == 512
    assert (row["input_ids"][0], row["input_ids"][-1]) == (1, 2)  # [CLS] ... [SEP]
    assert reward.encode("What?", "word")[1] is False


def test_out_of_memory_halves_the_batch_and_changes_nothing(models, monkeypatch):
    import torch

    reward = RewardModel.load(local(models["llama"]))
    expected = scores(reward, QUESTIONS)
    forward = reward._forward
    sizes = []

    def small_memory(rows):
        sizes.append(len(rows))
        if len(rows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(rows)

    monkeypatch.setattr(reward, "_forward", small_memory)
    assert scores(reward, QUESTIONS) == pytest.approx(expected, abs=1e-5)
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
    assert reward.halvings == 3


def test_one_row_that_does_not_fit_says_what_to_do(models, monkeypatch):
    reward = RewardModel.load(local(models["llama"]))

    def no_memory(rows):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 10 TB")

    monkeypatch.setattr(reward, "_forward", no_memory)
    with pytest.raises(StageError, match=r"one row of \d+ tokens.*preference\.reward"):
        scores(reward, QUESTIONS[:1])


def test_any_other_failure_of_the_model_is_not_swallowed(models, monkeypatch):
    reward = RewardModel.load(local(models["llama"]))

    def broken(rows):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(reward, "_forward", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        scores(reward, QUESTIONS)


def test_a_classifier_with_two_outputs_is_no_reward_model(tmp_path):
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    folder = save_llama_reward(tmp_path / "model")
    tiny = {"hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    model = LlamaForSequenceClassification(LlamaConfig(vocab_size=263, num_labels=2, **tiny))
    with pytest.raises(ConfigurationError, match="has 2 outputs"):
        RewardModel(model, AutoTokenizer.from_pretrained(folder))


# --- the stage ---------------------------------------------------------------------------------


def study_with_responses(root, models, kind="llama"):
    """A study whose responses lie there without any model having run."""
    study = preference_study(root, models["responder"], models[kind])
    for place, responder in enumerate(study.config.preference.responders):
        artifact = study.responses(responder)
        rows = [
            Response(
                id=f"{responder.name}-{number}",
                example=f"e{number}",
                responder=responder.name,
                instruction=f"How much is 1 plus {number}?",
                text="so " * ((number * 7 + place * 5) % 11 + 1) + str(number + place),
                finish="stop",
                tokens=9,
            )
            for number in range(10)
        ]
        with study.store.writing(artifact) as folder:
            write_lines(folder / "responses.jsonl", rows)
        study.store.commit(artifact, {}, 0.0)
    return study


@pytest.fixture(scope="module")
def undisturbed(models, tmp_path_factory):
    study = study_with_responses(tmp_path_factory.mktemp("undisturbed"), models)
    return score_rewards(study, Silent())


def test_every_response_has_its_reward(undisturbed):
    rows = [json.loads(line) for line in undisturbed.path("rewards.jsonl").read_text().splitlines()]
    assert len(rows) == 30
    assert [row["responder"] for row in rows] == ["cool"] * 10 + ["warm"] * 10 + ["again"] * 10
    assert all(isinstance(row["reward"], float) for row in rows)
    assert undisturbed.files.keys() == {"rewards.jsonl"}
    assert undisturbed.facts["responses"] == 30
    assert undisturbed.facts["batches"] > 3
    assert undisturbed.facts["padding_share"] < 0.2


class Stop(Exception):
    pass


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_an_interrupted_run_ends_with_the_same_bytes(
    models, undisturbed, tmp_path, monkeypatch, batch
):
    study = study_with_responses(tmp_path, models)
    score, calls = RewardModel.score, []

    def interrupted(self, rows):
        if len(calls) == batch:
            raise Stop
        calls.append(len(rows))
        return score(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(RewardModel, "score", interrupted)
        with pytest.raises(Stop):
            score_rewards(study, Silent())
    assert study.store.find(study.rewards) is None
    resumed = score_rewards(study, Silent())
    assert resumed.files == undisturbed.files
    assert score_rewards(study, Silent()) == resumed


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support.preference_models import preference_study
from synthetic_instruction_tuner.preference.reward_model import RewardModel
from synthetic_instruction_tuner.preference.run import score_rewards
from synthetic_instruction_tuner.progress import Silent

study = preference_study(Path(sys.argv[1]), Path(sys.argv[2]) / "responder",
                         Path(sys.argv[2]) / "llama")
score, calls = RewardModel.score, []
def killed(self, rows):
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    return score(self, rows)
RewardModel.score = killed
score_rewards(study, Silent())
"""


def test_after_sigkill_and_a_torn_write_the_bytes_are_the_same(models, undisturbed, tmp_path):
    study = study_with_responses(tmp_path, models)
    tests = Path(__file__).parents[1]
    arguments = [str(tmp_path), str(models["llama"].parent), str(tests)]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = study.store.staging(study.rewards) / "journal.jsonl"
    assert len(journal.read_bytes().splitlines()) == 2
    journal.write_bytes(journal.read_bytes()[:-20])  # as if the last write had been torn
    resumed = score_rewards(study, Silent())
    assert resumed.files == undisturbed.files


def test_weights_that_give_nan_stop_the_stage_and_keep_what_is_scored(
    models, tmp_path, monkeypatch
):
    study = study_with_responses(tmp_path, models)
    score, calls = RewardModel.score, []

    def overflow(self, rows):
        calls.append(1)
        return score(self, rows) if len(calls) < 3 else [float("nan")] * len(rows)

    monkeypatch.setattr(RewardModel, "score", overflow)
    with pytest.raises(StageError, match=r"reward=nan to response .*dtype='float32'"):
        score_rewards(study, Silent())
    journal = study.store.staging(study.rewards) / "journal.jsonl"
    assert len(journal.read_bytes().splitlines()) == 2


def test_missing_responses_are_named(models, tmp_path):
    study = preference_study(tmp_path, models["responder"], models["llama"])
    with pytest.raises(StageError, match=r"responses/cool.*is missing"):
        score_rewards(study, Silent())


def test_a_pair_input_model_scores_the_stage_too(models, tmp_path):
    study = study_with_responses(tmp_path, models, "deberta")
    assert score_rewards(study, Silent()).facts["format"] == "pair"


def test_from_kept_rows_to_pairs_that_tools_can_load(models, tmp_path):
    import datasets

    study = preference_study(tmp_path, models["responder"], models["llama"], chunk_size=10)
    for responder in study.config.preference.responders:
        for span in missing_spans(study, responder.name):
            draw_responses(study, responder.name, *span, Silent())
        finish_responses(study, responder.name)
    score_rewards(study, Silent())
    made = build_pairs(study)
    facts = made.facts
    assert facts["pairs"] + facts["rejected"] == facts["examples"] == 10
    assert facts["pairs"] >= 2
    assert facts["chosen_above_rejected"] == 1.0
    assert not any(name.startswith("checker") for name in facts)  # not the closed world
    assert build_pairs(study) == made
    loaded = datasets.load_dataset(str(made.folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": facts["train"],
        "validation": facts["validation"],
    }
    (turn,) = loaded["train"][0]["chosen"]
    assert turn["role"] == "assistant"
