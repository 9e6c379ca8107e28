"""Tokenizers of the chat families: their real templates and special tokens, a small vocabulary.

Templates come from TRL's own folder, the sandbox's from this project, the rest from `templates/`
(as published with Qwen2, SmolLM2, SmolLM3, Phi-4, Phi-4-mini and Mistral-7B-Instruct-v0.3; tool
sections, which are not rendered here, are left out).
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent / "templates"

LLAMA = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>")
CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
GEMMA = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")
PHI = ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")

# family: (template in TRL or None, special tokens, begin token, end token)
FAMILIES = {
    "sandbox": (None, (*LLAMA, "<|eot_id|>"), "<|begin_of_text|>", "<|eot_id|>"),
    "llama-3": ("llama3", (*LLAMA, "<|eot_id|>"), "<|begin_of_text|>", "<|eot_id|>"),
    "llama-3.1": ("llama3_1", (*LLAMA, "<|eot_id|>", "<|eom_id|>"), LLAMA[0], "<|eot_id|>"),
    "llama-3.2": ("llama3_2", (*LLAMA, "<|eot_id|>", "<|eom_id|>"), LLAMA[0], "<|eot_id|>"),
    "llama-3.3": ("llama3_1", (*LLAMA, "<|eot_id|>", "<|eom_id|>"), LLAMA[0], "<|eot_id|>"),
    "qwen-2": (None, CHATML, None, "<|im_end|>"),
    "qwen-2.5": ("qwen2_5", CHATML, None, "<|im_end|>"),
    "qwen-3": ("qwen3", CHATML, None, "<|im_end|>"),
    "qwen-3-instruct": ("qwen3_instruct_2507", CHATML, None, "<|im_end|>"),
    "gemma-2": ("gemma", GEMMA, "<bos>", "<eos>"),
    "gemma-3": ("gemma3", GEMMA, "<bos>", "<eos>"),
    "phi-3": ("phi3", ("<s>", *PHI), "<s>", "<|endoftext|>"),
    "phi-4": (None, (*CHATML, "<|im_sep|>"), "<|endoftext|>", "<|im_end|>"),
    "phi-4-mini": (None, PHI, "<|endoftext|>", "<|endoftext|>"),
    "mistral": (None, ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"), "<s>", "</s>"),
    "smollm-2": (None, CHATML, "<|im_start|>", "<|im_end|>"),
    "smollm-3": (None, CHATML, None, "<|im_end|>"),
}


def template_of(family: str) -> str:
    """Return the text of a family's chat template."""
    name = FAMILIES[family][0]
    if name is not None:
        return (files("trl") / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    if family == "sandbox":
        from synthetic_instruction_tuner.sandbox.workshop.tokenizer import CHAT_TEMPLATE

        return CHAT_TEMPLATE
    return (HERE / f"{family}.jinja").read_text(encoding="utf-8")


@cache
def tokenizer_of(family: str):
    """Build a tokenizer with a family's template and special tokens.

    Words of the corpus below become single tokens, "Write" and " Write" different ones, so that a
    prefix cut at the wrong place shows.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    _, special, begin, end = FAMILIES[family]
    raw = Tokenizer(models.BPE())
    if family == "mistral":  # sentencepiece: a word carries the space before it
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        raw.decoder = decoders.Metaspace()
        alphabet = list(map(chr, range(10, 127)))
    else:
        split = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+")
        raw.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(split, "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        raw.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=list(special), initial_alphabet=alphabet
    )
    corpus = ["user\n\nWrite Write user\nWrite the system\nassistant\n\n#\n##\n###\n####"] * 20
    raw.train_from_iterator(corpus, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=begin, eos_token=end, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = template_of(family)
    return tokenizer
