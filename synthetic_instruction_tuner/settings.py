"""The base of every settings model: frozen, no unknown fields, errors that name field and value."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A group of settings. Unknown fields are refused, so that a typing error is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def content(self, *fields: str) -> dict[str, Any]:
        """Return some fields as JSON values, for an artifact's identity."""
        return self.model_dump(mode="json", include=set(fields))
