"""Any adapter that the installed PEFT registers, by PEFT's own name and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, field_validator

from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.adapters.kinds import LABELS, Limits, limits_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from synthetic_instruction_tuner.methods.adapters.hooks import Hooks


class Config(MethodConfig):
    """An adapter of PEFT: AdaLoRA, LoHa, LoKr, OFT, BOFT, HRA, FourierFT, layer norms and others.

    Kind, options and names of layers are checked against the installed PEFT and the base before
    anything runs. Of what is not given PEFT's defaults hold; layers are all linear ones.
    """

    label = "PEFT"
    what = "an adapter of the PEFT library, by its name there"
    method: Literal["peft"] = "peft"
    peft_type: str = "ADALORA"
    """Kind of adapter, as `peft.PeftType` calls it (ADALORA, LOHA, BOFT, ...), in any case."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields of PEFT's configuration of that kind (`r`, `target_modules`, ...)."""

    @field_validator("peft_type")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @property
    def virtual_tokens(self) -> int:
        """Length of the prompt, which every model's context gives up; 0 for other adapters."""
        from synthetic_instruction_tuner.methods.adapters.building import VIRTUAL_TOKENS

        if not self.peft_type.endswith(("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CARTRIDGE")):
            return 0
        length = self.options.get("num_virtual_tokens", VIRTUAL_TOKENS)
        return length if isinstance(length, int) else 0

    @property
    def shown(self) -> str:
        """How tables name it: as its kind is written."""
        return LABELS.get(self.peft_type, self.peft_type)

    @property
    def customised(self) -> bool:
        """Always: whether PEFT has the kind for this base is not known before it is asked."""
        return True

    def limits(self) -> Limits:
        """Return what this kind of adapter cannot do."""
        if self.options.get("use_asa"):
            return Limits(refused="its option use_asa needs PEFT's own callback")
        return limits_of(self.peft_type)

    def adapter_kind(self) -> str:
        """Return the kind that the settings name."""
        return self.peft_type

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the options as they were given."""
        return dict(self.options)

    def hooks(self, model: PreTrainedModel) -> Hooks | None:
        """Return AdaLoRA's allocation of ranks; other kinds need nothing but gradients."""
        from synthetic_instruction_tuner.methods.adapters.hooks import RankAllocation

        return RankAllocation(model) if self.peft_type == "ADALORA" else None
