import re

import pytest

from tests.web.console.visitor import ALICE, ORIGIN, Visitor


def test_opening_a_link_spends_nothing_and_pressing_its_button_spends_it_once():
    visitor = Visitor(code=None)
    for _ in range(3):
        page = visitor.get("/console/start?code=good-code")
        assert page.status_code == 200
        assert 'value="good-code"' in page.text
        assert "set-cookie" not in page.headers
    assert visitor.post("/console/start", code="good-code").headers["location"] == "/console/live"
    again = Visitor(visitor.desk, code=None).post("/console/start", code="good-code")
    assert again.status_code == 403
    assert "This link is used up" in again.text
    assert "rapport console" in again.text


@pytest.mark.parametrize("code", ["", "unknown", "x" * 5000])
def test_a_code_that_is_no_code_signs_nobody_in(code):
    visitor = Visitor(code=None)
    assert visitor.post("/console/start", code=code).status_code == 403
    assert not visitor.cookies


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites():
    cookie = Visitor(code=None).post("/console/start", code="good-code").headers["set-cookie"]
    assert cookie.startswith("rapport_console_80=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_over_https_the_cookie_belongs_to_this_host_alone():
    visitor = Visitor(origin="https://node.test", code=None)
    cookie = visitor.post("/console/start", code="good-code").headers["set-cookie"]
    assert cookie.startswith("__Host-rapport-console=")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))


def test_two_nodes_on_one_machine_have_cookies_of_their_own():
    names = [
        Visitor(origin=f"http://localhost:{port}", code=None).post("/console/start", code="good-code")
        for port in (8080, 8081)
    ]
    assert len({response.headers["set-cookie"].partition("=")[0] for response in names}) == 2


@pytest.mark.parametrize(
    "path",
    [
        "live",
        "live/news",
        "customers",
        f"customers/{ALICE}",
        "evidence/evd0001",
        "rejected",
        "rejected/rej0001",
        "sources",
    ],
)
def test_without_a_session_every_page_leads_to_the_door(path):
    response = Visitor(code=None).get(f"/console/{path}")
    assert (response.status_code, response.headers["location"]) == (303, "/console/start")
    assert response.content == b""


def test_the_door_without_a_link_says_how_to_get_one():
    assert "rapport console" in Visitor(code=None).get("/console/start").text


def test_signing_out_ends_the_session_on_the_node_too():
    visitor = Visitor()
    kept = dict(visitor.cookies)
    assert visitor.post("/console/leave").status_code == 303
    visitor.cookies = kept
    assert visitor.get("/console/live").headers["location"] == "/console/start"


CHANGES = ["leave", "purpose", "evidence/evd0001/retract", "evidence/evd0001/link", "sources", "sources/web/key"]


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ORIGIN + ".evil.example"}]
)
def test_a_form_from_elsewhere_changes_nothing(path, headers):
    visitor = Visitor()
    response = visitor.post(f"/console/{path}", headers, purpose="offers", why="x", name="new")
    assert response.status_code == 403
    assert ORIGIN in response.text
    assert unchanged(visitor)


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("csrf", ["", "0" * 32, "\u00e4"])
def test_a_form_without_the_sessions_own_token_changes_nothing(path, csrf):
    visitor = Visitor()
    visitor.csrf = csrf
    assert visitor.post(f"/console/{path}", purpose="offers", why="x", name="new").status_code == 403
    assert unchanged(visitor)


def test_a_browser_that_sends_no_origin_must_say_that_the_request_is_its_own():
    visitor = Visitor()
    fields = {"csrf": visitor.csrf, "purpose": "offers"}
    assert visitor.send("POST", "/console/purpose", data=fields).status_code == 403
    for site, status in [("cross-site", 403), ("same-site", 403), ("same-origin", 303)]:
        assert (
            visitor.send("POST", "/console/purpose", data=fields, headers={"Sec-Fetch-Site": site}).status_code
            == status
        )


def test_the_token_of_one_session_is_not_good_for_another():
    first = Visitor()
    second = Visitor(first.desk, code="code-1")
    second.csrf = first.csrf
    assert second.post("/console/purpose", purpose="offers").status_code == 403


def test_every_form_of_every_page_that_changes_something_carries_the_token():
    visitor = Visitor()
    for path in ("live", "customers", f"customers/{ALICE}", "evidence/evd0001", "rejected", "sources", "nothing-here"):
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", visitor.get(f"/console/{path}").text, re.DOTALL):
            assert visitor.csrf in form or 'action="/console/theme"' in form


def unchanged(visitor: Visitor) -> bool:
    sessions = [*visitor.desk.tokens.values()]
    retracted = [edge for edge in visitor.desk.edges if edge.retracted]
    keys = {card.write_key[-1] for card in visitor.desk.cards.values()}
    return (
        [s.purpose for s in sessions] == ["service"]
        and not retracted
        and keys == {"z"}
        and "new" not in visitor.desk.cards
    )


def test_a_body_that_is_no_form_or_too_long_is_refused_by_name():
    visitor = Visitor()
    headers = {"Origin": ORIGIN}
    assert visitor.send("POST", "/console/purpose", headers=headers, json={"purpose": "offers"}).status_code == 400
    assert visitor.send("POST", "/console/purpose", headers=headers, data={"purpose": "x" * 300_000}).status_code == 413
    broken = headers | {"Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.send("POST", "/console/purpose", headers=broken, content=b"a=\xff%ff").status_code == 400
    many = b"&".join([b"a=1"] * 199)
    assert visitor.send("POST", "/console/purpose", headers=broken, content=many).status_code == 400


def test_every_page_shows_the_purpose_and_lets_it_be_changed():
    visitor = Visitor()
    back = f"/console/customers/{ALICE}"
    response = visitor.post("/console/purpose", purpose="fraud", back=back)
    assert response.headers["location"] == back
    for path in ("live", "customers", f"customers/{ALICE}", "rejected", "sources", "nothing-here"):
        if path != "nothing-here":
            assert "<strong>fraud</strong>" in visitor.get(f"/console/{path}").text
    assert visitor.desk.asked[-1] == ("customer", ALICE, "fraud")


def test_an_unknown_purpose_is_refused_and_the_known_ones_are_named():
    response = Visitor().post("/console/purpose", purpose="curiosity")
    assert response.status_code == 400
    assert "personalisation" in response.text


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example",
        "/console//evil",
        "/console/\\evil",
        "/elsewhere",
        "/console/\r\nX: y",
        "é",
    ],
)
def test_a_form_sends_nobody_away_from_the_console(back):
    visitor = Visitor()
    assert visitor.post("/console/purpose", purpose="service", back=back).headers["location"] == "/console/live"
    assert visitor.post("/console/theme", theme="dark", back=back).headers["location"] == "/console/live"


def test_light_or_dark_is_remembered_and_rendered_by_the_node_so_nothing_flashes():
    visitor = Visitor()
    assert visitor.post("/console/theme", theme="dark", back="/console/live").status_code == 303
    assert '<html lang="en" data-theme="dark">' in visitor.get("/console/live").text
    visitor.post("/console/theme", theme='"><script>')
    assert '<html lang="en" data-theme="dark">' in visitor.get("/console/live").text
    visitor.cookies["rapport_theme"] = "nonsense"
    assert '<html lang="en" data-theme="auto">' in visitor.get("/console/live").text
