"""Quiet hours are those on the customer's own wall, as far as anybody knows where it hangs: as it is decided, and as it
leaves."""

import pytest

from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.wishes import WishBook
from rapport.decide.contact import Policy
from rapport.decide.decision import Manner
from rapport.decide.person import Says
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.web.decisions import Now
from tests.act.receiving import eventually
from tests.app.desk import HELP, Desk
from tests.app.post_office import PostOffice, office, postman
from tests.profile.house import ORG, House, at, told

__all__ = ["office", "postman"]

KOLKATA = 5 * HOUR + 30 * MINUTE
"""Ahead of UTC, all year; and Chatham is far from both."""


def around(instant: int, ahead: int = KOLKATA) -> str:
    """The hours around it, where clocks are so much ahead."""
    minutes = (instant + ahead) % DAY // MINUTE
    first, last = (f"{(minutes + one) % 1440 // 60:02}:{(minutes + one) % 60:02}" for one in (-120, 120))
    return f"{first}-{last}"


def decided(traits: dict[str, str], said: Says | None = None, zone: str = "", channel: str = "email") -> set[str]:
    """The rules by which help was excluded, where the company keeps quiet while it is night in Kolkata."""
    with House() as house:
        known = {"name": "Ada", "plan": "gold", **traits}
        house.send(told(at("10:00"), type="identify", userId="ada", traits=known, messageId="1"))
        house.settle()
        if said is not None:
            WishBook(house.people).say(house.people.add([f"{ORG}:user_id:ada"]).handle, ORG, lambda _: said)
        desk = Desk(house, HELP, manner=Manner(holdout=0, policy=Policy(quiet=around(now()))))
        answer = desk.decide(channel=channel, context=Now(zone=zone))
        kept = desk.kept(answer).content
        desk.close()
        assert kept is not None
        told_zone = (said.zone if said else "") or zone or traits.get("timezone", "")
        assert kept.zone in (told_zone, traits.get("timezone"), "")
        return {one["rule"] for one in answer["excluded"]}


@pytest.mark.parametrize(
    ("traits", "said", "zone", "is_quiet"),
    [
        ({}, None, "", False),
        ({"timezone": "Asia/Kolkata"}, None, "", True),
        ({"timezone": "Pacific/Chatham"}, None, "Asia/Kolkata", True),
        ({"timezone": "Asia/Kolkata"}, None, "Pacific/Chatham", False),
        ({"timezone": "Asia/Kolkata"}, None, "nowhere/at-all", True),
        ({"timezone": "Asia/Kolkata"}, Says(zone="Pacific/Chatham"), "", False),
        ({}, Says(zone="Asia/Kolkata"), "Pacific/Chatham", True),
    ],
)
def test_a_companys_quiet_hours_are_those_of_the_customers_zone_by_whoever_knows_it_best(
    traits: dict[str, str], said: Says | None, zone: str, is_quiet: bool
) -> None:
    assert ("quiet_hours" in decided(traits, said, zone)) is is_quiet


def test_what_interrupts_nobody_is_never_quiet() -> None:
    assert "quiet_hours" not in decided({"timezone": "Asia/Kolkata"}, channel="web")


def test_what_is_on_its_way_waits_for_the_morning_where_the_customer_is(office: PostOffice) -> None:
    known = {"name": "Ada", "email": "ada@example.com", "timezone": "Asia/Kolkata"}
    office.house.send(told(at("11:00"), type="identify", userId="ada", traits=known, messageId="far"), source="crm")
    office.house.settle()
    answer = office.decide()
    MannerBook(office.desk.ledger).put_manner(ORG, Manner(holdout=0, policy=Policy(quiet=around(now()))), "eve")
    office.open()
    eventually(lambda: office.standing(answer).error != "")
    standing = office.standing(answer)
    assert standing.state == "waiting"
    assert "it is within quiet hours in Asia/Kolkata" in standing.error
