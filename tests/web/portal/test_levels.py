"""How sure the node must be of who is there, for each thing that a person's page can do: every route that changes
anything is in the table, and is held to its row. And none of them takes the word of another site."""

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.doors import Doors
from rapport.app.embedded import open_ledger
from rapport.app.proving import Proving
from rapport.app.recovering import HouseRecovery
from rapport.app.signing_in import HouseSignin
from rapport.kernel.times import now
from rapport.signin.passkeys import Made
from rapport.web.door import TRIES_A_MINUTE
from rapport.web.pages import CONTENT_SECURITY_POLICY
from rapport.web.portal import portal_routes
from rapport.web.signin import signin_routes
from tests.profile.house import ORG
from tests.web.portal.person import ORIGIN, Home, Person

OPEN, SESSION, VERIFIED, PROOF = "no session", "p0", "p2", "p2 by what it carries"

LEVELS = {
    # Takes nothing that is anybody's: how pages look, and a code that is spent.
    "POST /me/open": OPEN, "POST /me/theme": OPEN, "POST /me/language": OPEN,
    # Takes away, shuts, stops or asks. Whoever has a stolen session harms with it less than a delay would.
    "POST /me/leave": SESSION, "POST /me/lock": SESSION, "POST /me/devices/unbind": SESSION,
    "DELETE /me/devices": SESSION, "POST /me/devices/everything": SESSION, "POST /me/recovery/stop": SESSION,
    "POST /me/rights/review": SESSION, "POST /me/rights/withdraw": SESSION,
    # One's own words, which open nothing.
    "POST /me/goals": SESSION, "DELETE /me/goals": SESSION, "POST /me/inbox": SESSION, "POST /me/reach": SESSION,
    "POST /me/decisions/{id}/{answer}": SESSION,
    # Proximity is shown by the code itself.
    "POST /me/tap": SESSION,
    # An assertion of a passkey is what they take.
    "POST /me/again/ask": PROOF, "POST /me/again/prove": PROOF, "POST /me/sign/ask": PROOF, "POST /me/sign": PROOF,
    # Terms, and what they let in.
    "POST /me/terms": VERIFIED, "POST /me/terms/change": VERIFIED, "POST /me/terms/tell": VERIFIED,
    "DELETE /me/lock": VERIFIED, "POST /me/rights/stop": VERIFIED, "POST /me/known/{org}/correct": VERIFIED,
    # Credentials, and what a recovery rests on.
    "POST /me/devices": VERIFIED, "POST /me/devices/revoke": VERIFIED, "POST /me/devices/rename": VERIFIED,
    "POST /me/devices/pair": VERIFIED,
    "POST /me/devices/ask": VERIFIED, "POST /me/devices/make": VERIFIED, "POST /me/devices/codes": VERIFIED,
    "POST /me/devices/end": VERIFIED, "DELETE /me/sessions": VERIFIED,
    "POST /me/contacts": VERIFIED, "POST /me/contacts/verify": VERIFIED, "POST /me/contacts/drop": VERIFIED,
    # Claiming.
    "POST /me/claim": VERIFIED, "POST /me/claim/drop": VERIFIED, "POST /me/claim/part": VERIFIED,
    "POST /me/claim/purchase": VERIFIED, "POST /me/claim/join/ask": VERIFIED, "POST /me/claim/join/prove": VERIFIED,
    # Everything at once.
    "GET /me/export": VERIFIED, "GET /me/erase": VERIFIED, "POST /me/erase": VERIFIED,
}  # fmt: skip
LOOKS = {"GET /me/export", "GET /me/erase"}
"""Routes that change nothing, and need a level all the same."""
STEP_UP = re.compile(r"^/me/again\?back=")
BODIES = {"POST /me/devices": {"code": "x"}, "DELETE /me/devices": {"device": 1}}
PASSKEY = Made(credential=b"credential", public=b"key", counter=0, synced=False)


def changing(routes: list[BaseRoute], above: str = "") -> Iterator[str]:
    """`POST /me/lock`, …: what the routes let a request do besides looking."""
    for route in routes:
        if isinstance(route, Mount):
            yield from changing(route.routes or [], above + route.path)
        elif isinstance(route, Route):
            yield from (f"{one} {above}{route.path}" for one in (route.methods or set()) - {"GET", "HEAD", "OPTIONS"})


