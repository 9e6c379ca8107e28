"""PEFT's configuration of an adapter, from a kind and its options, with errors that name both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

VIRTUAL_TOKENS = 20
"""Length of a soft prompt that names none, as of `prompt_tuning`."""
PLANNED_STEPS = 1_000_000
"""Weight updates where a schedule needs their number and only shapes count."""
OURS = frozenset({
    "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version",
    "revision", "task_type", "total_step",
})  # fmt: skip
"""Fields that follow from the study."""
LAYERS_BY_NAME = ("target_modules", "exclude_modules", "modules_to_save")
BY_TABLE = ("ADAPTION_PROMPT", "BEFT", "IA3", "SHADOW")
"""Kinds whose layers PEFT's tables name for each family; of others all linear layers are meant."""


def registered() -> list[str]:
    """Return the kinds of adapter that the installed PEFT registers."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return sorted(one.value for one in PEFT_TYPE_TO_CONFIG_MAPPING)


def build(
    kind: str, options: Mapping[str, object], model: PreTrainedModel, steps: int | None = None
) -> PeftConfig:
    """Build the configuration of an adapter.

    Args:
        kind: PEFT's name of it, in any case.
        options: Fields of its configuration.
        model: The base, for names and shapes that PEFT does not look up itself.
        steps: Weight updates of the run; None where only shapes count.

    Raises:
        ConfigurationError: If PEFT has no such kind, the kind no such option, or the base no such
            layer; names what there is.
    """
    from peft import TaskType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    known = {one.value: config for one, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    config = known.get(kind.upper())
    if config is None:
        raise ConfigurationError(f"peft_type={kind!r} is not in the installed PEFT; {_list(known)}")
    fields = {one.name for one in dataclasses.fields(config)}
    for name in options:
        if name in OURS:
            raise ConfigurationError(f"option {name!r} follows from the study; leave it out")
        if name not in fields:
            allowed = _list(fields - OURS)
            raise ConfigurationError(f"{kind.upper()} has no option {name!r}; {allowed}")
    given: dict[str, Any] = _defaults(kind.upper(), fields, model) | dict(options)
    if given.get("layers_to_transform") is not None and given["target_modules"] == "all-linear":
        given["target_modules"] = linear_layers(model)  # PEFT takes no word for all of them there
    if kind.upper() == "ADALORA":
        _check_budget(given)
        given["total_step"] = steps or PLANNED_STEPS
    _check_names(given, model)
    _check_tied(kind.upper(), given, model)
    try:
        return config(task_type=TaskType.CAUSAL_LM, **given)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigurationError(f"{kind.upper()}: {error}") from error


def _defaults(kind: str, fields: set[str], model: PreTrainedModel) -> dict[str, object]:
    """Fill in what PEFT leaves open: the layers, the length of a prompt, the width of a network."""
    made: dict[str, object] = {}
    if kind == "LN_TUNING":  # PEFT's table has no Llama
        names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
        made["target_modules"] = sorted(one for one in names if one.endswith("norm"))
    elif "target_modules" in fields and kind not in (*BY_TABLE, "TRAINABLE_TOKENS"):
        made["target_modules"] = "all-linear"
    if "num_virtual_tokens" in fields:
        made["num_virtual_tokens"] = VIRTUAL_TOKENS
    if kind == "P_TUNING":
        made["encoder_hidden_size"] = model.config.get_text_config().hidden_size
    if kind == "ADAPTION_PROMPT":
        layers = model.config.get_text_config().num_hidden_layers
        made |= {"adapter_len": 10, "adapter_layers": layers}
    if "progressbar" in fields:
        made["progressbar"] = False
    return made


def _check_budget(given: Mapping[str, Any]) -> None:
    """Refuse a budget that takes no rank away: PEFT fails at the first allocation."""
    first, last = given.get("init_r", 12), given.get("target_r", 8)  # PEFT's defaults
    if first <= last:
        raise ConfigurationError(f"ADALORA: init_r={first} must be more than target_r={last}")


def _check_tied(kind: str, given: Mapping[str, Any], model: PreTrainedModel) -> None:
    """Refuse to train one of embeddings and output layer where both are one tensor."""
    if not model.config.get_text_config().tie_word_embeddings:
        return
    layers = {
        name.rpartition(".")[2]: name
        for name, module in model.named_modules()
        if module in (model.get_input_embeddings(), model.get_output_embeddings())
    }
    trained = sorted(set(given.get("modules_to_save") or ()) & set(layers))
    if trained or kind == "TRAINABLE_TOKENS":
        raise ConfigurationError(
            f"{kind} would train {', '.join(trained) or 'tokens'} alone, but embeddings and output "
            f"layer of this base are one tensor ({' = '.join(sorted(layers))}); adapt other layers"
        )


def _check_names(given: Mapping[str, Any], model: PreTrainedModel) -> None:
    """Refuse names that no layer has: PEFT passes over them if another one matches.

    A text is a pattern to PEFT. Adapters with patterns are not opened again (see
    `training/adapters.py`), so only lists of names are taken.
    """
    for field in LAYERS_BY_NAME:
        names = given.get(field)
        if isinstance(names, str) and not (field == "target_modules" and names == "all-linear"):
            raise ConfigurationError(f"{field}={names!r} is no list of names of layers")
        if names is not None and not isinstance(names, str):
            _require(field, names, model)
    for field in ("rank_pattern", "alpha_pattern"):
        _require(field, given.get(field) or (), model)


def _require(field: str, names: Iterable[str], model: PreTrainedModel) -> None:
    paths = [name for name, _ in model.named_modules()]
    for one in names:
        if not any(path == one or path.endswith(f".{one}") for path in paths):
            raise ConfigurationError(
                f"{field}: the base has no layer {one!r}; its linear layers: "
                f"{', '.join(linear_layers(model))}"
            )


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Return the names of a base's linear layers, the output layer left out."""
    import torch

    head = model.get_output_embeddings()
    return sorted({
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    })  # fmt: skip


def _list(names: Iterable[str]) -> str:
    return f"allowed: {', '.join(sorted(names))}"
