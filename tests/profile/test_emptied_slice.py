"""A slice that a re-attribution emptied: its handle answers for its own user alone."""

from collections.abc import Iterator

import pytest

from rapport.kernel.errors import NotFound
from tests.profile.house import House, at, told


@pytest.fixture
def house() -> Iterator[House]:
    with House() as made:
        yield made


def test_the_handle_of_an_emptied_slice_answers_for_its_own_user(house: House) -> None:
    house.send(told(at("10:00"), type="page", anonymousId="tablet", messageId="1"))
    visitor = house.settle().view("anonymous_id:tablet")["customer"]
    house.send(told(at("10:05"), type="identify", anonymousId="tablet", userId="ada", messageId="2"))
    assert house.settle().view(visitor)["customer"] == house.view("user_id:ada")["customer"]
    # Bo turns out to have been there just before the page: the only event of Ada's slice becomes Bo's.
    house.send(told(at("09:59"), type="identify", anonymousId="tablet", userId="bo", messageId="3"))
    assert house.settle().view("user_id:bo")["events"]["total"] == 2
    asked = house.view(visitor)
    assert asked["changed"] == "split"
    assert asked["customer"] == house.view("user_id:ada")["customer"]


def test_the_handle_of_nobodys_emptied_slice_answers_for_nobody(house: House) -> None:
    house.send(told(at("09:00"), type="identify", anonymousId="tablet", userId="ada", messageId="1"))
    house.send(told(at("15:00"), type="identify", anonymousId="tablet", userId="bo", messageId="2"))
    house.send(told(at("12:00"), type="page", anonymousId="tablet", messageId="3"))
    known = {house.settle().view(f"user_id:{user}")["customer"] for user in ("ada", "bo")}
    (nobody,) = {found.customer for found in house.found()} - known
    assert house.view(nobody)["events"]["total"] == 1
    house.send(told(at("11:50"), type="identify", anonymousId="tablet", userId="ada", messageId="4"))
    assert house.settle().view("user_id:ada")["events"]["total"] == 3
    with pytest.raises(NotFound):
        house.view(nobody)
