"""The Hugging Face token, kept encrypted by the Prefect server and never a flow parameter."""

from __future__ import annotations

import os

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.logos import HUGGING_FACE
from synthetic_instruction_tuner.errors import ConfigurationError

PREFIX = "hf_"


class HubCredentials(Block):
    """A Hugging Face access token with read access to the gated models of a study."""

    _block_type_name = "Hugging Face credentials"
    _block_type_slug = "hub-credentials"
    _logo_url = HUGGING_FACE
    _documentation_url = HttpUrl("https://huggingface.co/docs/hub/security-tokens")
    _description = (
        "A Hugging Face access token. Make one with read access at "
        "https://huggingface.co/settings/tokens and accept the licences of the gated models."
    )

    token: SecretStr = Field(
        title="Access token", description="Starts with hf_; read access is enough."
    )

    def log_in(self) -> None:
        """Use the token in this process and those that it starts; nothing is written to disk.

        Raises:
            ConfigurationError: If the token cannot be one; its value is not shown.
        """
        token = self.token.get_secret_value().strip()
        if not token.startswith(PREFIX) or len(token) <= len(PREFIX):
            name = self._block_document_name or "(not saved)"
            raise ConfigurationError(
                f"the token of block hub-credentials/{name} does not start with {PREFIX!r}; "
                "make one at https://huggingface.co/settings/tokens and edit the block"
            )
        os.environ["HF_TOKEN"] = token
