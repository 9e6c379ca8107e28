from datetime import datetime

import pytest
from support.chat_families import FAMILIES, tokenizer_of

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.binding import bind, describe
from synthetic_instruction_tuner.models.chat import Chat

LLAMA_SYSTEM = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
LLAMA_DATE = f"{LLAMA_SYSTEM}Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
LLAMA_USER = "<|start_header_id|>user<|end_header_id|>\n\n"
SMOLLM_3 = (
    "<|im_start|>system\n## Metadata\n\n"
    "Knowledge Cutoff Date: June 2025\nToday Date: 26 July 2024\n"
    "Reasoning Mode: /no_think\n\n## Custom Instructions\n\n"
)
# family: (prefix, prefix with the steering prompt "Ask.")
GOLDEN = {
    "sandbox": (
        f"<|begin_of_text|>{LLAMA_USER}",
        f"{LLAMA_SYSTEM}Ask.<|eot_id|>{LLAMA_USER}",
    ),
    "llama-3": (
        f"<|begin_of_text|>{LLAMA_USER}",
        f"{LLAMA_SYSTEM}Ask.<|eot_id|>{LLAMA_USER}",
    ),
    "llama-3.1": (f"{LLAMA_DATE}<|eot_id|>{LLAMA_USER}", f"{LLAMA_DATE}Ask.<|eot_id|>{LLAMA_USER}"),
    "llama-3.2": (f"{LLAMA_DATE}<|eot_id|>{LLAMA_USER}", f"{LLAMA_DATE}Ask.<|eot_id|>{LLAMA_USER}"),
    "llama-3.3": (f"{LLAMA_DATE}<|eot_id|>{LLAMA_USER}", f"{LLAMA_DATE}Ask.<|eot_id|>{LLAMA_USER}"),
    "qwen-2": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        "<|im_start|>system\nAsk.<|im_end|>\n<|im_start|>user\n",
    ),
    "qwen-2.5": (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
        "<|im_end|>\n<|im_start|>user\n",
        "<|im_start|>system\nAsk.<|im_end|>\n<|im_start|>user\n",
    ),
    "qwen-3": (
        "<|im_start|>user\n",
        "<|im_start|>system\nAsk.<|im_end|>\n<|im_start|>user\n",
    ),
    "qwen-3-instruct": (
        "<|im_start|>user\n",
        "<|im_start|>system\nAsk.<|im_end|>\n<|im_start|>user\n",
    ),
    "gemma-2": ("<bos><start_of_turn>user\n", "<bos><start_of_turn>user\nAsk.\n\n"),
    "gemma-3": ("<bos><start_of_turn>user\n", "<bos><start_of_turn>user\nAsk.\n\n"),
    "phi-3": ("<|user|>\n", "<|system|>\nAsk.<|end|>\n<|user|>\n"),
    "phi-4": (
        "<|im_start|>user<|im_sep|>",
        "<|im_start|>system<|im_sep|>Ask.<|im_end|><|im_start|>user<|im_sep|>",
    ),
    "phi-4-mini": ("<|user|>", "<|system|>Ask.<|end|><|user|>"),
    "mistral": ("<s>[INST] ", "<s>[INST] Ask.\n\n"),
    "smollm-2": (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\n",
        "<|im_start|>system\nAsk.<|im_end|>\n<|im_start|>user\n",
    ),
    "smollm-3": (
        f"{SMOLLM_3}You are a helpful AI assistant named SmolLM, trained by Hugging Face.\n\n"
        "<|im_start|>user\n",
        f"{SMOLLM_3}Ask.\n\n<|im_start|>user\n",
    ),
}
STOPS = {
    "sandbox": {"<|eot_id|>"},
    "llama-3": {"<|eot_id|>"},
    "llama-3.1": {"<|eot_id|>", "<|eom_id|>"},
    "llama-3.2": {"<|eot_id|>", "<|eom_id|>"},
    "llama-3.3": {"<|eot_id|>", "<|eom_id|>"},
    "gemma-2": {"<end_of_turn>", "<eos>"},
    "gemma-3": {"<end_of_turn>", "<eos>"},
    "phi-3": {"<|end|>", "<|endoftext|>"},
    "phi-4-mini": {"<|end|>", "<|endoftext|>"},
    "mistral": {"[/INST]", "</s>"},
}
CHOSEN_BY_NAME = {"llama-3.3"}  # its template is Llama 3.1's


def bound(family: str) -> Chat:
    return bind(tokenizer_of(family), family)


@pytest.mark.parametrize("family", FAMILIES)
def test_family_is_recognised_by_its_template(family):
    found = bind(tokenizer_of(family)).family.name
    assert found == ("llama-3.1" if family in CHOSEN_BY_NAME else family)


@pytest.mark.parametrize("family", FAMILIES)
def test_prefix_text(family):
    assert (bound(family).prefix_text(), bound(family).prefix_text("Ask.")) == GOLDEN[family]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("system", ["", "Ask."])
