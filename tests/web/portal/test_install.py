"""The person's page beside a phone's apps: what a browser asks for before it offers that."""

import struct
from collections.abc import Iterator

import pytest

from tests.web.portal.person import Home, Person


@pytest.fixture
def ada() -> Iterator[Person]:
    home = Home()
    with home:
        yield Person(home)


def test_every_page_names_a_manifest_that_opens_the_page_by_itself(ada: Person) -> None:
    for path in ("/me", "/me/goals", "/me/terms"):
        assert '<link rel="manifest" href="/me/manifest.webmanifest">' in ada.get(path).text
    answer = ada.get("/me/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/me", "/me", "standalone")


def test_the_manifest_s_icons_are_there_as_large_as_it_says(ada: Person) -> None:
    ada.cookies = {}  # browsers ask for a manifest and its icons without cookies
    icons = ada.get("/me/manifest.webmanifest").json()["icons"]
    assert {"192x192", "512x512", "any"} == {icon["sizes"] for icon in icons}
    for icon in icons:
        answer = ada.get(icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
        if icon["type"] == "image/png":
            assert "{}x{}".format(*struct.unpack(">II", answer.content[16:24])) == icon["sizes"]


def test_no_page_keeps_anything_on_a_device(ada: Person) -> None:
    assert "serviceWorker" not in ada.get("/me").text
    assert ada.get("/me").headers["cache-control"] == "no-store"
