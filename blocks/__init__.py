"""What an operator configures once in the Prefect UI, typed; nothing is saved at import."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.hub_credentials import HubCredentials
from blocks.language_model import LanguageModel
from blocks.reward_model import RewardModel
from blocks.workspace import Workspace

__all__ = ["HubCredentials", "LanguageModel", "RewardModel", "Workspace", "register_all"]

TYPES: tuple[type[Block], ...] = (HubCredentials, LanguageModel, RewardModel, Workspace)


def register_all() -> list[str]:
    """Make the block types known to the Prefect server; running it again only updates them.

    Returns:
        The slugs of the types.
    """
    for one in TYPES:
        one.register_type_and_schema()
    return [one.get_block_type_slug() for one in TYPES]
