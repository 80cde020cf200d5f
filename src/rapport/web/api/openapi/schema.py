"""A few words to build JSON Schemas with (https://json-schema.org/draft/2020-12)."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time", "examples": ["2026-11-21T20:02:55Z"]}
ANYTHING: Schema = {}
ANY_OBJECT: Schema = {"type": "object"}


def told(schema: Schema, description: str, **more: Any) -> Schema:
    """A schema with a description and further keywords."""
    return {**schema, "description": description, **more}


def maybe(schema: Schema) -> Schema:
    """A schema, or null."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def thing(description: str, required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members. Others may be there, too."""
    members = {**required, **(optional or {})}
    schema: Schema = {"type": "object", "description": description, "properties": members}
    return {**schema, "required": list(required)} if required else schema


def strict(schema: Schema) -> Schema:
    """A thing, and no other members than its own."""
    return {**schema, "additionalProperties": False}


def list_of(schema: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": schema, **more}


def map_of(schema: Schema, description: str) -> Schema:
    """An object whose members' names are data."""
    return {"type": "object", "description": description, "additionalProperties": schema}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def named(prefix: str, size: int = 16) -> Schema:
    """A handle of so many bytes, such as `cus_…`: base 32 in lower case, with the last letter's spare bits zero."""
    whole, rest = divmod(size * 8, 5)
    last = "".join(_LETTERS[bits << 5 - rest] for bits in range(1 << rest))
    return {"type": "string", "pattern": f"^{prefix}_[0-9a-hj-np-tv-z]{{{whole}}}[{last}]$"}


_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
