"""Conversations become rows of tokens: one start, loss on the response, an end of turn."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.methods.losses.rows import (
    Conversation,
    Row,
    collate_pairs,
    collate_supervised,
    read_examples,
)
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.families import Family, names
from synthetic_instruction_tuner.models.student_templates import give, layout_families
from synthetic_instruction_tuner.records import Example, write_lines
from synthetic_instruction_tuner.training.data import encode

BOS, END, USER, ANSWER = 1, 2, 3, 4


class Words:
    """A tokenizer of one token a letter, with a template that opens and ends every turn."""

    bos_token_id, eos_token_id, eos_token, name_or_path = BOS, END, "$", "words"
    chat_template = "a template"
    ending, opening = "$", ""

    @property
    def added_tokens_decoder(self):
        signs = {BOS: "^", END: "$", USER: "<", ANSWER: ">"}
        return {number: SimpleNamespace(content=s, special=True) for number, s in signs.items()}

    def get_chat_template(self):
        return self.chat_template

    def get_vocab(self):
        return {"^": BOS, "$": END, "<": USER, ">": ANSWER}

    def apply_chat_template(self, turns, tokenize, add_generation_prompt=False, **_):
        roles = {"user": "<", "assistant": ">"}
        said = [roles[one["role"]] + one["content"] + self.ending for one in turns]
        text = "^" + "".join(said) + (">" + self.opening if add_generation_prompt else "")
        return self(text, False)["input_ids"] if tokenize else text

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [self.get_vocab().get(c, ord(c)) for c in text]}

    def decode(self, ids):
        return "".join(chr(one) for one in ids)


def encoded(conversations, tokenizer=None, max_length=100):
    return encode(conversations, Chat(tokenizer or Words(), Family("generic")), max_length)


def ask(question: str, *answers: str, split: str = "train") -> Conversation:
    return Conversation("r", ({"role": "user", "content": question},), answers, split)


def both(*answers: str) -> list[Conversation]:
    return [ask("Q", *answers), ask("Q", *answers, split="validation")]


def test_a_row_has_one_start_and_ends_with_the_end_of_turn() -> None:
    rows = encoded(both("AB"))
    assert rows.train == [Row("r", (BOS, USER, ord("Q"), END, ANSWER), ((65, 66, END),))]
    assert (rows.too_long, rows.alike, len(rows.validation)) == (0, 0, 1)


def test_a_line_break_after_the_end_of_turn_is_not_learned() -> None:
    class Breaks(Words):
        ending = "$\n"

    assert encoded(both("A"), Breaks()).train[0].responses == ((65, END),)


def test_a_template_without_end_of_turn_gets_one() -> None:
    class Endless(Words):
        ending = "."

    assert encoded(both("A"), Endless()).train[0].responses == ((65, ord("."), END),)


def test_rows_that_are_too_long_are_left_out_and_counted() -> None:
    """Cut, a row would lose the token that ends its turn and teach not to stop."""
    whole = both("A", "B")  # 5 tokens of prompt, 2 of each response
    rows = encoded([*whole, ask("Q", "A", "B" * 3), ask("long question", "A", "B")], max_length=7)
    assert rows.train == [Row("r", (BOS, USER, ord("Q"), END, ANSWER), ((65, END), (66, END)))]
    assert (rows.too_long, rows.alike, len(rows.validation)) == (2, 0, 1)


def test_a_pair_of_equal_responses_is_left_out_and_counted() -> None:
    rows = encoded([*both("A", "B"), ask("Q", "A", "A")])
    assert (len(rows.train), rows.too_long, rows.alike) == (1, 0, 1)


def test_nothing_left_is_said() -> None:
    with pytest.raises(
        StageError,
        match=r"train split: 1 rows came in; of all 2, 2 are longer.*max_length=3.*0 are pairs",
    ):
        encoded(both("A"), max_length=3)


def test_a_prompt_that_renders_differently_with_an_answer_is_refused() -> None:
    class Opens(Words):
        opening = "!"

    with pytest.raises(StageError, match=r"renders a prompt alone differently"):
        encoded(both("A"), Opens())


def test_collated_rows() -> None:
    row = Row("r", (1, 2), ((3, 4), (5,)))
    assert collate_supervised([row]) == [{"input_ids": [1, 2, 3, 4], "labels": [-100, -100, 3, 4]}]
    assert collate_pairs([row], {"r": (-1.0, -2.0)}) == [
        {
            "prompt_ids": [1, 2],
            "chosen_ids": [3, 4],
            "rejected_ids": [5],
            "ref_chosen_logps": -1.0,
            "ref_rejected_logps": -2.0,
        }
    ]
    assert (row.length, row.tokens) == (4, 7)


def test_of_several_turns_the_last_answer_is_learned(tmp_path: Path) -> None:
    turns = (
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    )
    write_lines(
        tmp_path / "examples.jsonl",
        [Example("x", "a", "b", "general", 1.0, "k", "train", messages=turns)],
    )
    assert read_examples(tmp_path / "examples.jsonl") == [
        Conversation("x", turns[:3], ("d",), "train")
    ]


class Bare:
    """What is looked at to find a layout."""

    def __init__(self, *vocabulary: str, eos: str | None = "</s>"):
        self.chat_template, self.eos_token, self.bos_token = None, eos, "<s>"
        self._vocabulary = dict.fromkeys(vocabulary, 0)

    def get_vocab(self) -> dict[str, int]:
        return self._vocabulary


def test_a_base_model_gets_the_layout_its_tokens_allow() -> None:
    tokenizer = Bare("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    assert give(tokenizer) == "llama-3"
    assert tokenizer.eos_token == "<|eot_id|>"
    assert "start_header_id" in tokenizer.chat_template
    assert give(Bare("x")) == "plain"


def test_families_of_generation_name_layouts_too() -> None:
    tokens = ("<|im_start|>", "<|im_end|>")
    assert give(Bare(*tokens), "qwen-2.5") == give(Bare(*tokens), "chatml") == "chatml"
    assert set(layout_families()) <= set(names())


def test_a_named_layout_must_fit() -> None:
    with pytest.raises(ConfigurationError, match=r"needs the tokens .*im_start.*im_end.*: plain"):
        give(Bare("x"), "chatml")
    with pytest.raises(ConfigurationError, match=r"'phi-3' has no layout .*: llama-3, sandbox"):
        give(Bare("x"), "phi-3")
    with pytest.raises(ConfigurationError, match=r"no chat template and no token that ends"):
        give(Bare("x", eos=None))
