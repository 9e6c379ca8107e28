from collections import Counter

import pytest
from support import out_of_memory
from support.preference_models import save_responder

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.engines import (
    Request,
    close_engine,
    open_engine,
    stream_seed,
)
from synthetic_instruction_tuner.models.engines.running import Row, draw_tokens
from synthetic_instruction_tuner.models.engines.sampling import (
    cut_tail,
    draw,
    exponentials,
    hash32,
    step_keys,
    token_table,
)
from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine

STOP = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def engine(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder)
    return TransformersEngine(model, AutoTokenizer.from_pretrained(folder))


@pytest.fixture(scope="module")
def sliding():
    """Gemma 3 in small: three of four layers see 15 tokens only, and prompts are longer."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=261,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=16,
        layer_types=["sliding_attention"] * 3 + ["full_attention"],
        max_position_embeddings=256,
    )
    return TransformersEngine(Gemma3ForCausalLM(config), None)


def request(number: int, **sampling) -> Request:
    prompt = tuple((number * 7 + place) % 261 for place in range((5, 9, 30)[number % 3]))
    settings = SamplingConfig(**({"max_new_tokens": 30} | sampling))
    return Request(prompt, stream_seed("sample", number), settings, STOP)


def mixed(count: int) -> list[Request]:
    kinds = ({"temperature": 0.7}, {"top_p": 0.9}, {"temperature": 0, "max_new_tokens": 12}, {})
    return [request(number, **kinds[number % 4]) for number in range(count)]


def one_by_one_without_a_cache(model, requests):
    """The same streams, every token from a forward pass over the whole text of one row alone."""
    import torch

    completions = []
    for place, one in enumerate(requests):
        row, completion = Row(place, one), None
        while completion is None:
            with torch.inference_mode():
                logits = model(torch.tensor([row.text]), use_cache=False).logits[:, -1]
            completion = row.take(draw_tokens([row], logits)[0])
        completions.append(completion)
    return completions


@pytest.mark.parametrize("kind", ["engine", "sliding"])
def test_a_sample_does_not_depend_on_its_batch(kind, request):
    engine, requests = request.getfixturevalue(kind), mixed(40)
    reference = engine.generate(requests, batch_size=32)
    assert engine.generate(requests, batch_size=16) == reference
    assert engine.generate(requests[::-1], batch_size=64)[::-1] == reference
    assert engine.generate(requests[10:20], batch_size=3) == reference[10:20]
    assert engine.generate(requests[:4], batch_size=1) == reference[:4]
    assert one_by_one_without_a_cache(engine.model, requests[:4]) == reference[:4]


def test_completions_end_with_their_stop_token_or_at_the_limit(engine):
    for completion in engine.generate(mixed(40), batch_size=16):
        stopped = completion.tokens[-1] in STOP
        assert completion.finish == ("stop" if stopped else "length")
        assert not set(completion.tokens[:-1]) & set(STOP)


def test_greedy_equals_transformers_generate(engine):
    import torch

    prompt = request(1).prompt
    wanted = engine.model.generate(
        torch.tensor([prompt]), max_new_tokens=12, do_sample=False, eos_token_id=list(STOP)
    )[0, len(prompt) :]
    (drawn,) = engine.generate([request(1, temperature=0, max_new_tokens=12)], batch_size=1)
    assert list(drawn.tokens) == wanted.tolist()


def test_a_larger_limit_only_goes_on(engine):
    short = engine.generate([request(n, max_new_tokens=10) for n in range(12)], batch_size=4)
    long = engine.generate([request(n, max_new_tokens=50) for n in range(12)], batch_size=4)
    for one, other in zip(short, long, strict=True):
        assert other.tokens[: len(one.tokens)] == one.tokens
        assert other == one if one.finish == "stop" else len(other.tokens) > len(one.tokens)


def test_banned_first_tokens_never_come_first(engine):
    plain = engine.generate([request(n) for n in range(60)], batch_size=30)
    firsts = {one.tokens[0] for one in plain}
    banned = tuple(sorted(firsts))[:20]
    requests = [
        Request(one.prompt, one.seed, one.sampling, STOP, banned)
        for one in (request(n) for n in range(60))
    ]
    assert not {one.tokens[0] for one in engine.generate(requests, batch_size=30)} & set(banned)


@pytest.mark.parametrize("error", out_of_memory.ERRORS)
def test_running_out_of_memory_halves_the_batch_and_loses_no_token(
    folder, engine, monkeypatch, error
):
    requests = mixed(24)
    reference = engine.generate(requests, batch_size=16)
    frugal = TransformersEngine(engine.model, engine.tokenizer)
    forward = type(engine.model).forward
    batches = []

    def small_memory(self, *args, **kwargs):
        rows = kwargs["attention_mask"].shape[0]
        if rows > 5 and len(batches) > 3:  # at first a few steps go well
            raise error
        batches.append(rows)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(engine.model), "forward", small_memory)
    assert frugal.generate(requests, batch_size=16) == reference
    assert max(batches[4:]) <= 5
    monkeypatch.setattr(
        type(engine.model),
        "forward",
        lambda *_, **__: (_ for _ in ()).throw(error),
    )
    with pytest.raises(StageError, match="one sample does not fit into memory"):
        frugal.generate(requests, batch_size=16)


def test_other_errors_are_not_taken_for_a_lack_of_memory(engine, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(type(engine.model), "forward", broken)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        engine.generate(mixed(2), batch_size=2)


def test_logits_that_are_not_numbers_stop_the_stage(engine, monkeypatch):
    forward = type(engine.model).forward

    def overflow(self, *args, **kwargs):
        output = forward(self, *args, **kwargs)
        output.logits = output.logits * float("nan")
        return output

    monkeypatch.setattr(type(engine.model), "forward", overflow)
    with pytest.raises(StageError, match=r"NaN.*dtype=float32"):
        engine.generate(mixed(2), batch_size=2)


@pytest.mark.parametrize("method", ["lora", "prompt_tuning", "prefix_tuning"])
def test_adapters_draw_as_with_transformers_generate(folder, method):
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(3)
    kinds = {
        "lora": peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False),
        "prompt_tuning": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6),
        "prefix_tuning": peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6),
    }
    base = AutoModelForCausalLM.from_pretrained(folder)
    model = peft.get_peft_model(base, kinds[method]).eval()
    if method == "prefix_tuning":  # it starts as zeros, which would test little
        torch.nn.init.normal_(model.prompt_encoder.default.embedding.weight)
    adapted = TransformersEngine(model, AutoTokenizer.from_pretrained(folder))
    greedy = [request(n, temperature=0, max_new_tokens=8) for n in range(7)]
    drawn = adapted.generate(greedy, batch_size=4)
    for one, completion in zip(greedy, drawn, strict=True):
        ids = torch.tensor([one.prompt])
        wanted = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=list(STOP),
        )[0, len(one.prompt) :]
        assert list(completion.tokens) == wanted.tolist()


def test_frequencies_follow_the_softmax():
    import torch

    rows = 20_000
    keys = torch.tensor([step_keys(stream_seed(n), 3) for n in range(rows)], dtype=torch.int32)
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, float("-inf")]]).expand(rows, -1)
    drawn = Counter(draw(logits, keys, torch.tensor([[0.8]])).tolist())
    wanted = (logits[0] / 0.8).softmax(dim=-1).tolist()
    for token, share in enumerate(wanted):  # within four standard errors
        assert drawn[token] / rows == pytest.approx(share, abs=4 * (share / rows) ** 0.5)
    assert drawn[4] == 0


def test_noise_is_exponential_and_uncorrelated():
    import torch

    keys = torch.tensor([step_keys(5, step) for step in range(200)], dtype=torch.int32)
    noise = exponentials(keys, token_table(2000, torch.device("cpu"))).double()
    assert 0 < noise.min() < 1e-4
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(1, abs=0.01)
    assert noise.var().item() == pytest.approx(1, abs=0.03)
    between_steps = torch.corrcoef(noise) - torch.eye(200)
    between_tokens = torch.corrcoef(noise[:, :200].T) - torch.eye(200)
    assert between_steps.abs().max() < 0.12  # 4.9 standard errors of 1 / sqrt(2000), 20,000 pairs
    assert between_tokens.abs().max() < 0.38  # the same of 1 / sqrt(200)
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean().item()
    assert neighbours == pytest.approx(1, abs=0.01)


def hash_in_plain_python(keys, token):
    def mix(value):
        value = (value ^ value >> 16) * 0x7FEB352D % 2**32
        value = (value ^ value >> 15) * 0x846CA68B % 2**32
        return value ^ value >> 16

    table = mix(token * 0x9E3779B9 % 2**32)
    return mix(table * (keys[1] % 2**32) % 2**32 ^ keys[0] % 2**32)


def test_hash_is_the_same_everywhere():
    import torch

    keys = [step_keys(seed, step) for seed in (1, 2**62) for step in (0, 1, 500)]
    hashed = hash32(torch.tensor(keys, dtype=torch.int32), token_table(50, torch.device("cpu")))
    wanted = [[hash_in_plain_python(key, token) for token in range(50)] for key in keys]
    assert [[value % 2**32 for value in row] for row in hashed.tolist()] == wanted
    assert wanted[0][:3] == [836366643, 2051395032, 2932415940]


def test_nucleus_is_the_smallest_set_that_reaches_top_p():
    import torch

    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    one = torch.tensor([[1.0]])

    def kept(top_p, temperature=one):
        return cut_tail(logits, temperature, torch.tensor([[top_p]])).isfinite().tolist()[0]

    assert kept(0.4) == [True, False, False, False]
    assert kept(0.6) == [True, True, False, False]
    assert kept(0.81) == [True, True, True, False]
    assert kept(1.0) == [True, True, True, True]
    assert kept(0.6, torch.tensor([[0.1]])) == [True, False, False, False]  # sharper
    assert kept(1e-9) == [True, False, False, False]


def test_one_engine_is_kept(folder):
    model = ModelConfig(name=str(folder))
    first = open_engine(model)
    assert open_engine(model) is first
    assert open_engine(model, "transformers", CompletionsConfig()) is first  # not its business
    assert open_engine(model.model_copy(update={"dtype": "float32"})) is not first
    assert open_engine(model) is not first  # only the last one is kept
    close_engine()
