"""What is the console's own in a visit (`rapport.web.visit`)."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from rapport.web import visit
from rapport.web.console.desk import Desk, Session


class Console(visit.Area[Desk], frozen=True):
    name = "console"
    path = "/console"
    start = "/console/live"
    door = "/console/start"

    def way_back(self, path: str) -> str:
        """The front page is the console's too, though it is not below it."""
        return "/" if path == "/" else super().way_back(path)


class Visit(visit.Visit[Desk, Session], frozen=True):
    def absent(self) -> Response:
        return self.page("absent.html", 404, here="/console/customers", section="customers")


Handler = Callable[[Visit], Awaitable[Response]]
