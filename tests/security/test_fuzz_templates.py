"""Chat templates put together at random from what makes them slow, large or endless."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError
from support.fuzzing import EXAMPLES, fuzzed, named_error

from synthetic_instruction_tuner.models import families, template_guard, template_worker
from synthetic_instruction_tuner.models.templates import pin_date

TURNS = [{"role": "user", "content": "Hi \u00e9"}, {"role": "assistant", "content": "Yes."}]
LIMIT, PATIENCE = 1.0, 60.0
"""Seconds that a template may take, and that its end may take on a busy machine."""
NAMES = st.sampled_from(["x", "n.s", "messages", "messages[0].content", "m", "strftime_now", "i"])
NUMBERS = st.sampled_from(["0", "1", "9", "-1", "99999", "10 ** 9", "2 ** 99", "1.5"])
VALUES = st.recursive(
    NAMES | NUMBERS | st.sampled_from(["'x'", "'%d %b %Y'", "[]", "{}", "true", "none"]),
    lambda one: (
        st.builds("{} {} {}".format, one, st.sampled_from(["+", "*", "~", "**", "in", "and"]), one)
        | st.builds(
            "({})|{}".format,
            one,
            st.sampled_from(
                ["tojson", "length", "list", "join", "upper", "indent(999)", "batch(1)"]
            ),
        )
        | st.builds("[{}, {}]".format, one, one)
        | st.builds("{}({})".format, st.sampled_from(["range", "f", "strftime_now", "dict"]), one)
        | st.builds("'x'.{}({})".format, st.sampled_from(["center", "join", "zfill"]), one)
    ),
    max_leaves=4,
)
BLOCKS = st.recursive(
    VALUES.map("{{{{ {} }}}}".format)
    | st.builds("{{% set {} = {} %}}".format, st.sampled_from(["x", "i", "n.s", "f"]), VALUES)
    | st.text(max_size=6),
    lambda one: (
        st.builds("{{% for i in {} %}}{}{{% endfor %}}".format, VALUES, one)
        | st.builds("{{% if {} %}}{}{{% endif %}}".format, VALUES, one)
        | st.builds("{{% macro f(m) %}}{}{{% endmacro %}}{{{{ f(1) }}}}".format, one)
        | st.builds("{}{}".format, one, one)
    ),
    max_leaves=6,
)
TEMPLATES = BLOCKS.map("{{% set n = namespace(s='x') %}}{}".format)


@settings(fuzzed, max_examples=EXAMPLES, deadline=None)
@given(TEMPLATES)
def test_rendering_ends_in_a_text_or_a_named_error(template):
    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_guard, "SECONDS", LIMIT)
        with suppress(TemplateError), named_error():
            text = template_guard.Guarded(template).render(messages=TURNS)
            assert len(text) <= template_worker.LONGEST
    assert time.monotonic() - started < PATIENCE


@fuzzed
@given(TEMPLATES, st.none() | st.text(max_size=8))
def test_what_is_read_from_a_template_without_rendering_it(template, name):
    with named_error():
        pinned = pin_date(template)
        assert pin_date(pinned) == pinned
    with named_error():
        families.find_family(name, template)
