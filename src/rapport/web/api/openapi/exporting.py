"""Exports: the customers that may be read for a purpose, as a file."""

from typing import Any

from rapport.kernel.vocabulary import PURPOSES
from rapport.terms.exports import FORMATS, STATUSES
from rapport.web.api import exports
from rapport.web.api.customers import MAX_BODY
from rapport.web.api.openapi.answers import PROBLEM, answer, answers, content
from rapport.web.api.openapi.parameters import in_path
from rapport.web.api.openapi.schema import (
    COUNT,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    maybe,
    named,
    one_of,
    ref,
    thing,
    told,
)
from rapport.web.exports import MEDIA

TAG = "Exports"

_HANDLE = named("exp")
_OPERATOR: list[dict[str, list[str]]] = [{"api_token": []}]
_ID = in_path("id", "The export, `exp_…`.", _HANDLE)
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope"}
_LATER = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}}
_BYTES = {"schema": told(TEXT, "The table.")}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        exports.PATH: {"get": _list(), "post": _ask()},
        exports.ONE: {"get": _read(), "delete": _delete()},
        exports.FILE: {"get": _file()},
        exports.METADATA: {"get": _metadata()},
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": name,
        "summary": summary,
        "description": f"Needs a token of scope `operator`. {description}",
        "security": _OPERATOR,
        **more,
    }


def _list() -> dict[str, Any]:
    return _operation(
        "listExports",
        "List your exports",
        "The newest first; those of the command line too.",
        parameters=[{"$ref": "#/components/parameters/Cursor"}, {"$ref": "#/components/parameters/Limit"}],
        responses=answers({"200": answer("A page of exports.", ref("ExportsPage"))}, _400="BadRequest", **_REFUSALS),
    )


def _ask() -> dict[str, Any]:
    located = {"Location": {"description": "Where to look how it is.", "required": True, "schema": TEXT}}
    return _operation(
        "askForExport",
        "Ask for an export",
        "The node makes one at a time of yours, beside its requests. One row for each customer that may be read for "
        "the purpose, with a receipt for each; who may not be read is not in it. Recipients must be named by your "
        f"declaration for the purpose: else 400 `unknown_recipient`. At most {MAX_BODY:,} bytes.",
        requestBody={"required": True, "content": content(ref("ExportAsked"))},
        responses=answers(
            {
                "202": answer("It waits to be made.", ref("ExportWaits"), headers=located),
                "409": answer("`too_many_exports`: delete some that the node keeps.", ref("Problem"), PROBLEM),
                "503": answer("`busy`: too many of yours are on their way.", ref("Problem"), PROBLEM, headers=_LATER),
            },
            _400="BadRequest",
            _413="TooLarge",
            _415="UnknownEncoding",
            **_REFUSALS,
        ),
    )


def _read() -> dict[str, Any]:
    return _operation(
        "readExport",
        "See how an export is",
        "Ask again until it is neither `waiting` nor `running`.",
        parameters=[_ID],
        responses=answers({"200": answer("How it is.", ref("Export"))}, _404="NotFound", **_REFUSALS),
    )


def _delete() -> dict[str, Any]:
    return _operation(
        "deleteExport",
        "Delete an export's file",
        "At once; one that waits or is being made never gets one. Receipts stay, and so does what is on record.",
        parameters=[_ID],
        responses=answers(
            {
                "204": {"description": "There is no file, or none any more."},
                "409": answer(
                    "`conflict`: the command line wrote it, and the node never had it.", ref("Problem"), PROBLEM
                ),
            },
            _404="NotFound",
            **_REFUSALS,
        ),
    )


