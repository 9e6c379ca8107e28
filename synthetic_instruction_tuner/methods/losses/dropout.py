"""Dropout as models have it: modules, and rates that their code hands to a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def switch_off(model: torch.nn.Module) -> None:
    """Set all dropout rates to 0, in training mode too; the model's own configuration included.

    TRL's `disable_dropout_in_model` reaches modules alone. OPT, XGLM and BioGPT hold rates as
    numbers, and so does all attention that drops weights; Falcon and Persimmon ask their
    configuration in every pass.
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for holder in (module, vars(module).get("config")):
            for name, value in list(vars(holder).items() if hasattr(holder, "__dict__") else ()):
                if isinstance(value, float) and ("dropout" in name or name == "layerdrop"):
                    setattr(holder, name, 0.0)