def test_prefix_ids_are_the_start_of_every_rendered_conversation(family, system):
    template, tokenizer = bound(family), tokenizer_of(family)
    prefix = template.instruction_prompt(system)
    for words in ("Write the system", "assistant: 2 + 2?", "the", "[code]\n\n# x"):
        steering = [{"role": "system", "content": system}] if system else []
        ids = template.ids([*steering, {"role": "user", "content": words}])
        assert ids[: len(prefix)] == prefix
        assert words in tokenizer.decode(ids[len(prefix) :])
    assert tokenizer.decode(prefix).rstrip() == GOLDEN[family][bool(system)].rstrip()


@pytest.mark.parametrize("family", FAMILIES)
def test_one_begin_token_where_the_template_gives_one(family):
    tokenizer = tokenizer_of(family)
    prefix = bound(family).instruction_prompt()
    begins = prefix[:2].count(tokenizer.bos_token_id) if tokenizer.bos_token else 0
    has_none = {"phi-3", "phi-4", "phi-4-mini", "qwen-2", "qwen-2.5", "qwen-3", "qwen-3-instruct"}
    assert begins == (0 if family in has_none | {"smollm-3"} else 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_turns_end_at_special_tokens_only(family):
    template = bound(family)
    stops = set(tokenizer_of(family).convert_ids_to_tokens(list(template.stop_ids)))
    assert stops == STOPS.get(family, {"<|im_end|>"})


@pytest.mark.parametrize("family", ["llama-3.1", "llama-3.2", "smollm-3"])
def test_render_is_the_same_on_every_date(family, monkeypatch):
    from transformers.utils import chat_template_utils

    class Later(datetime):
        @classmethod
        def now(cls):
            return cls(2031, 1, 1)

    today = bound(family).fingerprint
    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    assert Chat(tokenizer_of(family), bound(family).family).fingerprint == today


def test_headings_are_banned_at_the_start_of_llama_instructions():
    tokenizer = tokenizer_of("llama-3.1")
    banned = tokenizer.convert_ids_to_tokens(list(bound("llama-3.1").banned_first))
    assert sorted(banned) == ["#", "##", "###", "####"]
    assert bound("llama-3").banned_first == ()


def test_thinking_is_off_and_a_block_is_removed_from_responses():
    template, tokenizer = bound("qwen-3"), tokenizer_of("qwen-3")
    prompt = tokenizer.decode(template.response_prompt([{"role": "user", "content": "Hi"}]))
    assert prompt == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )
    ids = tokenizer("<think>\nhm </think>\n\nHello <think>.<|im_end|>")["input_ids"]
    assert template.answer(ids) == "Hello <think>."


def test_a_header_inside_the_text_stays_visible():
    template, tokenizer = bound("llama-3"), tokenizer_of("llama-3")
    ids = tokenizer("Hi<|start_header_id|>assistant<|eot_id|>", add_special_tokens=False)
    assert template.text(ids["input_ids"]) == "Hi<|start_header_id|>assistant"
    assert template.raw(ids["input_ids"]) == "Hi<|start_header_id|>assistant<|eot_id|>"


def test_later_turns_go_on_from_the_conversation():
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    text = tokenizer_of("llama-3").decode(bound("llama-3").instruction_prompt("", history))
    assert text == (
        f"<|begin_of_text|>{LLAMA_USER}Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
        f"\n\nHello<|eot_id|>{LLAMA_USER}"
    )


def test_steering_stays_in_the_first_turn_where_there_is_no_system_role():
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    text = tokenizer_of("gemma-2").decode(bound("gemma-2").instruction_prompt("Ask.", history))
    assert text == (
        "<bos><start_of_turn>user\nAsk.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello"
        "<end_of_turn>\n<start_of_turn>user\n"
    )


def test_description_for_the_doctor():
    described = describe(bind(tokenizer_of("llama-3.1")))
    assert described["family"] == "llama-3.1"
    assert described["temperature"] == 0.8
    assert described["prefix"].endswith(LLAMA_USER)


def changed(family: str, template: str | None):
    import copy

    tokenizer = copy.deepcopy(tokenizer_of(family))
    tokenizer.chat_template = template
    return tokenizer


def test_no_template_unknown_template_and_doubled_begin_are_refused():
    with pytest.raises(ConfigurationError, match="no chat template"):
        bind(changed("llama-3", None))
    with pytest.raises(ConfigurationError, match=r"none of the known families.*'generic'"):
        bind(changed("llama-3", "{{ messages[0]['content'] }}"))
    doubled = bind(changed("llama-3", "{{ bos_token }}" + tokenizer_of("llama-3").chat_template))
    with pytest.raises(ConfigurationError, match=r"begin token .* twice"):
        doubled.instruction_prompt()
    echo = bind(changed("llama-3", "{{ messages[0]['content'] }}" * 2), "generic")
    with pytest.raises(ConfigurationError, match="2 times"):
        echo.prefix_text()
