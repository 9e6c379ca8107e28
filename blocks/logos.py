"""Pictures of the block types; browsers load them, and the server takes nothing but addresses."""

from __future__ import annotations

from prefect.filesystems import LocalFileSystem
from pydantic import HttpUrl

FOLDER = HttpUrl(str(LocalFileSystem._logo_url))
HUGGING_FACE = HttpUrl("https://huggingface.co/front/assets/huggingface_logo-noborder.svg")
