"""The vLLM engine against a stand-in with vLLM 0.33.0's signatures (no GPU, no vLLM needed).

https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/entrypoints/llm.py and sampling_params.py
"""

import sys
import types
from dataclasses import dataclass
from typing import ClassVar

import pytest
from support.generation_study import generation_study
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.run import draw_chunk, read_samples
from synthetic_instruction_tuner.models.engines import Request, close_engine
from synthetic_instruction_tuner.models.engines.protocol import later_seed
from synthetic_instruction_tuner.models.engines.vllm import VllmEngine
from synthetic_instruction_tuner.progress import Silent

STOP, LETTER_A, LETTER_B = 4, 70, 71
SAMPLING = SamplingConfig(temperature=0.7, top_p=0.9, max_new_tokens=6)


@dataclass
class SamplingParams:
    """Those of vLLM's fields that have to do with drawing; an unknown one is a TypeError."""

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    min_tokens: int = 0
    logprobs: int | None = None
    detokenize: bool = True
    skip_special_tokens: bool = True
    logit_bias: dict[int, float] | None = None
    allowed_token_ids: list[int] | None = None
    bad_words: list[str] | None = None

    def __post_init__(self):
        if self.logit_bias is not None:
            assert all(-100 <= one <= 100 for one in self.logit_bias.values())


@dataclass
class CompletionOutput:
    token_ids: list[int]
    finish_reason: str
    index: int = 0
    text: str = ""


@dataclass
class RequestOutput:
    outputs: list[CompletionOutput]


class LLM:
    """Writes A's, as many as the seed says (2 to 5), then the stop token; two behind a ban."""

    made: ClassVar[list] = []

    def __init__(self, model, *, trust_remote_code=False, dtype="auto", quantization=None,
                 revision=None, seed=0, gpu_memory_utilization=0.92, enforce_eager=False,
                 **kwargs):  # fmt: skip
        self.arguments = {
            "model": model, "trust_remote_code": trust_remote_code, "dtype": dtype,
            "quantization": quantization, "revision": revision, **kwargs,
        }  # fmt: skip
        assert set(kwargs) <= {"load_format", "enable_prefix_caching"}  # EngineArgs
        self.calls = []
        LLM.made.append(self)

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None):
        assert len(prompts) == len(sampling_params)
        self.calls.append(list(zip(prompts, sampling_params, strict=True)))
        return [self._answer(*one) for one in self.calls[-1]]

    @staticmethod
    def _answer(prompt, params):
        [(key, ids)] = prompt.items()
        assert key == "prompt_token_ids"
        letter = LETTER_B if LETTER_A in (params.logit_bias or {}) else LETTER_A
        begun = len(ids) > 3 and ids[3] in (LETTER_A, LETTER_B)
        whole = [letter] * (2 if begun else params.seed % 4 + 2) + [STOP]
        tokens = whole[: params.max_tokens]
        ended = tokens[-1] in params.stop_token_ids
        return RequestOutput([CompletionOutput(tokens, "stop" if ended else "length")])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    yield save_responder(tmp_path_factory.mktemp("teacher"))
    close_engine()


@pytest.fixture
def vllm(monkeypatch):
    module = types.ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams
    monkeypatch.setitem(sys.modules, "vllm", module)
    LLM.made.clear()
    yield LLM.made
    close_engine()


def request(seed, prompt=(0, 7, 8), banned=(), **sampling):
    settings = SAMPLING.model_copy(update=sampling)
    return Request(prompt, seed, settings, (STOP,), banned)


