"""Chat templates of strangers: bounded in time, memory and length, on the same day every day."""

import os
import re
import time
from pathlib import Path

import pytest
from jinja2.exceptions import TemplateError
from support.preference_models import save_responder
from transformers.utils import chat_template_utils

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models import loading, template_guard
from synthetic_instruction_tuner.models.templates import FIXED_DATE, pin_date

TEMPLATES = Path(__file__).parents[1] / "support" / "templates"
TURNS = [{"role": "user", "content": "Hi \u00e9"}, {"role": "assistant", "content": "Yes."}]
TODAY = FIXED_DATE.strftime("%d %b %Y")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return loading.load_tokenizer(
        ModelConfig(name=str(save_responder(tmp_path_factory.mktemp("t"))))
    )


def render(tokenizer, template, **options):
    return tokenizer.apply_chat_template(TURNS, chat_template=template, tokenize=False, **options)


LOOP = "{% for i in range(99999) %}" * 4 + "x" * 0 + "{% endfor %}" * 4
HOSTILE = {
    "endless loop": (LOOP, "takes longer than|ends the process"),
    "big power": ("{{ 9 ** (9 ** 9) }}", "takes longer than|ends the process"),
    "big text": ("{{ 'x' * 10 ** 11 }}", "memory|ends the process|OverflowError"),
    "doubling": (
        "{% set n = namespace(s='x') %}"
        "{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "memory|ends the process|takes longer",
    ),
    "long": ("{% for i in range(99999) %}" + "x" * 99 + "{% endfor %}", "more than 4194304"),
    "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "without an end"),
    "wide": ("{{ 'x'.center(10 ** 11) }}", "memory|ends the process|Error"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_that_takes_too_much_is_one_line(tokenizer, name, monkeypatch):
    template, message = HOSTILE[name]
    monkeypatch.setattr(template_guard, "SECONDS", 3.0)
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match=message) as caught:
        render(tokenizer, template)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 60
    assert render(tokenizer, "{{ messages[0].content }}") == "Hi \u00e9"  # the next one is served


CLOCKS = [
    "{{ strftime_now ('%d %b %Y') }}",
    "{% set now = strftime_now %}{{ now('%d %b %Y') }}",
    "{% set form = '%d %b %Y' %}{{ strftime_now(form) }}",
    "{% macro today(clock) %}{{ clock('%d %b %Y') }}{% endmacro %}{{ today(strftime_now) }}",
    "{%- if strftime_now is defined %}{{ strftime_now\n(\n'%d %b %Y') }}{% endif %}",
    "{% for turn in messages[:1] %}{{ [strftime_now][0]('%d %b %Y') }}{% endfor %}",
]


@pytest.mark.parametrize("template", CLOCKS)
def test_no_alias_of_the_clock_tells_the_time(tokenizer, template):
    assert render(tokenizer, template) == TODAY


@pytest.mark.parametrize("template", [*CLOCKS, "{{ strftime_now('%d %b %Y') }}"])
def test_what_is_shipped_stands_still_wherever_it_is_rendered(template):
    """Rendered by transformers' own environment, whose clock goes."""
    plain = chat_template_utils._cached_compile_jinja_template(pin_date(template))
    assert plain.render(messages=TURNS) == TODAY
    assert pin_date(pin_date(template)) == pin_date(template)


def test_a_format_that_nobody_can_know_is_refused_when_rendered():
    compiled = chat_template_utils._cached_compile_jinja_template
    assert compiled(pin_date("{{ strftime_now('%d' ~ ' %b') }}")).render() == "26 Jul"
    with pytest.raises(TemplateError, match="cannot be fixed"):
        compiled(pin_date("{{ strftime_now(messages[0].content) }}")).render(messages=TURNS)


def test_line_breaks_at_the_start_are_kept():
    for start in ("", "\n", "\n\n", "  ", "x\n"):
        template = start + "{{ strftime_now ('%Y') }}"
        plain = chat_template_utils._cached_compile_jinja_template
        assert plain(pin_date(template)).render(messages=[]) == start + "2024"


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.jinja")), ids=lambda path: path.stem)
def test_real_templates_render_as_in_transformers(tokenizer, path):
    template = re.sub(r"strftime_now\([^)]*\)", repr(TODAY), path.read_text(encoding="utf-8"))
    plain = chat_template_utils._cached_compile_jinja_template(template)
    for turns in (TURNS, TURNS[:1], [{"role": "system", "content": "s"}, *TURNS]):
        for more in ({"add_generation_prompt": True}, {"add_generation_prompt": False}):
            context = {"messages": turns, "tools": None, "documents": None, **more}
            context |= {"bos_token": "<s>", "eos_token": "</s>"}
            assert template_guard.Guarded(template).render(**context) == plain.render(**context)


SAMPLES = [
    "{{ messages | tojson(indent=2) }}{{ {'a': 1} | tojson }}",
    "{% generation %}{% set x = 1 %}{{ messages[1].content }}{% endgeneration %}{{ x }}",
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% endfor %}",
    "{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}{{ dict(a=3).a }}",
    "  {%- if true %}\n  yes\n  {% endif %}\n",
]


@pytest.mark.parametrize("template", SAMPLES)
def test_the_environment_is_that_of_transformers(template):
    plain = chat_template_utils._cached_compile_jinja_template(template)
    context = {"messages": TURNS, "tools": None}
    assert template_guard.Guarded(template).render(**context) == plain.render(**context)


def test_the_process_that_renders_sees_no_token(tokenizer, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    template_guard._worker.end()
    assert render(tokenizer, "{{ 1 }}") == "1"
    environment = Path(f"/proc/{template_guard._worker._process.pid}/environ")
    if environment.exists():
        assert b"hf_secret" not in environment.read_bytes()
    assert template_guard._worker._owner == os.getpid()


def test_control_tokens_are_still_found_in_a_guarded_template(tokenizer):
    """transformers parses the template for them; that renders nothing."""
    template = (
        "{{ 'said' }}<|new_turn|>{% generation %}{{ messages[0].content }}{% endgeneration %}"
    )
    assert isinstance(chat_template_utils._compile_jinja_template(template), template_guard.Guarded)
    found = chat_template_utils._get_template_literal_text(template)
    assert sorted(found.split("\0")) == ["<|new_turn|>", "said"]
