import re

from hypothesis import given
from hypothesis import strategies as st

from rapport.cli.demo.people import ALICE, MOBILES, household
from rapport.kernel.identifiers import normalise

seeds = st.integers(0, 2**31)
numbers = st.integers(0, 20_000)


@given(seeds, numbers)
def test_a_household_is_the_same_whenever_it_is_asked_for(seed: int, number: int) -> None:
    household.cache_clear()
    once = household(seed, number)
    household.cache_clear()
    assert household(seed, number) == once


@given(seeds, numbers)
def test_nobody_can_be_reached_at_what_they_give(seed: int, number: int) -> None:
    house = household(seed, number)
    for who in house.people:
        assert re.fullmatch(r"[a-z.0-9]+@example\.(com|org|net)", who.email)
        assert who.phone is None or re.fullmatch(r"\+447700900\d{3}", who.phone)
    assert house.postcode.startswith("ZZ"), "no post town has this code"


@given(seeds, numbers)
def test_what_identifies_people_is_usable_as_it_stands(seed: int, number: int) -> None:
    for who in household(seed, number).people:
        assert normalise("email", who.email) == who.email
        assert who.phone is None or normalise("phone", who.phone) == who.phone
        assert who.user_id is None or normalise("user_id", who.user_id) == who.user_id
        assert who.card is None or normalise("loyalty_id", who.card) == who.card
        assert all(normalise("anonymous_id", browser) == browser for browser in who.browsers)


def test_no_two_people_share_an_account_a_card_or_a_phone() -> None:
    everybody = [who for number in range(MOBILES // 2) for who in household(1, number).people]
    for named in ("user_id", "card", "phone", "install", "number"):
        values = [value for who in everybody if (value := getattr(who, named)) is not None]
        assert len(values) == len(set(values)) > 100, named


def test_people_share_mailboxes_and_computers_within_their_household_only() -> None:
    owners: dict[str, set[int]] = {}
    shared = 0
    for number in range(500):
        house = household(1, number)
        emails = [who.email for who in house.people]
        browsers = [browser for who in house.people for browser in who.browsers]
        shared += len(set(emails)) < len(emails) or len(set(browsers)) < len(browsers)
        for value in (*emails, *browsers):
            owners.setdefault(value, set()).add(number)
    assert all(len(numbers) == 1 for numbers in owners.values())
    assert shared > 50, "a demo without shared mailboxes would hide the hard part"


@given(seeds)
def test_alice_lives_here_whatever_the_seed(seed: int) -> None:
    alice, ben = household(seed, ALICE).people
    assert (alice.name, alice.email) == ("Alice Ashmarsh", "alice@example.com")
    assert set(alice.browsers) & set(ben.browsers), "they share a laptop"
