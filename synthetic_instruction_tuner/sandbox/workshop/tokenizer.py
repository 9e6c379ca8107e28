"""The shared tokenizer: byte-level BPE with split rule, tokens and template of Llama 3."""

from itertools import islice
from typing import TYPE_CHECKING, Final

from synthetic_instruction_tuner.sandbox.domains import DOMAINS
from synthetic_instruction_tuner.sandbox.workshop.corpus import conversations, documents

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BOS: Final = "<|begin_of_text|>"
EOS: Final = "<|end_of_text|>"
EOT: Final = "<|eot_id|>"
PAD: Final = "<|finetune_right_pad_id|>"
HEADER_START: Final = "<|start_header_id|>"
HEADER_END: Final = "<|end_header_id|>"
SPECIAL_TOKENS: Final = (BOS, EOS, HEADER_START, HEADER_END, EOT, PAD)

VOCABULARY_SIZE: Final = 1536

# Llama 3's split rule. Numbers up to three digits stay whole, and the "\n\n" after a header is one
# token whether or not text follows, which the rule of GPT-2 does not give: the pre-query prefix
# must tokenise as it did in training.
_SPLIT: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE: Final = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- if message['role'] == 'assistant' %}"
    "{%- generation %}{{- message['content'] | trim + '<|eot_id|>' }}{%- endgeneration %}"
    "{%- else %}"
    "{{- message['content'] | trim + '<|eot_id|>' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{%- endif %}"
)


def _training_text(seed: int, rows: int) -> list[str]:
    """Text of both corpora, with the headers' words so that each role is one token."""
    chat = [
        f"{turn['role']}\n\n{turn['content']}"
        for row in islice(conversations(seed), rows)
        for turn in row
    ]
    return chat + list(islice(documents(seed), rows)) + [*DOMAINS.values()] * 20


def train_tokenizer(seed: int, rows: int = 15_000) -> "PreTrainedTokenizerFast":
    """Train the tokenizer on both corpora.

    Args:
        seed: Corpus seed.
        rows: Conversations, and as many documents, to count pairs on.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_text(seed, rows), trainer)
    bos = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, bos)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOT,
        pad_token=PAD,
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
