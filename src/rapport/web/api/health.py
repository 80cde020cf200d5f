"""Health for whoever runs the node: alive, ready, and Prometheus metrics. Route templates only, no personal data."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rapport.web.api.problems import json_answer, problem


class Vitals(Protocol):
    def not_ready(self) -> str | None:
        """Why the node does not take and answer requests yet, or None."""

    def metrics(self) -> list[tuple[str, str, str, float]]:
        """(name, kind, help, value) of every metric."""


def health_routes(vitals: Vitals) -> list[Route]:
    async def healthz(_: Request) -> Response:
        return json_answer({"status": "alive"})

    async def readyz(_: Request) -> Response:
        reason = vitals.not_ready()
        if reason is not None:
            response = problem(503, "not_ready", reason)
            response.headers["Retry-After"] = "1"
            return response
        return json_answer({"status": "ready"})

    async def metrics(_: Request) -> Response:
        lines = []
        for name, kind, text, value in vitals.metrics():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value:g}"]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
