"""Tiny responders and reward models with random weights, and a study that uses them."""

from pathlib import Path

from support.training_models import SPECIAL, save_student, save_tokenizer

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.records import Example, write_lines
from synthetic_instruction_tuner.sandbox.workshop.tokenizer import CHAT_TEMPLATE
from synthetic_instruction_tuner.study.graph import Study


def save_responder(folder: Path) -> Path:
    """Write a Llama that answers with noise; four of its 261 tokens end an answer."""
    from transformers import GenerationConfig

    save_student(folder, CHAT_TEMPLATE, max_position_embeddings=512)
    GenerationConfig(eos_token_id=[1, 2, 3, 4]).save_pretrained(folder)
    return folder


def save_llama_reward(folder: Path, pad: int | None = 1, **settings: object) -> Path:
    """Write a Llama sequence classifier with a chat template (Skywork's shape, shrunk)."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    save_tokenizer(folder, CHAT_TEMPLATE)
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        vocab_size=len(SPECIAL) + 256,
        bos_token_id=0,
        eos_token_id=4,
        pad_token_id=pad,
        num_labels=1,
        **settings,
    )
    model = LlamaForSequenceClassification(config)
    torch.nn.init.normal_(model.score.weight, std=1.0)
    model.save_pretrained(folder)
    return folder


def save_deberta_reward(folder: Path, width: int = 32) -> Path:
    """Write DeBERTa-v3 shrunk in width, with the flags of reward-model-deberta-v3-large-v2."""
    import torch
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        DebertaV2Config,
        DebertaV2ForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    vocabulary = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({token: at for at, token in enumerate(vocabulary)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.add_special_tokens([AddedToken(token, special=True) for token in special])
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        model_max_length=512,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(2)
    config = DebertaV2Config(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type="p2c|c2p",
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=0,
        num_labels=1,
    )
    model = DebertaV2ForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=1.0)
    model.save_pretrained(folder)
    return folder


def preference_study(
    root: Path, responder: Path, reward: Path, rows: int = 10, limit: int = 60, **settings: object
) -> Study:
    """Build a study whose filtered rows are there; three responders that are one model."""
    tiny = {"name": str(responder), "dtype": "float32", "family": "sandbox"}
    config = StudyConfig.model_validate(
        {
            "name": "tiny",
            "generation": {"teacher": tiny, "draws": rows, "max_draws": rows},
            "filtering": {"target": 1, "decontaminate": False},
            "preference": {
                "responders": [
                    {
                        "name": name,
                        "model": tiny,
                        "sampling": {"temperature": heat, "max_new_tokens": limit},
                    }
                    for name, heat in (("cool", 0.7), ("warm", 1.0), ("again", 1.0))
                ],
                "reward": {"name": str(reward), "dtype": "float32"},
                "min_margin": 0.0,
                "chunk_size": 4,
                "reward_batch_tokens": 700,
                **settings,
            },
        }
    )
    study = Study(config, root)
    with study.store.writing(study.filtered) as folder:
        write_lines(folder / "examples.jsonl", [_example(number) for number in range(rows)])
    study.store.commit(study.filtered, {}, 0.0)
    return study


def _example(number: int) -> Example:
    split = "validation" if number % 5 == 4 else "train"
    question = "How much is " + " plus ".join(["1"] * (number % 4 + 1)) + f" plus {number}?"
    return Example(f"e{number}", question, "2", "sums", 1.0, f"c{number}", split)
