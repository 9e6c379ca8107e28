"""Every chat template against what `apply_chat_template` gives when it is called by hand.

One row a family: what its prompt has behind the question, what is learned from an answer, which
tokens end a turn, whether the model reasons. The values are read from the families' published
templates and model cards, not from this project's code.
"""

from __future__ import annotations

import copy
import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from support.chat_families import FAMILIES, OTHERS, tokenizer_of

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import generation
from synthetic_instruction_tuner.methods.losses.rows import Conversation
from synthetic_instruction_tuner.models import shipping
from synthetic_instruction_tuner.models.binding import bind, bind_student
from synthetic_instruction_tuner.models.chat import Chat, tokenize
from synthetic_instruction_tuner.models.rewards import formats
from synthetic_instruction_tuner.training.data import encode

QUESTION, ANSWER = "What is it?", "Paris."
TURNS = [{"role": "user", "content": QUESTION}]
CHATML = "<|im_end|>\n<|im_start|>assistant\n"
LLAMA = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
OFF = "<think>\n\n</think>\n\n"
NO_THINKING = {"enable_thinking": False}


class Row(NamedTuple):
    """What holds for a family.

    Attributes:
        behind: What the prompt has behind the question.
        learned: The response as training reads it.
        stops: Tokens that end a turn.
        reasoning: "never", "off" or "always".
        by_hand: What a person passes to `apply_chat_template`.
        refused: Why it cannot be trained with, or not even answer; None: it can.
    """

    behind: str
    learned: str
    stops: set[str]
    reasoning: str = "never"
    by_hand: dict = {}  # noqa: RUF012
    refused: str | None = None


def chatml(*stops: str, behind: str = "", **more) -> Row:
    return Row(CHATML + behind, "Paris.<|im_end|>", {"<|im_end|>", *stops}, **more)


def llama(*stops: str, **more) -> Row:
    return Row(LLAMA, "Paris.<|eot_id|>", {"<|eot_id|>", *stops}, **more)


GEMMA = Row(
    "<end_of_turn>\n<start_of_turn>model\n", "Paris.<end_of_turn>", {"<end_of_turn>", "<eos>"}
)
PHI = Row("<|end|>\n<|assistant|>\n", "Paris.<|end|>", {"<|end|>", "<|endoftext|>"})
THINKS = {"behind": "<think>\n", "reasoning": "always", "refused": "opens <think> before every"}
MATRIX = {
    "sandbox": llama(),
    "llama-3": llama(),
    "llama-3.1": llama("<|eom_id|>"),
    "llama-3.2": llama("<|eom_id|>"),
    "llama-3.3": llama("<|eom_id|>"),
    "qwen-2": chatml(),
    "qwen-2.5": chatml(),
    "qwen-2.5-base": chatml("<|endoftext|>"),
    "qwen-3": chatml(behind=OFF, reasoning="off", by_hand=NO_THINKING),
    "qwen-3-instruct": chatml(),
    "qwen-3-thinking": chatml(**THINKS),
    "qwen-3.5": chatml(behind=OFF, reasoning="off", by_hand=NO_THINKING),
    "qwen-3.5-small": chatml(behind=OFF, reasoning="off", by_hand=NO_THINKING),
    "qwq": chatml(**THINKS),
    "smollm-2": chatml(),
    "smollm-3": chatml(behind="<think>\n\n</think>\n", reasoning="off", by_hand=NO_THINKING),
    "yi": chatml(),
    "lfm-2": chatml(),
    "nemotron-3": chatml(behind="<think></think>", reasoning="off", by_hand=NO_THINKING),
    "nemotron-super": llama(reasoning="always"),
    "gemma-2": GEMMA,
    "gemma-3": GEMMA,
    "gemma-4": Row(
        "<turn|>\n<|turn>model\n", "Paris.<turn|>", {"<turn|>", "<eos>"}, "off", NO_THINKING
    ),
    "phi-3": PHI,
    "phi-3.5": PHI,
    "phi-4": Row(
        "<|im_end|><|im_start|>assistant<|im_sep|>", "Paris.<|im_end|>", {"<|im_end|>"}
    ),
    "phi-4-mini": Row("<|end|><|assistant|>", "Paris.<|end|>", {"<|end|>", "<|endoftext|>"}),
    "mistral": Row("[/INST]", "Paris.</s>", {"</s>", "[/INST]"}),
    "glm-4.5": Row(
        "/nothink<|assistant|>\n<think></think>", "\nParis.<|endoftext|>",
        {"<|endoftext|>", "/nothink"}, "off", NO_THINKING,
    ),
    "cohere-2": Row(
        "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>",
        "Paris.<|END_RESPONSE|>", {"<|END_RESPONSE|>", "<|END_OF_TURN_TOKEN|>"},
    ),
    "deepseek-r1-distill": Row(
        "<｜Assistant｜><think>\n", "", {"<｜end▁of▁sentence｜>"}, "always",
        refused="opens <think> before every",
    ),
    "gpt-oss": Row("", "", set(), refused="channels"),
    "olmo-2": Row("\n<|assistant|>\n", "Paris.<|endoftext|>", {"<|endoftext|>"}),
    "granite-3": Row(
        "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>", "Paris.<|end_of_text|>",
        {"<|end_of_text|>"}, "off", {"thinking": False},
    ),
    "zephyr": Row("</s>\n<|assistant|>\n", "Paris.</s>", {"</s>"}),
}  # fmt: skip
PUTS_BEGIN = {"zephyr"}  # before every text, though its template does not
ANSWERING = sorted(name for name in MATRIX if name != "gpt-oss")
TRAINABLE = sorted(name for name, row in MATRIX.items() if row.refused is None)


