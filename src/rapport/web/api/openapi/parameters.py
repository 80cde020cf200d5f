"""What a request says beside its body: parameters in its path, its query and its headers."""

from typing import Any

from rapport.web.api.openapi.schema import TEXT, Schema

Parameter = dict[str, Any]


def in_path(name: str, description: str, schema: Schema, **more: Any) -> Parameter:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema, **more}


def in_query(name: str, description: str, schema: Schema, **more: Any) -> Parameter:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def in_header(name: str, description: str) -> Parameter:
    return {"name": name, "in": "header", "description": description, "schema": TEXT}


EXPECTED = [
    in_header("If-Match", "The `ETag` of the version that this is to replace."),
    in_header("If-None-Match", "`*`: only where there is none."),
]
KNOWN_VERSION = in_header("If-None-Match", "The `ETag` that you have.")