def looking(routes: list[BaseRoute], above: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from looking(route.routes or [], above + route.path)
        elif isinstance(route, Route) and "GET" in (route.methods or set()):
            yield f"GET {above}{route.path}"


def path_of(route: str) -> str:
    return route.partition(" ")[2].replace("{org}", ORG)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    made = Home()
    with made:
        yield made


@pytest.fixture(scope="module")
def stale(home: Home) -> Person:
    """Somebody with a passkey, whose session was verified never or long ago."""
    person = Person(home)
    Accounts(home.ledger).add_passkey(person.person, PASSKEY, "key", (b"challenge", now() + 10**9))
    return person


def anew(person: Person) -> Person:
    """In another session, since some of what is tried ends one."""
    person.cookies = {}
    person.csrf = ""
    person.post("/me/open", code=Doors(person.home.ledger).mint(person.person))
    person.csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', person.get("/me").text)[0]
    return person


def test_every_route_that_changes_anything_is_in_the_table(home: Home) -> None:
    person = Person(home)

    def answers(route: str) -> bool:
        """The addresses that software shares take each method, and answer some with 405."""
        method, headers = route.partition(" ")[0], {"Origin": ORIGIN}
        as_json = person.send(method, path_of(route), {**headers, "Accept": "application/json"}, json={})
        return as_json.status_code != 405 or person.send(method, path_of(route), headers, data={}).status_code != 405

    found = {route for route in changing(portal_routes(home.desk(), ORIGIN)) if answers(route)}
    assert found == set(LEVELS) - LOOKS


def asks_again(stale: Person, route: str, *, software: bool) -> bool | None:
    """Whether one is asked to show again who they are; None where there is no such request."""
    method, path = route.partition(" ")[0], path_of(route)
    headers = {"Origin": ORIGIN}
    if software:
        body = BODIES.get(route, {})
        answer = stale.send(method, path, {**headers, "Accept": "application/json"}, json=body)
        if answer.status_code == 405 or "takes a submitted form" in answer.text:
            return None
        return answer.status_code == 403 and answer.json()["code"] == "step_up"
    answer = stale.send(method, path, headers, data={"csrf": stale.csrf})
    return (
        None
        if answer.status_code == 405
        else answer.status_code == 303 and bool(STEP_UP.match(answer.headers["location"]))
    )


@pytest.mark.parametrize("route", sorted(LEVELS))
def test_each_route_asks_for_the_level_of_its_row(stale: Person, route: str) -> None:
    wanted = LEVELS[route] == VERIFIED
    if route.startswith("GET"):
        assert STEP_UP.match(stale.get(path_of(route)).headers["location"])
        return
    asked = set()
    for software in (False, True):
        if software or not route.startswith("DELETE"):
            asked.add(asks_again(stale, route, software=software))
        if stale.get("/me").status_code != 200:
            anew(stale)
    assert asked - {None} == {wanted}


def test_who_shuts_out_is_not_asked_again_and_who_lets_in_is(home: Home, stale: Person) -> None:
    assert stale.post("/me/lock", lock="yes").headers["location"].startswith("/me?done=locked")
    assert STEP_UP.match(stale.post("/me/lock", lock="no").headers["location"])
    assert home.people.person(stale.person).locked
    home.people.unlock(stale.person)


def test_every_page_of_a_person_is_kept_by_nobody_fenced_in_and_has_the_way_out_on_it(home: Home) -> None:
    person, seen = Person(home), 0
    for route in looking(portal_routes(home.desk(), ORIGIN)):
        answer = person.get(path_of(route))
        if "text/html" not in answer.headers.get("content-type", "") or route == "GET /me/open":
            continue
        seen += 1
        assert answer.headers["cache-control"] == "no-store", route
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert 'action="/me/leave"' in answer.text or "/erased/" in route, route
    assert seen > 20
    for fence in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert fence in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_after_leaving_the_session_that_the_browser_had_is_none_any_more(home: Home) -> None:
    person = Person(home)
    cookies = dict(person.cookies)
    assert person.post("/me/leave").status_code == 303
    person.cookies = cookies  # as a browser's history, or whoever copied it, would have it
    for route in looking(portal_routes(home.desk(), ORIGIN)):
        answer = person.get(path_of(route))
        assert answer.status_code != 200 or "/me/leave" not in answer.text, route


# -- another site


def doors(home: Home) -> list[BaseRoute]:
    signin = HouseSignin(lambda: open_ledger(home.settings), bytes(32), ORIGIN)
    return signin_routes(signin, ORIGIN, HouseRecovery(Proving(home.settings), signin))


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null", "Sec-Fetch-Site": "same-site"},
    {"Origin": f"{ORIGIN}.evil.test"},
    {"Origin": f"{ORIGIN}:81"},
    {"Origin": ORIGIN.replace("http:", "https:")},
    {"Origin": ""},
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
    {"Referer": f"{ORIGIN}/me"},
    {"Origin": "http://evil.test", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://evil.test", "Host": "evil.test"},
    {"Origin": "http://evil.test", "Host": "evil.test", "X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"},
]
KINDS = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/json", ""]


def test_no_route_takes_the_word_of_another_site_whatever_it_says_its_body_is(home: Home, stale: Person) -> None:
    anew(stale)
    before = stale.app
    stale.app = Starlette(routes=[*portal_routes(home.desk(), ORIGIN), *doors(home)])
    routes = [*(set(LEVELS) - LOOKS), *changing(doors(home))]
    assert len(routes) > 45
    body = f"csrf={stale.csrf}&lock=yes&code=x".encode()
    try:
        for route in routes:
            method, path = route.partition(" ")[0], path_of(route)
            for headers in FOREIGN:
                for kind in KINDS if headers is FOREIGN[0] else KINDS[:1]:
                    answer = stale.send(method, path, {**headers, "Content-Type": kind}, content=body)
                    assert answer.status_code in {403, 405}, (route, headers, kind, answer.status_code)
                    assert "set-cookie" not in answer.headers
    finally:
        stale.app = before
    assert stale.get("/me").status_code == 200


def test_a_form_without_its_token_changes_nothing_even_from_here(stale: Person) -> None:
    anew(stale)
    scripts = {"/me/again/ask", "/me/again/prove", "/me/sign/ask", "/me/sign", "/me/devices/ask", "/me/devices/make",
               "/me/claim/join/ask", "/me/claim/join/prove"}  # fmt: skip
    for route, level in LEVELS.items():
        if not route.startswith("POST") or level == OPEN or path_of(route) in scripts:
            continue
        for token in ("", "0" * 32, "é"):
            answer = stale.send("POST", path_of(route), {"Origin": ORIGIN}, data={"csrf": token})
            assert answer.status_code in {403, 405}, (route, token)
    assert stale.get("/me").status_code == 200


@pytest.mark.parametrize(
    "back",
    ["//evil.test", "https://evil.test", "/\\evil.test", "/me//evil.test", "/me/\\evil.test", "javascript:alert(1)",
     "/elsewhere", "/me/\r\nX: y", "é", "/me/" + "x" * 600, "/me/%2f%2fevil.test/../..//evil.test", "/me/ x"],
)  # fmt: skip
def test_nothing_leads_away_from_the_node(stale: Person, back: str) -> None:
    anew(stale)
    assert stale.post("/me/theme", theme="dark", back=back).headers["location"] in {"/me", "/me/"}
    page = stale.send("GET", "/me/again", params={"back": back})
    assert "evil" not in page.text
    assert "javascript:" not in page.text


# -- codes in addresses


@pytest.mark.parametrize("path", ["/me/open?code=x", "/me/claim?code=x", "/me/tap?code=x", "/signin/invite?code=x"])
def test_a_page_whose_address_holds_a_code_tells_nobody_its_address(home: Home, path: str) -> None:
    for origin, policy in (
        ("https://node.test", "no-referrer"),
        ("http://localhost:8080", "no-referrer"),
        ("http://10.0.0.7:8080", "strict-origin"),  # its form would be refused, and no code is in this either
    ):
        person = Person(home, origin=origin)
        if path.startswith("/signin"):
            signin = HouseSignin(lambda: open_ledger(home.settings), bytes(32), origin)
            person.app = Starlette(routes=signin_routes(signin, origin))
        assert person.get(path).headers["referrer-policy"] == policy
    assert Person(home).get("/me").headers["referrer-policy"] == "same-origin"


def test_a_form_of_a_page_that_tells_nobody_its_address_is_still_its_own(stale: Person) -> None:
    anew(stale)
    silent = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert stale.post("/me/lock", headers=silent, lock="yes").status_code == 303
    assert stale.post("/me/lock", headers={"Origin": "null"}, lock="yes").status_code == 403


# -- the node's own name


def test_what_a_request_says_of_the_node_changes_nothing(home: Home, stale: Person) -> None:
    """Names, cookies and addresses come from the setting alone."""
    lies = {"Host": "evil.test", "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "9.9.9.9", "Forwarded": "for=9.9.9.9;host=evil.test;proto=https"}  # fmt: skip
    anew(stale)
    for path in ("/me", "/me/devices", "/me/claim", "/me/known/nowhere"):
        assert "evil.test" not in stale.get(path, **lies).text
    for path in ("/me/devices/", "/signin/recover/", "/me/known/shop/"):
        told = stale.get(path, **lies)
        assert "evil.test" not in told.text + told.headers.get("location", ""), path
    options = stale.send("POST", "/me/again/ask", {"Origin": ORIGIN, **lies}).json()
    assert options["rpId"] == "node.test"
    opened = stale.post("/me/open", headers=lies, code=Doors(home.ledger).mint(stale.person))
    assert opened.headers["location"] == "/me"
    assert "secure" not in opened.headers["set-cookie"].lower()


def test_a_page_that_spends_links_is_tried_only_so_often(home: Home) -> None:
    person = Person(home)
    for turn in range(20 * TRIES_A_MINUTE):  # a few more are let in while a loaded machine gets through these
        answer = person.post("/me/open", code=f"me_{turn}")
        if answer.status_code == 429:
            break
        assert answer.status_code == 403
    assert answer.status_code == 429
    assert turn >= TRIES_A_MINUTE - 1
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
