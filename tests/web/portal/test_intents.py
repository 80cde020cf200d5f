"""Whoever opens a link without being signed in comes back to the very thing that they opened, and nowhere else."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.claims import Claims
from rapport.app.embedded import open_ledger
from rapport.app.signing_in import HouseSignin
from rapport.kernel.times import MINUTE, now
from rapport.web.portal import Intents, portal_routes
from rapport.web.portal.intents import CARRIED, target_of
from rapport.web.signin import signin_routes
from tests.profile.house import ORG
from tests.signin.authenticator import Authenticator
from tests.web.portal.person import ORIGIN, Home

INTENT = "intent"


class Browser:
    """Without a screen; what it keeps is in `cookies`."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: object = None,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            said = {"Origin": ORIGIN, **(headers or {})}
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                content = None if body is None else json.dumps(body)
                return await client.request(method, path, headers=said, content=content, data=form)

        response = asyncio.run(sent())
        for line in response.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0].strip('"')
            if "max-age=0" in line.lower():
                del self.cookies[name]
        return response

    def form(self, path: str, fields: dict[str, str]) -> httpx.Response:
        return self.send("POST", path, form=fields)

    @property
    def intent(self) -> str | None:
        return next((value for name, value in self.cookies.items() if INTENT in name), None)


class House:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.ahead = 0
        self.intents = Intents(lambda: now() + self.ahead)
        signin = HouseSignin(lambda: open_ledger(home.settings), bytes(32), ORIGIN)
        desk = home.desk()
        self.app = Starlette(
            routes=[*portal_routes(desk, ORIGIN, self.intents), *signin_routes(signin, ORIGIN, None, self.intents)]
        )
        self.person = home.people.add([]).handle
        self.key = Authenticator(ORIGIN, "node.test")
        self.enrol(self.browser())

    def browser(self) -> Browser:
        return Browser(self.app)

    def enrol(self, browser: Browser, key: Authenticator | None = None) -> str:
        code = Accounts(self.home.ledger).invite(self.person)
        options = browser.send("POST", "/signin/invite/ask", body={"code": code}).json()
        answer = {"code": code, "passkey": (key or self.key).make(options)}
        return str(browser.send("POST", "/signin/invite/make", body=answer).json()["next"])

    def sign_in(self, browser: Browser) -> str:
        options = browser.send("POST", "/signin/ask", body={}).json()
        return str(browser.send("POST", "/signin/prove", body=self.key.prove(options)).json()["next"])

    def claim_link(self) -> str:
        code, _ = Claims(self.home.people).mint(ORG, "user_id", "ada")
        return f"/me/claim?code={code}"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with Home() as home:
        yield House(home)


@pytest.mark.parametrize("path", ["claim", "/me/tap?code=abc-_.shop", "/me/devices/pair"])
def test_a_stranger_comes_back_to_what_they_opened_once(house: House, path: str) -> None:
    browser = house.browser()
    path = house.claim_link() if path == "claim" else path
    sent = browser.send("GET", path)
    assert (sent.status_code, sent.headers["location"]) == (303, "/signin")
    cookie = sent.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert path.partition("code=")[2] not in cookie or "code=" not in path
    assert house.sign_in(browser) == path
    assert browser.intent is None
    assert browser.send("GET", path).status_code in {200, 404}  # a till's code that never was
    assert house.sign_in(house.browser()) == "/me"


def test_a_new_passkey_leads_on_as_well(house: House) -> None:
    browser = house.browser()
    path = house.claim_link()
    browser.send("GET", path)
    assert house.enrol(browser, Authenticator(ORIGIN, "node.test")) == path


def test_whoever_is_signed_in_and_comes_by_a_letter_goes_on_without_a_proof(house: House) -> None:
    """The browser keeps the session's cookie to itself where another site leads here, until a page of ours asks."""
    browser = house.browser()
    house.sign_in(browser)
    kept, path = dict(browser.cookies), house.claim_link()
    browser.cookies = {}
    browser.send("GET", path)
    browser.cookies |= kept
    assert browser.send("POST", "/signin/ask", body={}).json() == {"next": path}
    browser.cookies = {}
    browser.send("GET", path)
    browser.cookies |= kept
    assert browser.send("GET", "/signin").headers["location"] == path
    assert browser.send("GET", "/signin").headers["location"] == "/me"


def test_another_browser_is_led_nowhere_and_a_secret_counts_once(house: House) -> None:
    browser, thief = house.browser(), house.browser()
    browser.send("GET", house.claim_link())
    thief.cookies = dict(browser.cookies)
    assert house.sign_in(thief) != "/me"
    assert house.sign_in(browser) == "/me"
    browser.send("GET", house.claim_link())
    browser.cookies = dict.fromkeys(browser.cookies, "int_" + "A" * 32)
    assert house.sign_in(browser) == "/me"


def test_what_was_opened_longer_ago_is_forgotten(house: House) -> None:
    browser = house.browser()
    browser.send("GET", house.claim_link())
    house.ahead += 10 * MINUTE + 1
    assert house.sign_in(browser) == "/me"


@pytest.mark.parametrize(
    "path",
    [
        "/me/claim?code=//evil.test",
        "/me/claim?code=clm_x%0d%0aSet-Cookie:%20x",
        "/me/claim?code=" + "x" * 101,
        "/me/devices/pair?code=1234",  # a code that somebody else typed in is how people are talked into pairing
        "/me/erase",
        "/me/export",
        "/me/claim/join",
    ],
)
def test_nothing_else_is_carried(house: House, path: str) -> None:
    browser = house.browser()
    assert browser.send("GET", path).headers["location"] == "/signin"
    assert browser.intent is None


def test_what_nobody_looks_at_is_not_carried(house: House) -> None:
    browser = house.browser()
    browser.send("GET", house.claim_link(), {"Sec-Fetch-Dest": "image"})
    browser.send("POST", "/me/claim", {"Sec-Fetch-Dest": "document"})
    assert browser.intent is None


@pytest.mark.hypothesis
@given(st.text(max_size=200), st.sampled_from([*CARRIED, "/me", "/me/claim/", "//evil.test"]))
def test_whatever_is_opened_only_pages_of_the_list_are_led_to(code: str, path: str) -> None:
    query = httpx.QueryParams({"code": code})
    scope = {"type": "http", "method": "GET", "path": path, "query_string": str(query).encode(), "headers": []}
    scope |= {"root_path": "", "scheme": "http", "server": ("node.test", 80)}
    target = target_of(Request(scope))
    assert target is None or target.partition("?")[0] in CARRIED
    assert target is None or (target.isascii() and target.isprintable() and "//" not in target)


def test_strangers_fill_no_memory() -> None:
    intents = Intents()
    first = intents.keep("/me/claim")
    for _ in range(10_000):
        last = intents.keep("/me/claim")
    assert intents.take(first) is None
    assert intents.take(last) == "/me/claim"
