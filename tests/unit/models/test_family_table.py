import pytest

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.families import FAMILIES, find_family, names
from synthetic_instruction_tuner.models.templates import pin_date


def test_the_families_a_user_expects_are_there():
    wanted = "llama-3 llama-3.1 llama-3.2 llama-3.3 qwen-2 qwen-2.5 qwen-3 gemma-2 gemma-3 phi-3"
    assert set(f"{wanted} phi-4 mistral smollm-2 smollm-3 sandbox".split()) <= set(names())
    assert len(set(names())) == len(FAMILIES)


def test_a_published_temperature_or_ban_names_its_source():
    for family in FAMILIES:
        assert family.source or not (family.temperature or family.banned_first), family.name


def test_an_unknown_name_is_refused_with_the_allowed_ones():
    with pytest.raises(
        ConfigurationError, match="family='llama4' is unknown; allowed: sandbox, ll"
    ):
        find_family("llama4", "")


def test_a_name_wins_over_the_template():
    assert find_family("generic", "<|start_of_turn|>").name == "generic"


def test_line_ends_may_be_written_either_way():
    escaped = r"{{'<|user|>\n' + message + '<|end|>\n' + '<|assistant|>\n'}}"
    assert find_family(None, escaped).name == "phi-3"
    assert find_family(None, escaped.replace(r"\n", "\n")).name == "phi-3"


def test_the_clock_is_written_out():
    asked = "{% set a = strftime_now(\"%d %b %Y\") %}{% set b = strftime_now( '%Y' ) %}"
    assert pin_date(asked) == "{% set a = '26 Jul 2024' %}{% set b = '2024' %}"
    kept = "{% if strftime_now is defined %}x{% endif %}"
    assert pin_date(kept) == kept
    with pytest.raises(ConfigurationError, match="asks the clock"):
        pin_date("{{ strftime_now(format) ")
