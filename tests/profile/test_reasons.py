"""Every piece of evidence says what became of it, from what sources send to the words that a reader gets."""

from pathlib import Path

import pytest

from rapport.resolve.reasons import Reason
from tests.profile.house import House, at, told

TIGHT = str(Path(__file__).parent / "tight.toml")
MAIL = {"traits": {"email": "ada@example.com"}}


def identify(name, **fields):
    return told(at("10:00"), type="identify", messageId=f"{name} {len(fields)}", **fields)


def browser(name, **fields):
    return identify(name, anonymousId=name, **fields)


def user(name, **fields):
    return identify(f"user {name}", userId=name, **fields)


STORIES = {
    Reason.USED: [browser("b1", **MAIL), browser("b2", **MAIL)],
    Reason.CONFIRMS: [user("u1", anonymousId="b1", **MAIL), browser("b1", **MAIL)],
    Reason.SHARED_BY_RECORDS: [browser(f"b{n}", **MAIL) for n in range(3)],
    Reason.SHARED_BY_USERS: [user("u1", **MAIL), user("u2", **MAIL)],
    Reason.SHARED_BY_EMAILS: [
        browser("b1", traits={"phone": "+44123456", "email": "a@example.com"}),
        browser("b2", traits={"phone": "+44123456", "email": "b@example.com"}),
    ],
    Reason.TOO_MANY_IDENTIFIERS: [
        browser("b1", context={"externalIds": [{"type": f"card{n}", "id": "7"} for n in range(6)]}),
    ],
    Reason.TOO_MANY_OF_A_TYPE: [
        user("u1", traits={"email": "a@example.com"}),
        told(at("11:00"), type="identify", userId="u1", messageId="second", traits={"email": "b@example.com"}),
    ],
    Reason.USER_OF_TOO_MANY: [user("u1", anonymousId=f"b{n}") for n in range(4)] + [browser(f"b{n}") for n in range(4)],
    Reason.NOT_A_USER: [told(at("10:00"), type="alias", userId="u1", previousId="b1", messageId="a")],
    Reason.TWO_USERS: [user("u2"), told(at("10:00"), type="alias", userId="u1", previousId="u2", messageId="a")],
}


@pytest.mark.parametrize("reason", STORIES)
def test_a_reason_reaches_the_reader_in_words(reason):
    with House(rules=TIGHT) as house:
        for number, event in enumerate(STORIES[reason]):
            house.send({**event, "messageId": f"m{number}"})
        house.settle()
        items = [item for view in house.customers().values() for item in view["evidence"]]
        said = [item for item in items if item["reason"] == reason]
        assert said, {item["reason"] for item in items}
        for item in said:
            assert item["used"] is reason.joins
            assert len(item["why"].split()) > 3


def test_an_operator_s_word_is_explained_at_both_ends():
    with House() as house:
        house.send(browser("b1"), browser("b2"))
        house.settle()
        one, another = (house.view(f"anonymous_id:{name}")["records"][0]["record"] for name in ("b1", "b2"))
        house.link(one, another, "cannot_link")
        house.send(
            *(told(at("11:00"), type="identify", anonymousId=n, messageId=f"{n} mail", **MAIL) for n in ("b1", "b2"))
        )
        house.settle()
        for name, other in (("b1", another), ("b2", one)):
            listed = house.evidence(f"anonymous_id:{name}")
            (apart,) = [item for item in listed if item["kind"] == "cannot_link"]
            assert apart["reason"] == "keeps_apart"
            assert other in {apart["other"], apart["record"]}
        reasons = {item["reason"] for name in ("b1", "b2") for item in house.evidence(f"anonymous_id:{name}")}
        assert "cannot_link" in reasons


def test_what_hangs_together_too_widely_says_so():
    with House(rules=TIGHT) as house:
        for n in range(9):
            cards = [{"type": "card", "id": str(n)}, {"type": "card", "id": str(n + 1)}]
            house.send({**browser(f"b{n}", context={"externalIds": cards}), "messageId": f"m{n}"})
        house.settle()
        reasons = {item["reason"] for view in house.customers().values() for item in view["evidence"]}
        assert "too_connected" in reasons
