"""The one place where a conversation becomes tokens, and tokens become words.

Prompts, labels, begin and end tokens, stop tokens, reasoning and date are decided here, for
teacher, responders, training, evaluation, `tuner chat` and what is shipped. All of it is derived by
rendering the tokenizer's own template, so that a prompt is by construction what
`apply_chat_template` gives whoever uses the model elsewhere.

The pre-query prefix is what comes before the user's words: a model that has learned chats goes on
with an instruction of its own (Magpie, arXiv 2406.08464). It is found by rendering user turns with
different words and keeping the tokens that all renders share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models.families import REASONING, without_reasoning
from synthetic_instruction_tuner.models.rendering import QUESTION, SENTINEL, Message, Rendering
from synthetic_instruction_tuner.models.student_templates import OWN
from synthetic_instruction_tuner.models.templates import pin_date, switches, template_text, unpin
from synthetic_instruction_tuner.storage.files import digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBES = ("Write", "How", "explain", "Is", "2", "A")


@dataclass(frozen=True)
class Chat(Rendering):
    """A tokenizer's chat template with its family's policy.

    Attributes:
        end_ids: Token ids that the model's generation_config names as ends.
        layout: Whose template it is: the tokenizer's "own", or the layout that it was given.
    """

    end_ids: tuple[int, ...] = ()
    layout: str = OWN

    # --- prompts ---------------------------------------------------------------------------

    def instruction_prompt(self, system: str = "", history: Sequence[Message] = ()) -> list[int]:
        """Return the pre-query prefix: everything up to where the user's next words begin.

        Args:
            system: Steering prompt; empty for the template's own default.
            history: Earlier turns, user and assistant in alternation.
        """
        renders = [self.ids(_with(probe, system, history)) for probe in _PROBES]
        prefix = _common_prefix(renders)
        self._check_begin(prefix)
        return prefix

    def response_prompt(self, turns: Sequence[Message]) -> list[int]:
        """Return the prompt that the assistant answers, under the template's own system turn."""
        prompt = self.ids(turns, add_generation_prompt=True)
        self._check_begin(prompt)
        return prompt

    def prompt_text(self, turns: Sequence[Message], goes_on: bool = False) -> str:
        """Return the prompt that the assistant answers as text.

        Args:
            turns: The conversation.
            goes_on: Its last turn is the beginning of the answer.
        """
        ending = {"continue_final_message": True} if goes_on else {"add_generation_prompt": True}
        return self.rendered(turns, **ending)

    def for_lm_eval(self, turns: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """Return `prompt_text` as lm-evaluation-harness asks for it."""
        return self.prompt_text(turns, goes_on=not add_generation_prompt)

    def prefix_text(self, system: str = "") -> str:
        """Return the pre-query prefix as text, split off before a sentinel.

        Raises:
            ConfigurationError: If the template does not render the user's words once, unchanged.
        """
        parts = self.rendered(_with(SENTINEL, system, ())).split(SENTINEL)
        if len(parts) != 2:
            raise ConfigurationError(
                f"the chat template renders the user's words {len(parts) - 1} times; the "
                "pre-query prefix cannot be derived from it"
            )
        return parts[0]

    # --- labels and ends -------------------------------------------------------------------

    def learned(self, turns: Sequence[Message], response: str) -> tuple[list[int], list[int]]:
        """Return what training reads: the prompt, and the response up to the end of its turn.

        Raises:
            StageError: If the template renders the prompt otherwise once it is answered.
        """
        prompt = self.response_prompt(turns)
        whole = self.ids([*turns, {"role": "assistant", "content": response}])
        if whole[: len(prompt)] != prompt:
            raise StageError(
                "the chat template renders a prompt alone differently from the same prompt with "
                "an answer"
            )
        answer = whole[len(prompt) :]
        if self.turn_end in answer:
            return prompt, answer[: answer.index(self.turn_end) + 1]
        return prompt, [*answer, self.turn_end]

    @cached_property
    def turn_end(self) -> int:
        """The token that ends an answer: what the template writes behind it, or end of text.

        Raises:
            ConfigurationError: If there is neither.
        """
        end = self.behind("assistant")
        end = self.tokenizer.eos_token_id if end is None else end
        if end is None:
            raise ConfigurationError(
                "neither the chat template nor the tokenizer has a token that ends an answer"
            )
        return int(end)

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Token ids that end a turn: only tokens that cannot be part of a text."""
        vocabulary = self.tokenizer.get_vocab()
        wanted = {*self.end_ids, self.tokenizer.eos_token_id, self.behind("user")}
        wanted |= {self.behind("assistant")}
        wanted |= {vocabulary.get(token) for token in self.family.stop}
        return tuple(sorted(one for one in wanted if one is not None and one in self.added))

    @cached_property
    def banned_first(self) -> tuple[int, ...]:
        """Token ids an instruction may not start with."""
        vocabulary = self.tokenizer.get_vocab()
        return tuple(
            sorted(vocabulary[one] for one in self.family.banned_first if one in vocabulary)
        )

    # --- words -----------------------------------------------------------------------------

    def raw(self, tokens: Sequence[int]) -> str:
        """Decode exactly what was drawn, special tokens shown."""
        text: str = self.tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def text(self, tokens: Sequence[int]) -> str:
        """Decode a turn without the token that ended it and without white space around it.

        Special tokens within it stay visible: they are a defect that a filter rule must see.
        """
        return self.raw(self._words(tokens)).strip()

    def answer(self, tokens: Sequence[int]) -> str:
        """Decode a response without its reasoning; of reasoning without end nothing is left."""
        return without_reasoning(self._opening + self.text(tokens)).strip()

    def spoken(self, tokens: Sequence[int]) -> str:
        """Decode a response as a reader sees it: no special tokens, white space as it was."""
        words: str = self.tokenizer.decode(self._words(tokens), skip_special_tokens=True)
        return without_reasoning(self._opening + words)

    # --- what kind of template it is -------------------------------------------------------

    @cached_property
    def reasoning(self) -> str:
        """Whether the model reasons before it answers: "never", "off" (told not to), "always"."""
        text = template_text(self.tokenizer)
        if self._opening:
            return "always"
        if not any(closing in text for _, closing in REASONING):
            return "never"
        on = dict.fromkeys(switches(text), True) | {"chat_template": pin_date(unpin(text))}
        asked = {"add_generation_prompt": True, "tokenize": False, **on}
        freely = self.tokenizer.apply_chat_template([QUESTION], **asked)
        return "always" if freely == self.prompt_text([QUESTION]) else "off"

    def require_answers(self) -> None:
        """Refuse a template whose answers cannot be told from what comes before them.

        Raises:
            ConfigurationError: If an answer starts with a channel or an addressee (gpt-oss).
        """
        prompt = self.prompt_text([QUESTION])
        whole = self.rendered([QUESTION, {"role": "assistant", "content": SENTINEL}])
        header = whole.removeprefix(prompt).split(SENTINEL)[0]
        if whole.startswith(prompt) and header.strip() and not self._opening:
            raise ConfigurationError(
                f"its chat template starts an answer with {header!r} (channels): answers cannot be "
                "told from reasoning; use a model whose template has no channels"
            )

    def require_trainable(self) -> None:
        """Refuse a template that cannot be trained with.

        Raises:
            ConfigurationError: Says why.
        """
        self.require_answers()
        if self._opening:
            raise ConfigurationError(
                f"its chat template opens {self._opening} before every answer: it is of a model "
                "that always reasons, and the data hold no reasoning"
            )
        try:
            self.learned([QUESTION], "Hello.")
        except StageError as error:
            raise ConfigurationError(f"it cannot be trained with: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """Hash of how the template renders: prefix, a whole conversation, stops and bans."""
        turns = [QUESTION, {"role": "assistant", "content": "Hello."}]
        return digest(
            {
                "prefix": self.instruction_prompt(),
                "conversation": self.ids(turns),
                "response": self.response_prompt(turns[:1]),
                "stop": self.stop_ids,
                "banned": self.banned_first,
            }
        )

    @cached_property
    def _opening(self) -> str:
        """How the template itself opens reasoning without closing it; empty if it does not."""
        behind = self.prompt_text([{"role": "user", "content": SENTINEL}]).split(SENTINEL)[-1]
        return next((one for one, end in REASONING if behind.rfind(one) > behind.rfind(end)), "")

    def _words(self, tokens: Sequence[int]) -> list[int]:
        kept = list(tokens)
        while kept and kept[-1] in self.stop_ids:
            kept.pop()
        return kept

    def _check_begin(self, ids: Sequence[int]) -> None:
        """Refuse a doubled begin token (some tokenizers also open every turn with that token)."""
        begin = self.tokenizer.bos_token_id
        if begin is not None and list(ids[:2]) == [begin, begin]:
            raise ConfigurationError(
                f"the chat template gives the begin token {self.tokenizer.bos_token} twice; the "
                "tokenizer adds one of its own to the template's: repair its chat_template"
            )


def _with(words: str, system: str, history: Sequence[Message]) -> list[Message]:
    steering = [{"role": "system", "content": system}] if system else []
    return [*steering, *history, {"role": "user", "content": words}]


def _common_prefix(lists: Sequence[Sequence[int]]) -> list[int]:
    """Return the longest start that all lists share."""
    shared: list[int] = []
    for column in zip(*lists, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Turn a rendered prompt, or plain text, into tokens with the begin token that it needs.

    A chat template writes its own; before plain text the tokenizer's goes, if it puts one there.
    """
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    begin = tokenizer.bos_token_id
    if begin is None or ids[:1] == [begin] or tokenizer("a")["input_ids"][:1] != [begin]:
        return tuple(ids)
    return (begin, *ids)
