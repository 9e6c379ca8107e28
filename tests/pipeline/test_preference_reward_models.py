import pytest
from support import out_of_memory
from support.preference_models import (
    save_deberta_reward,
    save_llama_reward,
    save_responder,
)

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError, StageError
from synthetic_instruction_tuner.models.rewards.model import RewardModel

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


@pytest.mark.parametrize("error", out_of_memory.ERRORS)
def test_out_of_memory_halves_the_batch_and_changes_nothing(models, monkeypatch, error):
    reward = RewardModel.load(local(models["llama"]))
    expected = scores(reward, QUESTIONS)
    forward = reward._forward
    sizes = []

    def small_memory(rows):
        sizes.append(len(rows))
        if len(rows) > 1:
            raise error
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


@pytest.mark.parametrize("kind", ["Qwen3", "Gemma2", "Mistral"])
def test_classifiers_with_a_chat_template_score_as_the_model_alone_does(tmp_path, kind):
    """The architectures of Skywork-Reward-V2 (Qwen3), Skywork-Reward-Gemma and Eurus, shrunk."""
    import torch
    import transformers

    folder = save_llama_reward(tmp_path / "llama")
    sizes = transformers.AutoConfig.from_pretrained(folder).to_dict()
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    names += ("num_key_value_heads", "max_position_embeddings", "vocab_size", "pad_token_id")
    config = getattr(transformers, f"{kind}Config")(
        **{name: sizes[name] for name in names}, head_dim=16, num_labels=1
    )
    torch.manual_seed(3)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    torch.nn.init.normal_(model.score.weight, std=1.0)
    model.save_pretrained(folder)
    reward = RewardModel.load(local(folder))
    assert reward.name == "chat"
    expected = []
    for pair in QUESTIONS:
        ids = torch.tensor([reward.encode(*pair)[0]["input_ids"]])
        with torch.inference_mode():
            expected.append(model(ids).logits.item())
    assert scores(reward, QUESTIONS) == pytest.approx(expected, abs=1e-4)
    assert len({round(one, 3) for one in expected}) == len(expected)


def test_a_language_model_is_no_reward_model(models):
    with pytest.raises(MissingModelError, match=r"no weights for score\.weight.*likelihood"):
        RewardModel.load(local(models["responder"]))


def test_a_model_that_compares_two_answers_is_refused_by_name(tmp_path):
    """PairRM keeps DeBERTa under a name of its own, so that every weight would be random."""
    from safetensors.torch import load_file, save_file

    folder = save_deberta_reward(tmp_path / "pairs")
    weights = load_file(folder / "model.safetensors")
    renamed = {f"pretrained_model.{name}": weight for name, weight in weights.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(MissingModelError, match=r"compare two answers at once \(PairRM\)"):
        RewardModel.load(local(folder))


def test_a_model_with_several_outputs_is_refused(tmp_path):
    folder = save_llama_reward(tmp_path / "heads")
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    config = LlamaConfig.from_pretrained(folder, num_labels=5)
    torch.manual_seed(0)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    with pytest.raises(ConfigurationError, match="has 5 outputs; a reward model has one"):
        RewardModel.load(local(folder))


def test_half_precision_tells_how_coarse_its_rewards_are(models):
    fine = RewardModel.load(local(models["llama"]))
    scores(fine, QUESTIONS)
    assert fine.step == 0
    coarse = RewardModel.load(ModelConfig(name=str(models["llama"]), dtype="bfloat16"))
    found = scores(coarse, QUESTIONS)
    assert coarse.step == pytest.approx(max(map(abs, found)) / 128)  # seven bits behind the first
