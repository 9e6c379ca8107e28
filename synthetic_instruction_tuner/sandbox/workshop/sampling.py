"""Sampling text from the models while they are built and measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from synthetic_instruction_tuner.sandbox.workshop.tokenizer import (
    BOS,
    EOT,
    HEADER_END,
    HEADER_START,
)

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

BATCH: Final = 128
MAX_NEW_TOKENS: Final = 96


def header(role: str) -> str:
    """Write what opens a turn; after that of the user the teacher writes an instruction."""
    return f"{HEADER_START}{role}{HEADER_END}\n\n"


def pre_query(system: str | None = None) -> str:
    """The prefix after which the teacher writes an instruction by itself."""
    steer = f"{header('system')}{system}{EOT}" if system else ""
    return BOS + steer + header("user")


def question(instruction: str) -> str:
    """The prefix after which a chat model answers an instruction."""
    return f"{pre_query()}{instruction.strip()}{EOT}{header('assistant')}"


def complete(
    model: "LlamaForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    prefixes: Sequence[str],
    *,
    temperature: float = 0.0,
    seed: int = 0,
    batch: int = BATCH,
) -> list[str]:
    """Continue each prefix until the turn ends.

    Args:
        model: The model that writes.
        tokenizer: Its tokenizer.
        prefixes: Texts with their special tokens written out.
        temperature: 0 takes the likeliest token each time.
        seed: Seed of the draws.
        batch: Prefixes continued together.

    Returns:
        The continuations without special tokens; one cut at the length limit ends where it was cut.
    """
    import torch

    torch.manual_seed(seed)
    order = sorted(range(len(prefixes)), key=lambda index: len(prefixes[index]))
    texts = [""] * len(prefixes)
    tokenizer.padding_side = "left"
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        inputs = tokenizer(
            [prefixes[i] for i in chosen],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        )
        inputs = inputs.to(next(model.parameters()).device)
        sampling = (
            {"do_sample": True, "temperature": temperature, "top_k": 0}
            if temperature
            else {"do_sample": False}
        )
        with torch.no_grad():
            out = model.generate(
                input_ids=inputs.input_ids,
                attention_mask=inputs.attention_mask,
                max_new_tokens=MAX_NEW_TOKENS,
                eos_token_id=model.generation_config.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                **sampling,
            )
        new = out[:, inputs.input_ids.shape[1] :]
        for index, text in zip(
            chosen, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True
        ):
            texts[index] = text.strip()
    return texts


def answers(
    model: "LlamaForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    instructions: Sequence[str],
    *,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[str]:
    """Answer instructions under the chat template."""
    prefixes = [question(instruction) for instruction in instructions]
    return complete(model, tokenizer, prefixes, temperature=temperature, seed=seed)


def instructions(
    model: "LlamaForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    count: int,
    *,
    seed: int,
    temperature: float = 1.0,
    system: str | None = None,
) -> list[str]:
    """Let the teacher write instructions from the bare user header."""
    return complete(
        model, tokenizer, [pre_query(system)] * count, temperature=temperature, seed=seed
    )
