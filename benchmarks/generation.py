"""Magpie generation: this project's transformers engine against the usual loops.

One run, the same model, the same sampling, the same number of samples (an instruction and its
response each); every way starts from token ids of the same pre-query prefix.

    python benchmarks/generation.py                          # the embedded teacher
    python benchmarks/generation.py --model Qwen/Qwen2.5-0.5B-Instruct --samples 200

distilabel's Magpie (https://github.com/argilla-io/distilabel) takes part where it can be imported;
it is not a dependency. Seconds of the processor are printed too: they are the fairer figure on a
machine that does other work at the same time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.engines import Request, stream_seed
from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine
from synthetic_instruction_tuner.models.loading import load_causal
from synthetic_instruction_tuner.models.reference import local_folder

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Bench:
    """What all ways share."""

    model: Any
    template: Chat
    source: str
    samples: int
    instruction: SamplingConfig
    response: SamplingConfig


def main() -> None:
    """Draw the samples in every way and print the table."""
    options = _options()
    config = ModelConfig(name=options.model)
    model, tokenizer = load_causal(config)
    engine = TransformersEngine(model, tokenizer)
    bench = Bench(
        model=model,
        template=bind(tokenizer, None, engine.end_ids),
        source=str(local_folder(config) or config.name),
        samples=options.samples,
        instruction=SamplingConfig(temperature=1.0, max_new_tokens=options.tokens),
        response=SamplingConfig(temperature=0.7, max_new_tokens=options.tokens),
    )
    ways: dict[str, Callable[[], Pairs]] = {
        "transformers generate, batches of 8": lambda: with_generate(bench, 8),
        f"transformers generate, batches of {options.batch}": lambda: with_generate(
            bench, options.batch
        ),
        "this project's engine, 8 side by side": lambda: with_engine(bench, engine, 8),
        f"this project's engine, {options.batch} side by side": lambda: with_engine(
            bench, engine, options.batch
        ),
    }
    if options.distilabel:
        ways[f"distilabel Magpie, batches of {options.batch}"] = distilabel_way(
            bench, options.batch
        )
    print(
        "| way | samples | tokens/sample | seconds | samples/s | CPU seconds | speed-up | by CPU |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    first: tuple[float, float] | None = None
    for name, draw in ways.items():
        seconds, cpu, pairs = _best(draw, options.rounds)
        lengths = [len(tokenizer(f"{one} {two}")["input_ids"]) for one, two in pairs]
        first = first or (seconds, cpu)
        print(
            f"| {name} | {len(pairs)} | {sum(lengths) / len(pairs):.0f} | {seconds:.1f} "
            f"| {len(pairs) / seconds:.1f} | {cpu:.1f} | {first[0] / seconds:.1f}x "
            f"| {first[1] / cpu:.1f}x |",
            flush=True,
        )


def with_engine(bench: Bench, engine: TransformersEngine, batch: int) -> Pairs:
    """Draw as the generation stage does."""
    template, prefix = bench.template, tuple(bench.template.instruction_prompt())
    asked = engine.generate(
        [
            Request(prefix, stream_seed(n, "user"), bench.instruction, template.stop_ids)
            for n in range(bench.samples)
        ],
        batch,
    )
    texts = [template.text(one.tokens) for one in asked]
    prompts = [template.response_prompt([{"role": "user", "content": one}]) for one in texts]
    answered = engine.generate(
        [
            Request(tuple(prompt), stream_seed(n, "assistant"), bench.response, template.stop_ids)
            for n, prompt in enumerate(prompts)
        ],
        batch,
    )
    return list(zip(texts, (template.answer(one.tokens) for one in answered), strict=True))


def with_generate(bench: Bench, batch: int) -> Pairs:
    """Draw in batches in turn, each until its slowest row has ended, as a notebook does."""
    template, pairs = bench.template, []
    prefix = template.instruction_prompt()
    for start in range(0, bench.samples, batch):
        rows = min(batch, bench.samples - start)
        asked = _generate(bench, [prefix] * rows, bench.instruction)
        texts = [template.text(_until_end(one, template)) for one in asked]
        prompts = [template.response_prompt([{"role": "user", "content": one}]) for one in texts]
        answered = _generate(bench, prompts, bench.response)
        answers = [template.answer(_until_end(one, template)) for one in answered]
        pairs += list(zip(texts, answers, strict=True))
    return pairs


def _generate(bench: Bench, prompts: list[list[int]], sampling: SamplingConfig) -> list[list[int]]:
    import torch
    from transformers import GenerationConfig

    inputs = bench.template.tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    settings = GenerationConfig(
        do_sample=True,
        temperature=sampling.temperature,
        top_k=0,
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=list(bench.template.stop_ids),
        pad_token_id=bench.template.tokenizer.pad_token_id,
    )
    with torch.inference_mode():
        out = bench.model.generate(**inputs.to(bench.model.device), generation_config=settings)
    drawn: list[list[int]] = out[:, inputs["input_ids"].shape[1] :].tolist()
    return drawn


def _until_end(tokens: list[int], template: Chat) -> list[int]:
    ends = (place for place, token in enumerate(tokens) if token in template.stop_ids)
    return tokens[: next(ends, len(tokens))]


def distilabel_way(bench: Bench, batch: int) -> Callable[[], Pairs]:
    """Load distilabel's Magpie on the same model, outside the measured time."""
    from distilabel.models import TransformersLLM
    from distilabel.steps.tasks import Magpie

    llm = TransformersLLM(
        model=bench.source,
        device="cpu" if bench.model.device.type == "cpu" else "cuda",
        use_magpie_template=True,
        magpie_pre_query_template=bench.template.prefix_text(),
        generation_kwargs={
            "max_new_tokens": bench.response.max_new_tokens,
            "temperature": bench.instruction.temperature,
            "do_sample": True,
        },
    )
    task = Magpie(llm=llm, n_turns=1)
    task.load()

    def draw() -> Pairs:
        rows: list[dict[str, Any]] = []
        for start in range(0, bench.samples, batch):
            inputs: list[dict[str, Any]] = [{} for _ in range(min(batch, bench.samples - start))]
            rows += next(task.process(inputs))
        return [(row["instruction"] or "", row["response"] or "") for row in rows]

    return draw


def _best(draw: Callable[[], Pairs], rounds: int) -> tuple[float, float, Pairs]:
    """Return the least seconds, the least seconds of the processor, and the last pairs."""
    seconds = cpu = float("inf")
    pairs: Pairs = []
    for _ in range(rounds):
        wall, work = time.perf_counter(), time.process_time()
        pairs = draw()
        seconds = min(seconds, time.perf_counter() - wall)
        cpu = min(cpu, time.process_time() - work)
    return seconds, cpu, pairs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="sandbox:teacher", help="model under test")
    parser.add_argument("--samples", type=int, default=256, help="samples each way draws")
    parser.add_argument("--tokens", type=int, default=96, help="most new tokens a turn")
    parser.add_argument("--batch", type=int, default=64, help="the larger batch")
    parser.add_argument("--rounds", type=int, default=2, help="rounds; the best one counts")
    parser.add_argument("--distilabel", action="store_true", help="measure distilabel too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
