"""Conversations become rows of tokens: one start, loss on the response, an end of turn."""

from pathlib import Path

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.methods.losses.rows import (
    Conversation,
    Row,
    collate_pairs,
    collate_supervised,
    read_examples,
)
from synthetic_instruction_tuner.models.student_templates import ensure_template
from synthetic_instruction_tuner.records import Example, write_lines
from synthetic_instruction_tuner.training.data import encode

BOS, END, USER, ANSWER = 1, 2, 3, 4


class Words:
    """A tokenizer of one token a letter, with a template that opens and ends every turn."""

    bos_token_id, eos_token_id, all_special_ids = BOS, END, [BOS, END, USER, ANSWER]
    ending = "$"

    def apply_chat_template(self, conversations, tokenize, add_generation_prompt, date_string):
        return [
            "^"
            + "".join(
                ("<" if one["role"] == "user" else ">") + one["content"] + self.ending
                for one in turns
            )
            + (">" if add_generation_prompt else "")
            for turns in conversations
        ]

    def __call__(self, texts, add_special_tokens):
        special = {"^": BOS, "$": END, "<": USER, ">": ANSWER}
        return {"input_ids": [[special.get(c, ord(c)) for c in text] for text in texts]}

    def decode(self, ids):
        return "".join(chr(one) for one in ids)


def ask(question: str, *answers: str, split: str = "train") -> Conversation:
    return Conversation("r", ({"role": "user", "content": question},), answers, split)


def both(*answers: str) -> list[Conversation]:
    return [ask("Q", *answers), ask("Q", *answers, split="validation")]


def test_a_row_has_one_start_and_ends_with_the_end_of_turn() -> None:
    rows = encode(both("AB"), Words(), 100)
    assert rows.train == [Row("r", (BOS, USER, ord("Q"), END, ANSWER), ((65, 66, END),))]
    assert (rows.truncated, rows.dropped, len(rows.validation)) == (0, 0, 1)


def test_a_line_break_after_the_end_of_turn_is_not_learned() -> None:
    class Breaks(Words):
        ending = "$\n"

    assert encode(both("A"), Breaks(), 100).train[0].responses == ((65, END),)


def test_a_template_without_end_of_turn_gets_one() -> None:
    class Endless(Words):
        ending = "."

    assert encode(both("A"), Endless(), 100).train[0].responses == ((65, ord("."), END),)


def test_long_rows_are_cut_and_counted() -> None:
    rows = encode([*both("ABCD"), ask("long question", "A")], Words(), 7)
    assert rows.train == [Row("r", (BOS, USER, ord("Q"), END, ANSWER), ((65, 66),))]
    assert (rows.truncated, rows.dropped) == (2, 1)


def test_nothing_left_is_said() -> None:
    with pytest.raises(StageError, match=r"no row left in the train split.*max_length=3"):
        encode(both("A"), Words(), 3)


def test_a_prompt_that_renders_differently_with_an_answer_is_refused() -> None:
    class Thinks(Words):
        def apply_chat_template(self, conversations, tokenize, add_generation_prompt, date_string):
            made = super().apply_chat_template(
                conversations, tokenize, add_generation_prompt, date_string
            )
            return [text + "think" if add_generation_prompt else text for text in made]

    with pytest.raises(StageError, match=r"renders a prompt alone differently"):
        encode(both("A"), Thinks(), 100)


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
    """What `ensure_template` looks at."""

    def __init__(self, *vocabulary: str, template: str | None = None, eos: str | None = "</s>"):
        self.chat_template, self.eos_token, self.bos_token = template, eos, "<s>"
        self.pad_token_id, self.pad_token = None, None
        self._vocabulary = dict.fromkeys(vocabulary, 0)

    def get_vocab(self) -> dict[str, int]:
        return self._vocabulary


def test_an_own_template_is_kept() -> None:
    tokenizer = Bare(template="mine")
    assert ensure_template(tokenizer) == "own"
    assert (tokenizer.chat_template, tokenizer.pad_token) == ("mine", "</s>")


def test_a_template_that_writes_the_day_gets_a_fixed_one() -> None:
    tokenizer = Bare(template="Today: {{ strftime_now('%d %b %Y') }}")
    assert ensure_template(tokenizer) == "own"
    assert tokenizer.chat_template == "Today: {{ '26 Jul 2024' }}"


def test_a_base_model_gets_the_template_its_tokens_allow() -> None:
    tokenizer = Bare("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    assert ensure_template(tokenizer) == "llama-3"
    assert tokenizer.eos_token == "<|eot_id|>"
    assert "start_header_id" in tokenizer.chat_template
    assert ensure_template(Bare("x")) == "plain"


def test_a_named_template_must_fit() -> None:
    with pytest.raises(ConfigurationError, match=r"needs the tokens .*im_start.*im_end"):
        ensure_template(Bare("x"), "chatml")
    with pytest.raises(ConfigurationError, match=r"allowed|none of these fits it: llama-3"):
        ensure_template(Bare("x", eos=None))
