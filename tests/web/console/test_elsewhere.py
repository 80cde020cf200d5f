"""No route of the console takes the word of another site: derived from its routes, so that a new one is held to it."""

from tests.web.console.test_roles import FILLED, ROUTES
from tests.web.console.visitor import ORIGIN, Visitor
from tests.web.portal.test_levels import FOREIGN, KINDS


def test_no_route_takes_the_word_of_another_site_whatever_it_says_its_body_is() -> None:
    visitor = Visitor()
    changing = [(path, method) for path, route in ROUTES for method in (route.methods or set()) - {"GET", "HEAD"}]
    assert len(changing) > 25
    body = f"csrf={visitor.csrf}&code=good-code&purpose=service".encode()
    for path, method in changing:
        where = path.format(**FILLED)
        for headers in FOREIGN:
            for kind in KINDS if headers is FOREIGN[0] else KINDS[:1]:
                answer = visitor.send(method, where, headers={**headers, "Content-Type": kind}, content=body)
                assert answer.status_code == 403, (path, headers, kind, answer.status_code)
                assert "set-cookie" not in answer.headers
    assert visitor.get("/console/live").status_code == 200


def test_a_form_without_its_token_changes_nothing_even_from_here() -> None:
    visitor, forms = Visitor(), 0
    for path, route in ROUTES:
        if "POST" not in (route.methods or set()) or path in {"/console/start", "/console/theme"}:
            continue
        for token in ("", "0" * 32):
            where = path.format(**FILLED)
            answer = visitor.send("POST", where, headers={"Origin": ORIGIN}, data={"csrf": token})
            if "json" not in answer.headers.get("content-type", ""):  # what scripts ask, which say whence they are
                forms += 1
                assert answer.status_code == 403, (path, answer.status_code)
    assert forms > 30
    assert visitor.get("/console/live").status_code == 200
