"""What client libraries ask for before they send anything: settings that change nothing, and flags that are none."""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.ports import SourceDirectory
from rapport.web.api import cors
from rapport.web.api.problems import json_answer, problem

SETTINGS_PATH = "/v1/projects/{key}/settings"
FLAG_PATHS = ("/flags", "/flags/", "/decide", "/decide/")

NO_FLAGS = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "sessionRecording": False,
    "supportedCompression": ["gzip", "gzip-js"],
}
"""PostHog's answer about feature flags where there are none (https://posthog.com/docs/api/flags)."""


def analytics_settings(key: str, origin: str) -> dict[str, Any]:
    """What analytics.js reads from `/v1/projects/{key}/settings`: no destinations, no remote code, no own metrics.

    With an origin it is also told to send its events there.
    """
    destination: dict[str, Any] = {"apiKey": key, "unbundledIntegrations": [], "addBundledMetadata": False}
    place = urlsplit(origin)
    if place.netloc:
        destination |= {"apiHost": f"{place.netloc}{place.path.rstrip('/')}/v1", "protocol": place.scheme}
    return {
        "integrations": {"Segment.io": destination},
        "analyticsNextEnabled": True,
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
    }


def sdk_routes(sources: SourceDirectory, origin: str) -> list[Route]:
    async def settings(request: Request) -> Response:
        key = request.path_params["key"]
        if sources.by_write_key(key) is None:
            return _open(problem(401, "unknown_key", "this write key is not known here"))
        return _open(json_answer(analytics_settings(key, origin)))

    async def flags(_: Request) -> Response:
        return _open(json_answer(NO_FLAGS))

    async def preflight(request: Request) -> Response:
        response = Response(status_code=204)
        response.raw_headers[:] = cors.preflight(request.headers.raw)
        return response

    return [
        Route(SETTINGS_PATH, settings, methods=["GET"]),
        *(Route(path, flags, methods=["GET", "POST"]) for path in FLAG_PATHS),
        *(Route(path, preflight, methods=["OPTIONS"]) for path in (SETTINGS_PATH, *FLAG_PATHS)),
    ]


def _open(response: Response) -> Response:
    response.raw_headers.append(cors.ALLOW_ORIGIN)
    return response
