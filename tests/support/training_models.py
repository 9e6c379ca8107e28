"""A tiny student with random weights, and a workspace with data that arms can be trained on."""

from pathlib import Path

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.records import Example, PreferencePair, write_lines
from synthetic_instruction_tuner.study.graph import Study

SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}"
    "<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def save_tokenizer(folder: Path, template: str | None = TEMPLATE) -> None:
    """Write a byte tokenizer with Llama 3's special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *alphabet))}
    raw = Tokenizer(models.BPE(vocabulary, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=SPECIAL[0], eos_token="<|eot_id|>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def save_student(folder: Path, template: str | None = TEMPLATE, **shape: int) -> Path:
    """Write a Llama with random weights and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    save_tokenizer(folder, template)
    torch.manual_seed(0)
    settings = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 256,
        "vocab_size": len(SPECIAL) + 256,
        "bos_token_id": 0,
        "eos_token_id": 4,
        "tie_word_embeddings": True,
    } | shape
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.save_pretrained(folder)
    return folder


def example(number: int) -> Example:
    split = "validation" if number % 6 == 5 else "train"
    question = f"Add {number} and 1."
    return Example(f"e{number}", question, f"It is {number + 1}.", "sums", 1.0, f"c{number}", split)


def pair(number: int) -> PreferencePair:
    one = example(number)
    return PreferencePair(
        id=one.id,
        prompt=one.instruction,
        chosen=one.response,
        rejected="No idea" + "!" * (number % 3),
        chosen_reward=1.0,
        rejected_reward=0.0,
        margin=1.0,
        chosen_responder="a",
        rejected_responder="b",
        domain=one.domain,
        split=one.split,
    )


def study(
    root: Path,
    student: Path,
    arms: list[dict],
    rows: int = 36,
    quantization: str = "none",
    **training: object,
) -> Study:
    """Build a study whose filtered rows and pairs are there."""
    config = StudyConfig.model_validate(
        {
            "name": "tiny",
            "generation": {"teacher": {"name": str(student)}, "draws": rows, "max_draws": rows},
            "filtering": {"target": 1, "decontaminate": False},
            "preference": {
                "responders": [
                    {"name": "a", "model": {"name": str(student)}},
                    {"name": "b", "model": {"name": str(student)}},
                ],
                "reward": {"name": str(student)},
            },
            "training": {
                "student": {
                    "name": str(student),
                    "dtype": "float32",
                    "quantization": quantization,
                },
                "arms": arms,
                "max_length": 128,
                "threads": 1,
                **training,
            },
        }
    )
    made = Study(config, root)
    for artifact, name, records in (
        (made.filtered, "examples.jsonl", [example(one) for one in range(rows)]),
        (made.pairs, "pairs.jsonl", [pair(one) for one in range(rows)]),
    ):
        with made.store.writing(artifact) as folder:
            write_lines(folder / name, records)
        made.store.commit(artifact, {}, 0.0)
    return made
