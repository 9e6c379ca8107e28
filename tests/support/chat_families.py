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

TEXT_TOKENS = ("<think>", "</think>")
"""Tokens that are added, but not special."""
THINK = (*CHATML, *TEXT_TOKENS)
DEEPSEEK = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>")
HARMONY = ("<|startoftext|>", "<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>")
COHERE = (
    "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>",
    "<|USER_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>",
)  # fmt: skip
GLM = ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "/nothink")
GRANITE = ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>")

# What is not drawn from under a name of its own: templates of TRL, and layouts of `layouts/`.
OTHERS = {
    "phi-3.5": ("phi3_5", ("<s>", *PHI), "<s>", "<|endoftext|>"),
    "qwen-3.5": ("qwen3_5_think", THINK, None, "<|im_end|>"),
    "qwen-3.5-small": ("qwen3_5_nothink", THINK, None, "<|im_end|>"),
    "gemma-4": ("gemma4", ("<bos>", "<eos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>"),
                "<bos>", "<eos>"),
    "nemotron-3": ("nemotron_3_nano", THINK, None, "<|im_end|>"),
    "glm-4.5": ("glm4moe", (*GLM, *TEXT_TOKENS), None, "<|endoftext|>"),
    "cohere-2": ("cohere2", COHERE, "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"),
    "lfm-2": ("lfm2_v2", ("<|startoftext|>", *CHATML), "<|startoftext|>", "<|im_end|>"),
    "deepseek-r1-distill": (
        "deepseek_r1_distill", (*DEEPSEEK, *TEXT_TOKENS), DEEPSEEK[0], DEEPSEEK[1],
    ),
    "gpt-oss": ("gptoss", HARMONY, "<|startoftext|>", "<|return|>"),
    "qwen-3-thinking": (None, THINK, None, "<|im_end|>"),
    "qwq": (None, THINK, None, "<|im_end|>"),
    "nemotron-super": (None, (*LLAMA, "<|eot_id|>"), "<|begin_of_text|>", "<|eot_id|>"),
    "olmo-2": (None, ("<|endoftext|>",), "<|endoftext|>", "<|endoftext|>"),
    "granite-3": (None, GRANITE, "<|end_of_text|>", "<|end_of_text|>"),
    "yi": (None, ("<s>", *CHATML), "<s>", "<|im_end|>"),
    "zephyr": (None, ("<s>", "</s>"), "<s>", "</s>"),
    "qwen-2.5-base": ("qwen2_5", CHATML, None, "<|endoftext|>"),
}  # fmt: skip


def template_of(family: str) -> str:
    """Return the text of a family's chat template."""
    name = (FAMILIES | OTHERS)[family][0]
    if name is not None:
        return (files("trl") / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    if family == "sandbox":
        from synthetic_instruction_tuner.sandbox.workshop.tokenizer import CHAT_TEMPLATE

        return CHAT_TEMPLATE
    folder = HERE if family in FAMILIES else HERE.parent / "layouts"
    return (folder / f"{family}.jinja").read_text(encoding="utf-8")


@cache
def tokenizer_of(family: str):
    """Build a tokenizer with a family's template and special tokens.

    Words of the corpus below become single tokens, "Write" and " Write" different ones, so that a
    prefix cut at the wrong place shows.
    """
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
        trainers,
    )  # fmt: skip
    from transformers import PreTrainedTokenizerFast

    _, special, begin, end = (FAMILIES | OTHERS)[family]
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
        vocab_size=500,
        special_tokens=[one for one in special if one not in TEXT_TOKENS],
        initial_alphabet=alphabet,
    )
    corpus = ["user\n\nWrite Write user\nWrite the system\nassistant\n\n#\n##\n###\n####"] * 20
    raw.train_from_iterator(corpus, trainer)
    raw.add_tokens([AddedToken(one, special=False) for one in special if one in TEXT_TOKENS])
    if family == "zephyr":
        ids = [("<s>", raw.token_to_id("<s>"))]
        raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=ids)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=begin, eos_token=end, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = template_of(family)
    return tokenizer
