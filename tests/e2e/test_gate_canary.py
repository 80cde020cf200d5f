"""No value leaves except through the gate (design §3, rule 4): whoever is locked out or refused is on no page, in no
answer, on no stream, in no log and no metric, while everything the node offers is used; and lists are masked.

What the node offers is asked of the node itself: a route that is not tried here fails `test_every_route_is_tried`.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.routing import Mount

from rapport.app.embedded import open_people
from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.terms import Clause, Terms
from tests.e2e.api import PARTS, path_of
from tests.e2e.offered import ALL, BOUGHT, HAPPENED, IDENTIFYING, MASKED, SAID, Offered, ids, it
from tests.e2e.test_canary import sightings
from tests.e2e.trying import (
    Tries,
    agreements,
    back,
    body,
    editor,
    form,
    live,
    older,
    page,
    plain,
    preview,
    refusal,
    refusals,
    unlink,
)

__all__ = ["it"]
NOBODYS = ("CollectRoute",)
"""Told by their own tests: what is sent there is answered to its sender."""


# -- each route, and how it is tried


def customers(it: Offered, purpose: str) -> Tries:
    for customer in ids(it):
        for part in PARTS:
            for more in ("", "&limit=1", f"&cursor={quote(it.cursor)}", "&cursor=forged"):
                status, content = it.api("GET", path_of(customer, part, f"purpose={purpose}{more}"))
                yield status, content, ()
        yield *it.api("HEAD", path_of(customer)), ()


def profiles(it: Offered, purpose: str) -> Tries:
    for customer in ids(it):
        for part in ("traits", "external_ids", "events", "metadata", "links"):
            path = f"/v1/spaces/canary/collections/users/profiles/{quote(customer, safe='')}/{part}"
            for more in ("&limit=500&verbose=true", "&next=forged", "&include=email,phone,name"):
                status, content = it.api("GET", f"{path}?purpose={purpose}{more}")
                yield status, content, ()


def view(it: Offered, purpose: str) -> Tries:
    for customer in ids(it):
        answer = it.org.operate("/v1/customers/view", {"id": customer, "purpose": purpose})
        yield answer.status, answer.body, ()


def link(it: Offered, _: str) -> Tries:
    for end in (*ids(it), it.record):
        answer = it.org.operate("/v1/evidence", {"kind": "must_link", "a": end, "b": "user_id:nobody"})
        yield answer.status, answer.body, ()


def retract(it: Offered, _: str) -> Tries:
    for evidence in it.evidence[:1]:
        answer = it.org.operate(f"/v1/evidence/{evidence}x/retract", {})
        yield answer.status, answer.body, ()


def benefits(it: Offered, _: str) -> Tries:
    said = {"side": "customer", "kind": "refund", "amount": "1.00", "unit": "GBP"}
    for customer in ids(it):
        for evidence in ("m2", "nothing"):
            answer = it.org.operate("/v1/benefits", {**said, "customer": customer, "evidence": evidence})
            yield answer.status, answer.body, ()


def exports(it: Offered, purpose: str) -> Tries:
    """One that is made now, and all that is told of it; what was made before a person refused is the company's."""
    asked = it.org.operate("/v1/exports", {"purpose": purpose, "format": "csv"})
    yield asked.status, asked.body, ()
    where, deadline = asked.headers["location"], time.monotonic() + 90
    while it.org.get(where).json["status"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for path in ("/v1/exports", where, f"{where}/metadata", f"{where}/file"):
        yield *it.api("GET", path), ()
    yield *it.api("DELETE", where), ()


def export_form(it: Offered, purpose: str) -> Tries:
    """The page, and one that is made now by its form."""
    yield *it.go("/console/exports"), ()
    yield *it.send("/console/exports", purpose=purpose, format="csv"), ()
    newest = it.org.get("/v1/exports?limit=1").json["exports"][0]["export"]
    where, deadline = f"/console/exports/{newest}?watch=yes", time.monotonic() + 90
    while b'http-equiv="refresh"' in it.go(where)[1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    where = where.partition("?")[0]
    for path in (where, f"{where}/metadata", f"{where}/file"):
        yield *it.go(path), ()
    yield *it.send(f"{where}/delete"), ()


EVERYONE = 'traits.firstName != "nobody" && !("nobody" in identifiers.email) && count("*") > 0'


def audiences(it: Offered, purpose: str) -> Tries:
    """One of everybody, and all that is told of it, also by name and of each customer."""
    asked = json.dumps({"expression": EVERYONE, "purpose": purpose}).encode()
    for path in ("/v1/audiences/preview", "/v1/audiences/everyone"):
        yield *it.api("POST" if path.endswith("preview") else "PUT", path, asked), ()
    deadline = time.monotonic() + 120
    while it.org.get("/v1/audiences/everyone").json["filling"] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for path in ("", "/everyone", "/everyone/members", "/everyone/members?limit=1", "/everyone/history"):
        yield *it.api("GET", f"/v1/audiences{path}"), ()
    for customer in ids(it):
        yield *it.api("GET", f"/v1/audiences/everyone/why?customer={quote(customer, safe='')}"), ()
        yield *it.go(f"/console/audiences/everyone/why?{urlencode({'customer': customer})}"), (customer,)
    for path in ("", "/everyone", "/everyone/people", "/everyone/moves"):
        yield *it.go(f"/console/audiences{path}"), ()
    yield *it.api("DELETE", "/v1/audiences/everyone"), ()


def computed(it: Offered, purpose: str) -> Tries:
    asked = json.dumps({"expression": 'last("Order Completed", "sku")', "purpose": purpose}).encode()
    yield *it.api("PUT", "/v1/traits/sku", asked), ()
    yield *it.api("GET", "/v1/traits"), ()
    yield *it.api("GET", "/v1/traits/sku"), ()
    yield *it.api("DELETE", "/v1/traits/sku"), ()


EVERYTHING = "".join(
    f"{{{one} or ''}}"
    for one in (
        "traits.email",
        "traits.phone",
        "traits.firstName",
        "traits.last_name",
        "traits.allergies",
        "traits.frobnication",
        "identifiers.email",
        "identifiers.user_id",
        "identifiers.loyalty_id",
        'last("Order Completed", "sku")',
        'count("*")',
    )
)


def acting(it: Offered, purpose: str) -> Tries:
    """An action that says all that is known of a customer, previewed for each."""
    content = {"inbox": {"en": f".{EVERYTHING}"}, "web": {"en": {"text": "x", "html": f"<p>{EVERYTHING}</p>"}}}
    asked = {"kind": "inform", "purpose": purpose, "eligible": EVERYONE, "content": content}
    yield *it.api("PUT", "/v1/actions/everything", json.dumps(asked).encode()), ()
    for path in ("", "/everything"):
        yield *it.api("GET", f"/v1/actions{path}"), ()
    for customer in ids(it):
        for channel in content:
            wish = json.dumps({"customer": customer, "channel": channel}).encode()
            yield *it.api("POST", "/v1/actions/everything/preview", wish), ()
            query = urlencode({"customer": customer, "channel": channel})
            yield *it.go(f"/console/actions/everything/preview?{query}"), (customer,)
    yield *it.api("DELETE", "/v1/actions/everything"), ()


def deciding(it: Offered, purpose: str) -> Tries:
    """An action that says all that is known of a customer, decided upon for each, on each channel that it has."""
    content = {"inbox": {"en": f".{EVERYTHING}"}, "web": {"en": {"text": EVERYTHING}}}
    asked = {"kind": "help", "purpose": purpose, "eligible": EVERYONE, "content": content, "value": {"company": 3}}
    yield *it.api("PUT", "/v1/actions/everything", json.dumps(asked).encode()), ()
    for customer in ids(it):
        for channel, deliver in (("web", False), ("inbox", True), ("inbox", False)):
            wish = {"customer": customer, "purpose": purpose, "channel": channel, "deliver": deliver}
            yield *it.api("POST", "/v1/decisions", json.dumps(wish).encode()), ()
        for channel in content:
            query = urlencode({"customer": customer, "channel": channel, "country": "GB"})
            yield *it.go(f"/console/decide?{query}"), (customer,)
    yield *it.api("DELETE", "/v1/actions/everything"), ()


def search(it: Offered, _: str) -> Tries:
    for text in ("", *ids(it), *(ALL[name] for name in ("email", "phone", "user", "name", "surname")), it.record):
        yield *it.go(f"/console/customers?{urlencode({'q': text})}"), ((text,) if text else ())


WELL_KNOWN = "/.well-known/rapport/canary"
ROUTES: dict[str, Any] = {
    "/v1/projects/{key}/settings": plain("/v1/projects/x/settings"),
    "/flags": plain("/flags"),
    "/flags/": plain("/flags/"),
    "/decide": plain("/decide"),
    "/decide/": plain("/decide/"),
    "/v1/customers/view": view,
    "/v1/customers/{rest:path}": customers,
    "/v1/spaces/{org}/collections/users/profiles/{rest:path}": profiles,
    "/v1/evidence": link,
    "/v1/evidence/{id}/retract": retract,
    "/v1/benefits": benefits,
    "/v1/benefits/estimates": body("POST", "/v1/benefits/estimates"),
    "/v1/statement": plain("/v1/statement", "/v1/statement?month=2026-01"),
    "/drp/{org}/v1/data-rights-request": body("POST", "/drp/canary/v1/data-rights-request"),
    "/drp/{org}/v1/data-rights-request/": body("POST", "/drp/canary/v1/data-rights-request/"),
    "/drp/{org}/v1/data-rights-request/{request_id}": plain("/drp/canary/v1/data-rights-request/nothing"),
    "/drp/{org}/v1/agent/{agent_id}": plain("/drp/canary/v1/agent/NOBODY"),
    "/drp/{org}/results/{secret}": plain("/drp/canary/results/nothing"),
    "/v1/demands/{id}/acknowledge": body(
        "POST", "/v1/demands/dem_nothing/acknowledge", b'{"acknowledged": true, "token": "ack_x"}'
    ),
    "/v1/claim-links": body("POST", "/v1/claim-links", b'{"customer": "user_id:nobody"}'),
    "/presence/pair": body("POST", "/presence/pair", b'{"kind": "tv", "name": "x"}'),
    "/presence/pair/poll": body("POST", "/presence/pair/poll", b""),
    "/presence/here": body("POST", "/presence/here", b'{"organization": "canary"}'),
    "/presence/tap": body("POST", "/presence/tap", b'{"tap": "x"}'),
    "/presence/session": plain("/presence/session"),
    "/presence/recovery/stop": body("POST", "/presence/recovery/stop", b""),
    "/presence/taps": body("POST", "/presence/taps"),
    "/presence/taps/result": body("POST", "/presence/taps/result", b'{"tap": "x.canary"}'),
    "/v1/audiences": audiences,
    "/v1/audiences/preview": body("POST", "/v1/audiences/preview"),
    "/v1/audiences/{name}": body("PUT", "/v1/audiences/nothing"),
    "/v1/audiences/{name}/members": plain("/v1/audiences/nothing/members"),
    "/v1/audiences/{name}/history": plain("/v1/audiences/nothing/history"),
    "/v1/audiences/{name}/why": plain("/v1/audiences/nothing/why?customer=user_id:nobody"),
    "/v1/traits": computed,
    "/v1/traits/{name}": plain("/v1/traits/nothing"),
    "/v1/actions": plain("/v1/actions"),
    "/v1/actions/{id}": body("PUT", "/v1/actions/nothing"),
    "/v1/actions/{id}/on": body("POST", "/v1/actions/nothing/on", b'{"reason": "why not"}'),
    "/v1/actions/{id}/preview": acting,
    "/v1/units": plain("/v1/units"),
    "/v1/decisions": deciding,
    "/v1/outcomes": body("POST", "/v1/outcomes", b'{"decision": "dec_nothing", "kind": "bought"}'),
    "/v1/outcomes/rules": plain("/v1/outcomes/rules"),
    "/v1/outcomes/summary": plain("/v1/outcomes/summary"),
    "/v1/deciding": plain("/v1/deciding"),
    "/v1/channels/{channel}": plain("/v1/channels/email", "/v1/channels/webhook"),
    "/v1/channels/email/answers": body("POST", "/v1/channels/email/answers", b"In-Reply-To: <dec_nothing@x.example>\n"),
    "/v1/destinations": plain("/v1/destinations"),
    "/v1/destinations/{name}": body("PUT", "/v1/destinations/nothing"),
    "/v1/destinations/{name}/failures": plain("/v1/destinations/nothing/failures"),
    "/v1/destinations/{name}/replay": body("POST", "/v1/destinations/nothing/replay"),
    "/v1/destinations/{name}/test": body("POST", "/v1/destinations/nothing/test"),
    "/v1/destinations/{name}/file": body("POST", "/v1/destinations/nothing/file"),
    "/v1/destinations/{name}/pause": body("POST", "/v1/destinations/nothing/pause"),
    "/v1/destinations/{name}/resume": body("POST", "/v1/destinations/nothing/resume"),
    "/v1/exports": exports,
    "/v1/exports/{id}": plain("/v1/exports/exp_nothing"),
    "/v1/exports/{id}/file": plain("/v1/exports/exp_nothing/file"),
    "/v1/exports/{id}/metadata": plain("/v1/exports/exp_nothing/metadata"),
    "/v1/declaration": plain("/v1/declaration"),
    "/v1/declaration/simulate": body("POST", "/v1/declaration/simulate"),
    "/.well-known/rapport/{org}/declaration.json": plain(f"{WELL_KNOWN}/declaration.json"),
    "/.well-known/rapport/{org}/declaration/{version}.json": plain(f"{WELL_KNOWN}/declaration/0.json"),
    "/.well-known/rapport/{org}/key.json": plain(f"{WELL_KNOWN}/key.json"),
    "/.well-known/gpc.json": plain("/.well-known/gpc.json"),
    "/log/checkpoint": plain("/log/checkpoint"),
    "/log/key": plain("/log/key"),
    "/log/tile/{level}/{tile:path}": plain("/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"),
    "/healthz": plain("/healthz"),
    "/readyz": plain("/readyz"),
    "/metrics": plain("/metrics"),
    "/openapi.json": plain("/openapi.json"),
    "/": plain("/"),
    "/console": plain("/console"),
    "/console/": plain("/console/"),
    "/console/start": plain("/console/start"),
    "/console/theme": form("/console/theme", theme="dark"),
    "/console/leave": body("POST", "/console/leave", b""),
    "/console/purpose": body("POST", "/console/purpose", b""),
    "/console/live": plain("/console/live"),
    "/console/live/news": live,
    "/console/customers": search,
    "/console/customers/{customer}": page,
    "/console/customers/{customer}/events": older,
    "/console/evidence/{evidence}": preview,
    "/console/evidence/{evidence}/retract": unlink,
    "/console/evidence/{evidence}/link": back,
    "/console/promise": plain("/console/promise"),
    "/console/promise/purpose": plain("/console/promise/purpose", "/console/promise/purpose?purpose=service"),
    "/console/promise/document": plain("/console/promise/document"),
    "/console/promise/declare": form("/console/promise/declare", document="{", version="0"),
    "/console/agreements": plain("/console/agreements"),
    "/console/agreements/{agreement}": agreements,
    "/console/uses": plain("/console/uses"),
    "/console/statement": plain("/console/statement", "/console/statement?month=2026-01"),
    "/console/refusals": plain("/console/refusals"),
    "/console/audiences": plain("/console/audiences"),
    "/console/audiences/{name}": plain("/console/audiences/nothing"),
    "/console/audiences/{name}/people": audiences,
    "/console/audiences/{name}/moves": plain("/console/audiences/nothing/moves"),
    "/console/audiences/{name}/why": plain("/console/audiences/nothing/why?customer=user_id:nobody"),
    "/console/audiences/{name}/delete": form("/console/audiences/nothing/delete"),
    "/console/actions": plain("/console/actions"),
    "/console/actions/{action}": plain("/console/actions/nothing"),
    "/console/actions/{action}/preview": acting,
    "/console/actions/{action}/delete": form("/console/actions/nothing/delete"),
    "/console/actions/{action}/on": form("/console/actions/nothing/on"),
    "/console/edit/action": editor,
    "/console/decide": deciding,
    "/console/manner": plain("/console/manner"),
    "/console/units": plain("/console/units"),
    "/console/outcomes": plain("/console/outcomes"),
    "/console/experiments": plain("/console/experiments"),
    "/console/what-if": plain("/console/what-if", "/console/what-if?change=weight&weight=70"),
    "/console/traits": plain("/console/traits"),
    "/console/traits/{name}": plain("/console/traits/nothing"),
    "/console/traits/{name}/delete": form("/console/traits/nothing/delete"),
    "/console/edit/audience": editor,
    "/console/edit/trait": editor,
    "/console/edit/complete": body("POST", "/console/edit/complete"),
    "/console/edit/try": body("POST", "/console/edit/try"),
    "/console/destination": plain("/console/destination"),
    "/console/destinations": form(
        "/console/destinations",
        name="canary",
        kind="webhook",
        of="events",
        events="x",
        purpose="service",
        url="https://x.example/",
        fields="email = identifiers.email[0]",
    ),
    "/console/destinations/{destination}": plain("/console/destinations", "/console/destinations/nothing"),
    "/console/destinations/{destination}/change": plain("/console/destinations/nothing/change"),
    "/console/destinations/{destination}/pause": form("/console/destinations/nothing/pause"),
    "/console/destinations/{destination}/resume": form("/console/destinations/nothing/resume"),
    "/console/destinations/{destination}/replay": form("/console/destinations/nothing/replay"),
    "/console/destinations/{destination}/test": form("/console/destinations/nothing/test"),
    "/console/destinations/{destination}/file": form("/console/destinations/nothing/file"),
    "/console/destinations/{destination}/secret": form("/console/destinations/nothing/secret"),
    "/console/destinations/{destination}/remove": form("/console/destinations/nothing/remove"),
    "/console/demands": plain("/console/demands"),
    "/console/demands/recipients": form("/console/demands/recipients", name="Nobody", url="https://x.example/", key=""),
    "/console/demands/recipients/remove": form("/console/demands/recipients/remove", name="Nobody"),
    "/console/exports": export_form,
    "/console/exports/{export}": plain("/console/exports/exp_nothing"),
    "/console/exports/{export}/file": plain("/console/exports/exp_nothing/file"),
    "/console/exports/{export}/metadata": plain("/console/exports/exp_nothing/metadata"),
    "/console/exports/{export}/delete": form("/console/exports/exp_nothing/delete"),
    "/console/requests": plain("/console/requests"),
    "/console/requests/{request}": form("/console/requests/rrq_nothing", outcome="done", words="x"),
    "/console/rejected": refusals,
    "/console/rejected/{refusal}": refusal,
    "/console/sources": plain("/console/sources"),
    "/console/sources/{source}/key": form("/console/sources/spare/key"),
    "/console/static/{name}": plain("/console/static/nothing"),
    "/console/org": form("/console/org", org="nowhere"),
    "/console/again": plain("/console/again", "/console/again?back=/console/live"),
    "/console/again/ask": body("POST", "/console/again/ask", b"{}"),
    "/console/again/prove": body("POST", "/console/again/prove", b"{}"),
    "/console/passkeys": plain("/console/passkeys"),
    "/console/passkeys/ask": body("POST", "/console/passkeys/ask", b"{}"),
    "/console/passkeys/make": body("POST", "/console/passkeys/make", b"{}"),
    "/console/passkeys/revoke": form("/console/passkeys/revoke", key="1"),
    "/console/signin": plain("/console/signin"),
    "/console/signin/ask": body("POST", "/console/signin/ask", b"{}"),
    "/console/signin/prove": body("POST", "/console/signin/prove", b"{}"),
    "/console/signin/invite": plain("/console/signin/invite", "/console/signin/invite?code=opi_nothing"),
    "/console/signin/invite/ask": body("POST", "/console/signin/invite/ask", b"{}"),
    "/console/signin/invite/make": body("POST", "/console/signin/invite/make", b"{}"),
    "/console/operators": plain("/console/operators"),
    "/console/operators/{operator}": form("/console/operators/opr_nothing", name="x", role="agent"),
    "/console/operators/{operator}/invite": form("/console/operators/opr_nothing/invite"),
    "/console/operators/{operator}/remove": form("/console/operators/opr_nothing/remove"),
    "/console/tokens": plain("/console/tokens"),
    "/console/tokens/{token}/rotate": form("/console/tokens/tok_nothing/rotate"),
    "/console/tokens/{token}/revoke": form("/console/tokens/tok_nothing/revoke"),
    "/console/audit": plain("/console/audit"),
}
"""Route → how it is tried."""
PERSONS_OWN = re.compile("/(me|signin|u)(/.*)?")
"""The person's side shows persons what is theirs; here it is tried as a company, which has no session there."""
LISTS = (
    "/console/live",
    "/console/uses",
    "/console/statement",
    "/v1/statement",
    "/console/agreements",
    "/console/refusals",
    "/console/live/news",
    "/console/customers",
    "/console/sources",
    "/metrics",
    "/openapi.json",
)


def routes_of(routes: Iterable[Any], above: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from routes_of(route.routes, above + route.path)
        else:
            yield above + str(getattr(route, "path", type(route).__name__))


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    async def offered() -> set[str]:
        async with application(Settings(data=str(tmp_path_factory.mktemp("routes")))) as app:
            return set(routes_of(app.app.routes))

    return asyncio.run(offered())


def test_every_route_is_tried(routes: set[str]) -> None:
    known = {*ROUTES, *NOBODYS}
    assert {route for route in routes if not PERSONS_OWN.fullmatch(route)} == known


def tried(it: Offered, routes: Iterable[str], secrets: dict[str, str], purpose: str = "service") -> list[str]:
    """Where any of the values was seen while these routes were used."""
    it.found.clear()
    it.statuses.clear()
    for route in routes:
        for status, content, asked in ROUTES[route](it, purpose):
            it.note(route, status, content, secrets, *asked)
            assert status < 500, route
    it.found += sightings("what the node printed", it.node.output().encode(), ALL)
    return it.found


def people(it: Offered) -> Any:
    return open_people(Settings(data=str(it.node.data)))


def test_the_values_are_there_for_who_may_see_them(it: Offered) -> None:
    """The sentinel: every canary is told somewhere as long as nobody is refused."""
    places = "\n".join(tried(it, ["/v1/customers/{rest:path}", "/console/rejected/{refusal}"], ALL))
    # (What is special is told to nobody who was not let to see it by name.)
    assert [name for name in ALL if f"{name} in " not in places] == ["health"]
    assert sightings("", b"".join(c for _, c, _ in search(it, "")) + b"".join(c for _, c, _ in live(it, "")), MASKED)


def test_an_action_says_what_may_be_seen(it: Offered) -> None:
    """The sentinel of previews."""
    places = "\n".join(tried(it, ["/v1/actions/{id}/preview"], ALL))
    assert all(f"{name} in " in places for name in ("email", "phone", "name", "surname", "user", "loyalty", "sku"))


def test_lists_and_live_pages_show_names_and_masked_identifiers_alone(it: Offered) -> None:
    secrets = {**IDENTIFYING, **SAID, **BOUGHT, "message": HAPPENED["message"]}
    assert tried(it, LISTS, secrets) == []


def test_who_is_locked_is_nowhere(it: Offered) -> None:
    book = people(it)
    book.lock(it.person)
    try:
        assert tried(it, ROUTES, {**ALL, **MASKED}) == []
        assert it.statuses["/v1/customers/view"] == it.statuses["/v1/customers/{rest:path}"] == {404}
    finally:
        book.unlock(it.person)


def test_who_refuses_a_purpose_is_nowhere_for_it(it: Offered) -> None:
    it.browser.go("/console/live")
    it.browser.send("/console/purpose", purpose="advertising", back="/console/live")
    try:
        no_stream = [route for route in ROUTES if route != "/console/live/news"]
        assert tried(it, no_stream, {**ALL, **MASKED}, "advertising") == []
    finally:
        it.browser.go("/console/sources")
        it.browser.send("/console/purpose", purpose="service", back="/console/live")


def test_what_terms_leave_out_is_nowhere(it: Offered) -> None:
    book = people(it)
    book.set_terms(it.person, Terms("own", (Clause("bought", "allow", categories=("purchases",)),)))
    try:
        hidden = {name: value for name, value in ALL.items() if name not in BOUGHT}
        assert tried(it, ROUTES, {**hidden, **MASKED}) == []
        assert 200 in it.statuses["/v1/customers/view"]
        assert 200 in it.statuses["/console/customers/{customer}"]
    finally:
        book.set_terms(it.person, Terms())


def test_the_persons_own_pages_open_to_no_company(it: Offered, routes: set[str]) -> None:
    for route in sorted(route for route in routes if PERSONS_OWN.fullmatch(route)):
        path = re.sub(r"\{[^}]+\}", it.person, route)
        for status, content in (it.api("GET", path), it.go(path), it.api("POST", path, b"")):
            assert status < 500, route
            assert sightings(route, content, {**ALL, **MASKED}) == []


def test_a_page_of_the_data_directory_is_no_page_of_the_node(it: Offered) -> None:
    for name in ("ledger.db", "../ledger.db", "%2e%2e/state.db", "..%2fkeys.db"):
        for above in ("/", "/console/static/", "/me/static/", "/.well-known/"):
            status, _ = it.api("GET", above + name)
            assert status in (400, 404), above + name
    assert Path(it.node.data / "ledger.db").exists()
