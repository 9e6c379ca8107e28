"""Loading models and tokenizers: compute type, quantisation, and errors that say what to do.

Weights are read from safetensors only; a pickle is never opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError, TunerError
from synthetic_instruction_tuner.models import bounds, template_guard
from synthetic_instruction_tuner.models.loading_errors import explain, explain_missing
from synthetic_instruction_tuner.models.reference import local_folder

HEADS = ("score", "classifier", "pooler")
"""Last layers of sequence classifiers: small, and what a reward is read from, so not quantised."""


def load_causal(model: ModelConfig, device: str = "auto") -> tuple[Any, Any]:
    """Load a language model in evaluation mode with its tokenizer.

    Args:
        model: What to load.
        device: "auto" (the GPU if there is one), "cpu", "cuda", "cuda:1", ...

    Returns:
        A transformers `PreTrainedModel` and its tokenizer.

    Raises:
        MissingModelError: If it cannot be loaded; the message says what to do.
    """
    from transformers import AutoModelForCausalLM

    return _load(AutoModelForCausalLM, model, device), load_tokenizer(model)


def load_reward(model: ModelConfig, device: str = "auto") -> tuple[Any, Any]:
    """Load a sequence-classification reward model in evaluation mode with its tokenizer.

    The model's own padding token is left as it is, also if it has none: causal models put the score
    on the last token that differs from it, so that the tokenizer's (often the end token) would move
    the score. See `models.rewards.model`.

    Raises:
        MissingModelError: If it cannot be loaded; the message says what to do.
    """
    from transformers import AutoModelForSequenceClassification

    tokenizer = load_tokenizer(model)
    tokenizer.padding_side = "right"
    return _load(AutoModelForSequenceClassification, model, device, HEADS, True), tokenizer


def load_encoder(model: ModelConfig, device: str = "auto") -> tuple[Any, Any]:
    """Load a model without a head, for its hidden states, in evaluation mode with its tokenizer.

    Raises:
        MissingModelError: If it cannot be loaded; the message says what to do.
    """
    from transformers import AutoModel

    tokenizer = load_tokenizer(model)
    tokenizer.padding_side = "right"  # encoders count positions from the left
    return _load(AutoModel, model, device), tokenizer


def load_tokenizer(model: ModelConfig) -> Any:
    """Load a tokenizer; it pads on the left, with the end token if it has no padding token.

    Raises:
        MissingModelError: If it cannot be loaded; the message says what to do.
    """
    from transformers import AutoTokenizer

    template_guard.install()
    with _explained(model):
        bounds.read_shape(model.name, _source(model), _revision(model))
        tokenizer = AutoTokenizer.from_pretrained(
            _source(model), trust_remote_code=model.trust_remote_code, **_revision(model)
        )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(model: ModelConfig) -> Any:
    """Load a model's configuration: a small file that says what the weights will be.

    Raises:
        MissingModelError: If it cannot be loaded; the message says what to do.
    """
    from transformers import AutoConfig

    with _explained(model):
        bounds.read_shape(model.name, _source(model), _revision(model))
        return AutoConfig.from_pretrained(
            _source(model), trust_remote_code=model.trust_remote_code, **_revision(model)
        )


def load_end_ids(model: ModelConfig) -> tuple[int, ...]:
    """Read the end tokens of a model's generation_config; () if it has none."""
    from transformers import GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(_source(model), **_revision(model))
    except OSError:  # an optional file; a missing model is reported when it is loaded
        return ()
    return end_ids(config)


def end_ids(generation_config: Any) -> tuple[int, ...]:
    """Return the end tokens of a generation_config, which holds one, several or none."""
    value = generation_config.eos_token_id
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else tuple(value)