def _file() -> dict[str, Any]:
    headers = {
        "Content-Disposition": {"description": "A name to save it by.", "required": True, "schema": TEXT},
        "Link": {"description": "`describedby`: its metadata.", "required": True, "schema": TEXT},
    }
    both = dict.fromkeys(MEDIA.values(), _BYTES)
    return _operation(
        "fetchExport",
        "Fetch an export's file",
        "Parquet carries its metadata; for CSV it is beside it. 404 until it is done, and when the node keeps it no "
        "longer. That it was fetched is on record.",
        parameters=[_ID],
        responses=answers(
            {"200": {"description": "The file.", "headers": headers, "content": both}},
            _404="NotFound",
            _409="Conflict",
            **_REFUSALS,
        ),
    )


def _metadata() -> dict[str, Any]:
    return _operation(
        "readExportMetadata",
        "Read what an export rests on",
        "404 until it is done.",
        parameters=[_ID],
        responses=answers({"200": answer("The metadata.", ref("ExportMetadata"))}, _404="NotFound", **_REFUSALS),
    )


_PURPOSE = one_of(*PURPOSES)
_FORMAT = one_of(*FORMATS)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": exports.MOST_CUSTOMERS}
_RECIPIENTS = list_of({**TEXT, "minLength": 1, "maxLength": exports.LONGEST_NAME}, maxItems=exports.MOST_RECIPIENTS)

SHAPES: dict[str, Schema] = {
    "ExportAsked": {
        **thing(
            "Which customers, in which form, for whom.",
            {"purpose": told(_PURPOSE, "What it is for."), "format": _FORMAT},
            {
                "limit": told(maybe(_LIMIT), "At most so many customers, the newest."),
                "audience": told(
                    {"type": "string", "maxLength": 63}, "Its members alone, for its own purpose.", examples=[""]
                ),
                "fields": map_of(TEXT, "Column → expression, in place of all that there is."),
                "recipients": told(
                    _RECIPIENTS,
                    "To whom it is given beyond your organization, as your declaration names them for the purpose.",
                    examples=[[]],
                ),
            },
        ),
        "additionalProperties": False,
    },
    "ExportWaits": thing("An export that waits.", {"export": told(_HANDLE, "Its id."), "status": {"const": "waiting"}}),
    "Export": thing(
        "An export on record.",
        {
            "export": told(_HANDLE, "Its id."),
            "status": told(
                one_of(*STATUSES),
                "`expired`: its time is over; `deleted`: its file was, by you or since somebody in it was erased.",
            ),
            "place": told(one_of("node", "command line"), "Where it was made."),
            "purpose": TEXT,
            "format": _FORMAT,
            "limit": maybe(COUNT),
            "recipients": list_of(TEXT),
            "audience": told(maybe(TEXT), "Whose members are in it; null: everybody."),
            "asked_at": TIME,
            "progress": thing(
                "How far it is.",
                {
                    "records": told(COUNT, "Records looked at."),
                    "customers": told(COUNT, "Customers in it so far."),
                },
            ),
            "customers": told(maybe(COUNT), "How many are in it, once it is done."),
            "declaration": told(maybe(TEXT), "The hash of the declaration that it rests on."),
            "exported_at": maybe(TIME),
            "expires_at": told(
                maybe(TIME), "Until when it may be kept, wherever it lies; null where nothing was said."
            ),
            "kept_until": told(maybe(TIME), "Until when the node keeps its file."),
            "bytes": maybe(COUNT),
            "fetched": told(COUNT, "How often the file was fetched."),
            "reason": told(maybe(TEXT), "Why it failed, or was deleted."),
            "metadata": {"anyOf": [ref("ExportMetadata"), {"type": "null"}]},
            "file": told(maybe(TEXT), "Where to fetch it."),
        },
    ),
    "ExportsPage": thing(
        "A page of exports.",
        {
            "exports": list_of(ref("Export")),
            "next": told(maybe(TEXT), "The `cursor` of the next page; null at the end."),
        },
    ),
    "ExportMetadata": map_of(
        TEXT, "As in the file: `rapport.export`, `rapport.purpose`, `rapport.declaration`, `rapport.expires_at` …"
    ),
}
