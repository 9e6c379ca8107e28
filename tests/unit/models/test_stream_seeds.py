from typing import get_args

from synthetic_instruction_tuner.models.engines import EngineName
from synthetic_instruction_tuner.models.engines.protocol import (
    ENGINE_VERSIONS,
    engine_identity,
    stream_seed,
)
from synthetic_instruction_tuner.models.engines.sampling import mix64, step_keys


def test_a_seed_follows_from_its_parts_alone():
    assert stream_seed("a", "user", 0) == stream_seed("a", "user", 0)
    assert 0 <= stream_seed("a") < 2**63
    seeds = {stream_seed("a"), stream_seed("b"), stream_seed("a", 0), stream_seed("a0")}
    assert len(seeds) == 4
    # printf 'order\03742\0370' | sha256sum, the first 64 bits without the last
    assert stream_seed("order", 42, 0) == 1318818277832825914


def test_mixer_is_that_of_splitmix64():
    # first outputs of the published generator for seed 0 (https://prng.di.unimi.it/splitmix64.c)
    assert mix64(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    assert mix64(2 * 0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4


def test_keys_of_steps_and_seeds_differ_and_fit_32_bits():
    keys = {step_keys(seed, step) for seed in range(50) for step in range(200)}
    assert len(keys) == 10_000
    assert all(-(2**31) <= word < 2**31 for key in keys for word in key)
    assert all(second % 2 for _, second in keys)


def test_engines_that_draw_otherwise_than_before_have_other_draws():
    assert engine_identity("transformers") == "transformers"
    assert {engine_identity(one) for one in ("vllm", "completions")} == {"vllm-2", "completions-2"}
    assert set(ENGINE_VERSIONS) == set(get_args(EngineName))