@pytest.fixture(autouse=True)
def _fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, templates that print the date print the one that is written into them here."""
    from transformers.utils import chat_template_utils

    class Day(datetime):
        @classmethod
        def now(cls):
            return cls(2024, 7, 26)

    monkeypatch.setattr(chat_template_utils, "datetime", Day)


def plain_prompt(name: str) -> list[int]:
    """Render the question as a person would who has the model card."""
    tokenizer = tokenizer_of(name)
    ids = tokenizer.apply_chat_template(
        TURNS, add_generation_prompt=True, return_dict=False, **MATRIX[name].by_hand
    )
    return [tokenizer.bos_token_id, *ids] if name in PUTS_BEGIN else ids


def plain_text(name: str) -> str:
    return tokenizer_of(name).apply_chat_template(TURNS, tokenize=False, **MATRIX[name].by_hand)


def teacher(name: str) -> Chat:
    return bind(copy.deepcopy(tokenizer_of(name)), "generic" if name in OTHERS else name)


def student(name: str, **settings) -> Chat:
    return bind_student(copy.deepcopy(tokenizer_of(name)), **settings)


def test_the_matrix_holds_every_template() -> None:
    assert set(MATRIX) == set(FAMILIES) | set(OTHERS)


@pytest.mark.parametrize("name", ANSWERING)
def test_teacher(name: str) -> None:
    """Prefix, prompt, stops and reasoning of a model that answers."""
    row, chat = MATRIX[name], teacher(name)
    tokens = chat.tokenizer.convert_ids_to_tokens
    if name not in PUTS_BEGIN:
        assert chat.response_prompt(TURNS) == plain_prompt(name)
    text = chat.prompt_text(TURNS)
    assert text[text.index(QUESTION) + len(QUESTION) :] == row.behind
    assert chat.prefix_text() == plain_text(name).split(QUESTION)[0]
    assert set(tokens(list(chat.stop_ids))) == row.stops
    assert chat.reasoning == row.reasoning


@pytest.mark.parametrize("name", TRAINABLE)
def test_student(name: str) -> None:
    """Labels, the end that is trained, and that all who ask the student ask the same."""
    row, chat = MATRIX[name], student(name)
    asked = [Conversation("x", tuple(TURNS), (ANSWER,), split) for split in ("train", "validation")]
    (made,) = encode(asked, chat, 10_000).train
    assert list(made.prompt) == plain_prompt(name)
    assert chat.raw(made.responses[0]).lstrip(" ") == row.learned
    assert made.responses[0][-1] == chat.turn_end
    assert made.responses[0][-1] in chat.stop_ids
    rendered = generation.render(SimpleNamespace(chat=chat), TURNS, templated=True)
    assert tokenize(chat.tokenizer, rendered) == made.prompt
    assert tokenize(chat.tokenizer, chat.for_lm_eval(TURNS)) == made.prompt
    assert chat.spoken(made.responses[0]).strip() == ANSWER


@pytest.mark.parametrize("name", TRAINABLE)
def test_export(name: str, tmp_path: Path) -> None:
    """Whoever loads what is shipped renders the prompt of training and stops where it ended."""
    from transformers import AutoTokenizer, GenerationConfig

    row, chat = MATRIX[name], student(name)
    model = SimpleNamespace(generation_config=GenerationConfig(), config=SimpleNamespace())
    shipping.mark_ends(chat, model)
    shipping.save(chat, model, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    again = tokenizer.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=False)
    assert again == plain_prompt(name)
    ends = json.loads((tmp_path / "generation_config.json").read_text())["eos_token_id"]
    assert set(tokenizer.convert_ids_to_tokens(ends)) == row.stops
    assert row.learned.endswith(tokenizer.convert_ids_to_tokens(ends[0]))
    assert tokenizer.eos_token_id == model.config.eos_token_id == ends[0]


@pytest.mark.parametrize("name", sorted(set(MATRIX) - set(TRAINABLE)))
def test_a_template_that_cannot_be_trained_with_is_named_with_a_way_out(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{MATRIX[name].refused}.*family: .*plain"):
        student(name)
    chat = student(name, family="plain")
    assert chat.layout == "plain"
    prompt, learned = chat.learned(TURNS, ANSWER)
    assert chat.raw(prompt).endswith("### Instruction:\nWhat is it?\n\n### Response:\n")
    assert chat.raw(learned) == f"Paris.{chat.tokenizer.eos_token}"


def test_a_teacher_with_channels_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'<\|channel\|>final<\|message\|>' \(channels\)"):
        teacher("gpt-oss")


@pytest.mark.parametrize("name", ["qwq", "qwen-3-thinking", "deepseek-r1-distill"])
def test_reasoning_that_the_template_opens_is_no_part_of_a_response(name: str) -> None:
    chat = teacher(name)
    written = chat.tokenizer("Hm.\n</think>\n\nParis.", add_special_tokens=False)["input_ids"]
    assert chat.answer([*written, chat.stop_ids[0]]) == "Paris."
    assert chat.answer(written[:3]) == ""
    assert chat.spoken(written) == "Paris."


@pytest.mark.parametrize("name", TRAINABLE)
def test_control_tokens_that_a_text_spells_out_stay_text(name: str) -> None:
    chat = student(name)
    end = chat.tokenizer.convert_ids_to_tokens(chat.turn_end)
    turns = [{"role": "user", "content": f"What does {end} mean?"}]
    prompt, learned = chat.learned(turns, f"The {end} ends a turn.")
    assert learned.count(chat.turn_end) == 1
    assert learned[-1] == chat.turn_end
    assert prompt.count(chat.turn_end) == chat.response_prompt(TURNS).count(chat.turn_end)
    assert chat.spoken(learned).strip() == f"The {end} ends a turn."


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_likelihood_scores_the_words_that_are_learned(name: str) -> None:
    tokenizer = tokenizer_of(name)
    row = formats.RewardFormat("likelihood", "logits").encode(tokenizer, QUESTION, ANSWER)
    kept = zip(row["input_ids"], row[formats.SCORED], strict=True)
    scored = tokenizer.decode([one for one, counts in kept if counts])
    learned = MATRIX[name].learned
    assert scored.startswith(learned) or scored + "<|endoftext|>" == learned  # added in training
