"""The base of every settings model: frozen, no unknown fields, errors that name field and value."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


def title(model: type) -> str:
    """Name a group in a form: a plug-in's `Config` by its file, any other by its class."""
    if model.__name__ == "Config":
        return model.__module__.rpartition(".")[2].replace("_", " ")
    return model.__name__.removesuffix("Config")


class Settings(BaseModel):
    """A group of settings. Unknown fields are refused, so that a typing error is never ignored."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, model_title_generator=title
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Give a field that a subclass redefines without a text the text of the one it replaces."""
        schema = handler(core_schema)
        for name, one in handler.resolve_ref_schema(schema).get("properties", {}).items():
            bases = [base for base in cls.__mro__ if issubclass(base, BaseModel)]
            fields = [base.model_fields.get(name) for base in bases]
            known = [field.description for field in fields if field and field.description]
            if known:
                one.setdefault("description", known[0])
        return schema

    def content(self, *fields: str) -> dict[str, Any]:
        """Return some fields as JSON values, for an artifact's identity."""
        return self.model_dump(mode="json", include=set(fields))
