"""The vLLM engine (optional extra): token ids in, prefix caching, one seed a request.

Equal prompts are sent as separate requests with a seed each rather than as one with n=k: vLLM gives
the k samples of a request the seeds s, s+1, ..., so that a sample would depend on its place in the
request. Prefix caching reads the shared prompt once all the same.

Checked against the signatures of vLLM 0.33.0 with a stand-in for the library, not yet on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.engines.protocol import (
    Completion,
    Finished,
    Request,
    later_seed,
)
from synthetic_instruction_tuner.models.reference import local_folder
from synthetic_instruction_tuner.progress import Progress, Silent

_NEVER = -100.0


class VllmEngine:
    """Draws with vLLM, which batches by itself.

    Args:
        model: The model; quantisation "nf4" uses bitsandbytes.

    Raises:
        ConfigurationError: If vLLM is not installed, or the model asks for what it cannot do.
    """

    revision: str | None = None

    def __init__(self, model: ModelConfig) -> None:
        if model.quantization == "int8":
            raise ConfigurationError("engine=vllm has no quantization=int8; allowed: none, nf4")
        try:
            import vllm
        except ImportError as error:
            raise ConfigurationError(
                "engine=vllm needs the extra: pip install 'synthetic-instruction-tuner[vllm]' "
                f"(Linux with a GPU): {error}"
            ) from error
        self._vllm = vllm
        self.tokenizer = loading.load_tokenizer(model)
        self.end_ids = loading.load_end_ids(model)
        self._llm = vllm.LLM(
            model=str(local_folder(model) or model.name),
            revision=None if local_folder(model) else model.revision,
            dtype=model.dtype,
            quantization="bitsandbytes" if model.quantization == "nf4" else None,
            trust_remote_code=model.trust_remote_code,
            load_format="bitsandbytes" if model.quantization == "nf4" else "safetensors",
            enable_prefix_caching=True,
        )

    @property
    def device_name(self) -> str:
        """The GPU's name."""
        import torch

        return str(torch.cuda.get_device_name())

    def generate(
        self,
        requests: Sequence[Request],
        batch_size: int,
        progress: Progress | None = None,
        finished: Finished | None = None,
    ) -> list[Completion]:
        """Continue every prompt; see `protocol.Engine`. vLLM chooses the batch itself.

        First tokens that are banned take a first round of one token: vLLM has no processors a
        request, and a logit bias would last for the whole completion.
        """
        texts: list[tuple[int, ...]] = [request.prompt for request in requests]
        drawn: list[tuple[int, ...]] = [()] * len(requests)
        done: dict[int, Completion] = {}
        banned = [at for at, one in enumerate(requests) if one.banned_first]
        for at, completion in self._round(requests, texts, banned, first_only=True):
            drawn[at] = completion.tokens
            texts[at] = texts[at] + completion.tokens
            if completion.finish == "stop" or requests[at].sampling.max_new_tokens == 1:
                done[at] = completion
        going = [at for at in range(len(requests)) if at not in done]
        for at, completion in self._round(requests, texts, going, first_only=False):
            done[at] = Completion(drawn[at] + completion.tokens, completion.finish)
        (progress or Silent()).update(len(requests), len(requests))
        return [done[at] for at in range(len(requests))]

    def _round(
        self,
        requests: Sequence[Request],
        texts: Sequence[tuple[int, ...]],
        places: Sequence[int],
        first_only: bool,
    ) -> list[tuple[int, Completion]]:
        if not places:
            return []
        answers = self._llm.generate(
            [{"prompt_token_ids": list(texts[at])} for at in places],
            [self._parameters(requests[at], texts[at], first_only) for at in places],
            use_tqdm=False,
        )
        outputs = [answer.outputs[0] for answer in answers]
        return [
            (
                at,
                Completion(
                    tuple(out.token_ids), "stop" if out.finish_reason == "stop" else "length"
                ),
            )
            for at, out in zip(places, outputs, strict=True)
        ]

    def _parameters(self, request: Request, text: Sequence[int], first_only: bool) -> Any:
        bias = dict.fromkeys(request.banned_first, _NEVER) if first_only else None
        left = request.sampling.max_new_tokens - (len(text) - len(request.prompt))
        return self._vllm.SamplingParams(
            temperature=request.sampling.temperature,
            top_p=request.sampling.top_p,
            max_tokens=1 if first_only else left,
            seed=request.seed if len(text) == len(request.prompt) else later_seed(request),
            stop_token_ids=list(request.stop),
            logit_bias=bias,
            detokenize=False,
        )