def test_ids_go_in_and_every_sample_has_its_seed_and_stop_ids_alone(teacher, vllm):
    engine = VllmEngine(ModelConfig(name=str(teacher), dtype="float16"))
    drawn = engine.generate([request(seed) for seed in (2**62, 1, 2, 3)], batch_size=2)
    assert [one.tokens for one in drawn] == [
        (LETTER_A, LETTER_A, STOP),
        (LETTER_A,) * 3 + (STOP,),
        (LETTER_A,) * 4 + (STOP,),
        (LETTER_A,) * 5 + (STOP,),
    ]
    assert {one.finish for one in drawn} == {"stop"}
    [llm] = vllm
    [call] = llm.calls
    assert [prompt for prompt, _ in call] == [{"prompt_token_ids": [0, 7, 8]}] * 4
    assert [one.seed for _, one in call] == [2**62, 1, 2, 3]
    for _, one in call:
        assert (one.n, one.stop, one.stop_token_ids, one.logit_bias) == (1, None, [STOP], None)
        assert (one.temperature, one.top_p, one.max_tokens) == (0.7, 0.9, 6)
        assert one.detokenize is False
    assert llm.arguments == {
        "model": str(teacher), "revision": None, "dtype": "float16", "quantization": None,
        "trust_remote_code": False, "load_format": "safetensors", "enable_prefix_caching": True,
    }  # fmt: skip


def test_what_reaches_the_limit_is_cut(teacher, vllm):
    engine = VllmEngine(ModelConfig(name=str(teacher)))
    [cut] = engine.generate([request(3, max_new_tokens=4)], batch_size=1)
    assert (cut.tokens, cut.finish) == ((LETTER_A,) * 4, "length")


def test_banned_first_tokens_take_a_round_of_one_token(teacher, vllm):
    engine = VllmEngine(ModelConfig(name=str(teacher)))
    rows = [request(1, banned=(LETTER_A,)), request(1), request(1, banned=(9,), max_new_tokens=1)]
    drawn = engine.generate(rows, batch_size=4)
    assert [one.tokens for one in drawn] == [
        (LETTER_B, LETTER_A, LETTER_A, STOP),
        (LETTER_A, LETTER_A, LETTER_A, STOP),
        (LETTER_A,),
    ]
    assert [one.finish for one in drawn] == ["stop", "stop", "length"]
    first, rest = vllm[0].calls
    assert [(one.max_tokens, one.logit_bias) for _, one in first] == [
        (1, {LETTER_A: -100.0}),
        (1, {9: -100.0}),
    ]
    assert [prompt["prompt_token_ids"] for prompt, _ in rest] == [[0, 7, 8, LETTER_B], [0, 7, 8]]
    assert [(one.max_tokens, one.logit_bias) for _, one in rest] == [(5, None), (6, None)]
    # with the seed of the first, the second token would meet the same random numbers
    assert [one.seed for _, one in first + rest] == [1, 1, later_seed(rows[0]), 1]


def test_a_sample_does_not_depend_on_what_is_drawn_beside_it(teacher, vllm):
    engine = VllmEngine(ModelConfig(name=str(teacher)))
    rows = [request(seed) for seed in range(8)]
    whole = engine.generate(rows, batch_size=8)
    assert engine.generate(rows[5:6], batch_size=1) == whole[5:6]


def test_nf4_is_bitsandbytes_and_int8_is_refused(teacher, vllm):
    VllmEngine(ModelConfig(name=str(teacher), quantization="nf4"))
    assert vllm[0].arguments["quantization"] == "bitsandbytes"
    assert vllm[0].arguments["load_format"] == "bitsandbytes"
    with pytest.raises(ConfigurationError, match="no quantization=int8; allowed: none, nf4"):
        VllmEngine(ModelConfig(name=str(teacher), quantization="int8"))


def test_without_vllm_the_extra_is_named(teacher, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigurationError, match=r"synthetic-instruction-tuner\[vllm\]"):
        VllmEngine(ModelConfig(name=str(teacher)))


def test_a_chunk_is_drawn_with_one_load(teacher, vllm, tmp_path, monkeypatch):
    monkeypatch.setattr(VllmEngine, "device_name", "stand-in")
    study = generation_study(tmp_path, teacher, engine="vllm")
    for span in ((0, 3), (4, 7)):
        draw_chunk(study, *span, Silent())
    assert len(vllm) == 1
    samples = read_samples(study, 8)
    assert len({one.id for one in samples}) == 8
    seeds = [one.seed for call in vllm[0].calls for _, one in call]
    assert len(set(seeds)) == len(seeds)
