"""What is the portal's own in a visit (`rapport.web.visit`): somebody opened their own page."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.web import language, visit
from rapport.web.api.problems import json_answer
from rapport.web.portal.desk import Desk
from rapport.web.portal.intents import Onward
from rapport.web.portal.told import Session

AREA = "/me"
JSON = "application/json"


def asks_for_json(request: Request) -> bool:
    return JSON in request.headers.get("accept", "")


def by_software(request: Request) -> bool:
    """It asks for JSON, sends JSON, or is a DELETE, which no form makes."""
    return (
        asks_for_json(request)
        or request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON
        or request.method == "DELETE"
    )


def by_accept(response: Response) -> Response:
    """An answer that depends on what the browser accepts, besides what it depends on already."""
    response.headers["Vary"] = f"Accept, {response.headers['Vary']}" if "vary" in response.headers else "Accept"
    return response


class Portal(visit.Area[Desk], frozen=True):
    name = "me"
    path = AREA
    start = AREA
    door = "/signin"

    onward: Onward | None = None
    """Leads strangers on to what they came for, once they have signed in."""

    def sent_away(self, request: Request) -> Response:
        response = super().sent_away(request)
        if self.onward is not None:
            self.onward.remember(request, response)
        return response

    def language_of(self, request: Request) -> str:
        """Software is answered in one language, whatever people read."""
        return language.ENGLISH if by_software(request) else super().language_of(request)


class Visit(visit.Visit[Desk, Session], frozen=True):
    def answer(self, template: str, content: msgspec.Struct, **values: Any) -> Response:
        """The content as a page, or, for who asks for it (`Accept: application/json`), as it is."""
        if asks_for_json(self.request):
            response = json_answer(content)
        else:
            response = self.page(template, content=content, **values)
        return by_accept(response)

    def absent(self) -> Response:
        return self.page("problem.html", 404, message="There is nothing of yours at this address.")


Handler = Callable[[Visit], Awaitable[Response]]
