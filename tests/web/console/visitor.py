"""A browser without a screen: keeps cookies, follows nothing by itself, and reads pages as a parser does."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
from starlette.applications import Starlette

from rapport.web.console import console_routes
from tests.web.console.sample_desk import SampleDesk

ORIGIN = "http://node.test"
ALICE = f"cus_{0:026}"
ADA = f"cus_{6:026}"


class Visitor:
    """Signed in unless told otherwise; `post` sends what the console's own pages would."""

    def __init__(self, desk: SampleDesk | None = None, *, origin: str = ORIGIN, code: str | None = "good-code") -> None:
        self.desk = desk or SampleDesk()
        self.origin = origin
        self.app = Starlette(routes=console_routes(self.desk, origin))
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        if code is not None:
            assert self.post("/console/start", code=code).status_code == 303
            self.csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', self.get("/console/sources").text)[0]

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.origin, cookies=self.cookies) as client:
                response = await client.request(method, path, headers=headers, **more)
                self.cookies |= dict(response.cookies)
                for name in re.findall(r"^([^=]+)=.*max-age=0", response.headers.get("set-cookie", ""), re.IGNORECASE):
                    self.cookies.pop(name, None)
                return response

        return asyncio.run(sent())

    def get(self, path: str) -> httpx.Response:
        return self.send("GET", path)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return self.send(
            "POST", path, headers={"Origin": self.origin, **(headers or {})}, data={"csrf": self.csrf, **fields}
        )


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.texts: list[tuple[str, str]] = []
        """(the element right around it, the text)"""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "link", "input", "path", "rect", "stop"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        self.texts.append((self._open[-1] if self._open else "", data))

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a" and "href" in attributes]

    def only_its_own(self) -> bool:
        """No element, attribute or address that could run or load anything but this node's files."""
        for tag, attributes in self.elements:
            addresses = [attributes[name] for name in ("href", "src", "action", "formaction") if name in attributes]
            if tag in {"style", "iframe", "object", "embed", "img", "base", "foreignobject"}:
                return False
            if tag == "script" and not attributes.get("src", "").startswith("/console/static/"):
                return False
            if any(name == "style" or name.startswith("on") for name in attributes):
                return False
            if not all(re.match(r"/(?!/)|#", address) for address in addresses):
                return False
        return True
