"""Collection: one operation for each path that takes events, the spellings of client libraries beside them."""

from typing import Any

from rapport.collect import LIMITS
from rapport.collect.segment import KINDS
from rapport.web.api.collect import PATHS, Target
from rapport.web.api.openapi.answers import answer, answers, content
from rapport.web.api.openapi.parameters import in_path
from rapport.web.api.openapi.schema import TEXT, list_of, ref
from rapport.web.api.sdk_settings import FLAG_PATHS, SETTINGS_PATH

TAG = "Collection"
SPELLINGS = "Collection: spellings of client libraries"

_SECURITY: list[dict[str, list[str]]] = [{"write_key": []}, {"write_key_bearer": []}, {}]
_MEDIA = (
    "JSON, plain or compressed with gzip or deflate. The bytes decide what it is, not `Content-Type` or "
    "`Content-Encoding`, since some libraries label it wrongly."
)


def _limits(wire: str) -> str:
    limits = LIMITS[wire]
    return (
        f"An event may have {limits.event:,} bytes, a body {limits.body:,} (both inflated), and {limits.events:,} "
        "events. More is refused by name, and nothing is cut. One bad event costs no other."
    )


def _body(*schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
    return {"required": True, "description": _MEDIA, "content": content(schema)}


BODIES: dict[str, Any] = {
    **{f"{kind.capitalize()}Event": _body(ref(f"{kind.capitalize()}Event")) for kind in sorted(KINDS)},
    "Batch": _body(ref("Batch")),
    "PostHog": _body(ref("PostHogBatch"), ref("PostHogEvent"), list_of(ref("PostHogEvent"), minItems=1)),
}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    taken = {path: {"post": _operation(path, target)} for path, target in PATHS.items()}
    flags = {path: {"get": _flags("get", path), "post": _flags("post", path)} for path in FLAG_PATHS}
    return {**taken, SETTINGS_PATH: {"get": _settings()}, **flags}


def _operation(path: str, target: Target) -> dict[str, Any]:
    own = path == f"/v1/{target.path}"
    body = (
        "PostHog"
        if target.wire == "posthog"
        else "Batch"
        if target.path in {"batch", "import"}
        else f"{target.path.capitalize()}Event"
    )
    if own:
        summary = f"Send {'a batch of events' if body == 'Batch' else f'one {target.path} event'}"
    else:
        summary = "As PostHog's libraries send" if body == "PostHog" else f"The same as `/v1/{target.path}`"
    return {
        "tags": [TAG if own else SPELLINGS],
        "operationId": _identity(path),
        "summary": summary,
        "description": f"Answered once the bytes are on the disk. {_limits(target.wire)}",
        "security": _SECURITY,
        "requestBody": {"$ref": f"#/components/requestBodies/{body}"},
        "responses": answers(
            {"200": answer("At least one event was taken.", ref("Accepted"))},
            _400="NothingTaken",
            _401="NoKey",
            _413="TooLarge",
            _415="UnknownEncoding",
            _503="NoPlace",
        ),
    }


def _identity(path: str) -> str:
    """A name for the operation of a path: `/v1/batch` is `sendV1Batch`, `/v1/batch/` is `sendV1Batch_`."""
    return "send" + "".join(part.capitalize() or "_" for part in path[1:].split("/"))


def _settings() -> dict[str, Any]:
    return {
        "tags": [SPELLINGS],
        "operationId": "readAnalyticsSettings",
        "summary": "What analytics.js asks for before it sends",
        "parameters": [
            in_path("key", "A write key.", {**TEXT, "minLength": 1}),
        ],
        "responses": answers(
            {"200": answer("Where to send, and nothing else to do.", ref("AnalyticsSettings"))}, _401="NoKey"
        ),
    }


def _flags(method: str, path: str) -> dict[str, Any]:
    return {
        "tags": [SPELLINGS],
        "operationId": f"{method}Flags{_identity(path)}",
        "summary": "What PostHog's libraries may ask for: there are no flags",
        "responses": {"200": answer("No flags, whatever is asked.", ref("NoFlags"))},
    }
