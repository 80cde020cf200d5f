"""Whoever has to show again that it is they comes back to a page, whatever they were about to do; and the session that
goes on is another."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.routing import Mount, Route

from rapport.web.portal import portal_routes
from tests.app.test_signing_agreements import Signer
from tests.profile.house import ORG
from tests.web.portal.person import ORIGIN, Home

SCRIPTS = ("/ask", "/make", "/prove", "/sign")


@pytest.fixture
def ada() -> Iterator[Signer]:
    with Home() as home:
        yield Signer(home)  # by a link, and with a passkey since: what needs a fresh proof asks for it


def forms(ada: Signer) -> list[str]:
    """Addresses that take forms and name nothing themselves; pages' scripts find their own way."""
    found = []
    for mount in portal_routes(ada.home.desk(), ORIGIN):
        if isinstance(mount, Mount):
            posts = [one for one in mount.routes if isinstance(one, Route) and "POST" in (one.methods or ())]
            found += [f"/me{one.path}" for one in posts if "{" not in one.path and not one.path.endswith(SCRIPTS)]
    return sorted(found)


def test_every_form_that_asks_again_leads_back_to_a_page(ada: Signer) -> None:
    asked = {}
    for path in forms(ada):
        if path in {"/me/leave", "/me/open", "/me/devices/everything", "/me/lock"}:
            continue  # they do what they do
        answer = ada.post(path)
        to = urlsplit(answer.headers.get("location", ""))
        if to.path == "/me/again":
            asked[path] = parse_qs(to.query)["back"][0]
    assert len(asked) > 8
    nowhere = {path: back for path, back in asked.items() if ada.get(back).status_code in {404, 405}}
    assert nowhere == {}


def test_who_corrects_something_comes_back_to_what_it_was(ada: Signer) -> None:
    page = ada.get(f"/me/known/{ORG}/correct?trait=name").text
    action = page.partition('method="post" action="/me/known')[2].partition('"')[0]
    answer = ada.post(f"/me/known{action}", trait="name", value="Ada L.")
    (back,) = parse_qs(urlsplit(answer.headers["location"]).query)["back"]
    assert "Yes, correct it" in ada.get(back).text


def test_a_change_of_terms_is_looked_at_again_after_it(ada: Signer) -> None:
    answer = ada.post("/me/terms/change?way=preset&value=locked", way="preset", value="locked")
    (back,) = parse_qs(urlsplit(answer.headers["location"]).query)["back"]
    assert "Yes, choose it" in ada.get(back).text


def test_a_session_that_showed_it_goes_on_under_another_secret(ada: Signer) -> None:
    old = dict(ada.cookies)
    before = [ada.cookies["rapport_me_80"]]
    for _ in range(2):
        told = ada.script("/me/again/prove", ada.device.prove(ada.script("/me/again/ask", {})))
        assert told["accepted"]["rpId"] == "node.test"
        assert ada.cookies["rapport_me_80"] not in before
        before.append(ada.cookies["rapport_me_80"])
    mine = dict(ada.cookies)
    for cookies in (old, {"rapport_me_80": before[1]}):
        ada.cookies = cookies
        assert ada.get("/me/terms").headers["location"] == "/signin"
    ada.cookies = mine
    assert ada.get("/me/terms").status_code == 200
