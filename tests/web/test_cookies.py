"""What opens something is kept alike everywhere: out of reach of scripts, of other sites and, over https, of other
hosts."""

import re
from pathlib import Path

import pytest
from starlette.responses import Response

from rapport.web import cookies

WEB = Path(cookies.__file__).parent


@pytest.mark.parametrize(("origin", "secure"), [("https://rapport.example", True), ("http://localhost:8080", False)])
def test_what_opens_something_goes_to_this_node_s_own_pages_alone(origin: str, secure: bool) -> None:
    response = Response()
    cookies.keep(response, origin, cookies.named("me", origin), "secret", 60)
    said = response.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=60"} <= set(said.split("; "))
    assert ("Secure" in said, said.startswith("__Host-rapport-me=")) == (secure, secure)
    assert "omain=" not in said  # or `__Host-` is refused by browsers
    assert secure or said.startswith("rapport_me_8080=")


def test_a_preference_opens_nothing_and_comes_along_from_elsewhere() -> None:
    response = Response()
    cookies.prefer(response, "https://rapport.example", "rapport_theme", "dark", seen_by_scripts=True)
    said = response.headers["set-cookie"]
    assert ("HttpOnly" in said, "SameSite=lax" in said, "Secure" in said) == (False, True, True)


def test_cookies_are_set_in_one_place() -> None:
    setting = [path.name for path in WEB.rglob("*.py") if re.search(r"\.(set|delete)_cookie\(", path.read_text())]
    assert setting == ["cookies.py"]