def resolve_device(device: str = "auto") -> str:
    """Turn "auto" into "cuda" where a GPU is visible, else "cpu"."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def compute_dtype(model: ModelConfig, device: str) -> Any:
    """Choose the compute type.

    auto is float32 on CPU (half precision is emulated there, 30 times slower), bfloat16 from
    compute capability 8.0 (Ampere) and float16 below it (a T4 has no bfloat16).
    """
    import torch

    if model.dtype != "auto":
        return getattr(torch, model.dtype)
    if not device.startswith("cuda"):
        return torch.float32
    modern = torch.cuda.get_device_capability(torch.device(device)) >= (8, 0)
    return torch.bfloat16 if modern else torch.float16


def _load(
    kind: Any,
    model: ModelConfig,
    device: str,
    whole: tuple[str, ...] = (),
    complete: bool = False,
) -> Any:
    """Load a model in evaluation mode.

    Args:
        kind: Its automatic class.
        model: Which one, and how.
        device: Where to.
        whole: Modules that are not quantised.
        complete: Refuse a model some of whose weights are in no file: they would be random.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar a model in every log; downloads have their own
    place = resolve_device(device)
    dtype = compute_dtype(model, place)
    with _explained(model):
        _refuse_pickles(model)
        attention = bounds.read_shape(model.name, _source(model), _revision(model))
        loaded, told = kind.from_pretrained(
            _source(model),
            dtype=dtype,
            device_map={"": place},
            use_safetensors=True,
            trust_remote_code=model.trust_remote_code,
            quantization_config=_quantization(model, dtype, whole),
            output_loading_info=True,
            **attention,
            **_revision(model),
        )
        if complete and told["missing_keys"]:
            raise MissingModelError(explain_missing(model, sorted(told["missing_keys"])))
    return loaded.eval()


def _refuse_pickles(model: ModelConfig) -> None:
    """Read which files hold the parts of the weights: transformers opens whatever is listed."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError
    from transformers.utils import SAFE_WEIGHTS_INDEX_NAME

    try:
        folder = local_folder(model)
        index = (
            folder / SAFE_WEIGHTS_INDEX_NAME
            if folder
            else hf_hub_download(model.name, SAFE_WEIGHTS_INDEX_NAME, revision=model.revision)
        )
        files = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()
    except (FileNotFoundError, EntryNotFoundError):
        return  # all weights in one file
    others = sorted({str(one) for one in files if not str(one).endswith(".safetensors")})
    if others:
        raise MissingModelError(
            f"model {model.name!r} lists {', '.join(others[:3])} among its safetensors weights; "
            "pickled weights are never opened"
        )


def _quantization(model: ModelConfig, dtype: Any, whole: tuple[str, ...] = ()) -> Any:
    """Return the bitsandbytes settings: NF4 with double quantisation (arXiv 2305.14314) or int8.

    Args:
        model: What to load.
        dtype: Compute type.
        whole: Modules that are not quantised; empty for the library's choice (the LM head).
    """
    if model.quantization == "none":
        return None
    from transformers import BitsAndBytesConfig

    skip = list(whole) or None
    if model.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=skip,
    )


def _source(model: ModelConfig) -> str:
    folder = local_folder(model)
    if folder is None:
        return model.name
    if not (folder / "config.json").is_file():
        raise MissingModelError(f"{folder} holds no model: it has no config.json")
    return str(folder)


def _revision(model: ModelConfig) -> dict[str, str]:
    return {} if local_folder(model) else {"revision": model.revision}


@contextmanager
def _explained(model: ModelConfig) -> Iterator[None]:
    """Turn whatever loading raises (files of a model can hold anything) into an error to act on."""
    from synthetic_instruction_tuner.models.memory_errors import is_out_of_memory

    try:
        yield
    except TunerError:
        raise
    except ImportError as error:
        raise MissingModelError(f"model {model.name!r} needs a package: {error}") from error
    except Exception as error:
        if is_out_of_memory(error):
            raise MissingModelError(
                f"model {model.name!r} does not fit the memory; set its quantization to nf4 or "
                f"int8, or take a smaller one ({error})"
            ) from error
        raise MissingModelError(explain(model, error)) from error
