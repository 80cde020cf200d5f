"""A house that decides and sends: a desk over real receipts, an SMTP server, and the thread between them."""

import msgspec
import pytest

from rapport.act.mail import Sender
from rapport.act.messages import Hook
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.messages import MessageBook
from rapport.app.messaging import Messenger
from rapport.decide.actions import Action, Benefit
from rapport.decide.kinds import NOTICE
from tests.act.postman import Postman
from tests.act.receiving import eventually
from tests.app.desk import Desk
from tests.profile.house import ORG, House, at, told

WRITE = Action(
    ORG,
    "write",
    "help",
    "service",
    {
        "email": {"en": {"subject": "Dear {traits.name}", "text": "How."}},
        "webhook": {"en": {"text": "How."}},
    },
    benefit=Benefit("minutes_saved", minutes=500),
    value=200.0,
)
SENDER = Sender("Shop <shop@shop.example>")


class PostOffice:
    """`decide` decides until something is sent: silence is drawn now and then."""

    def __init__(self, house, *actions):
        self.house = house
        self.desk = Desk(house, *(actions or (WRITE,)))
        self.channels = ChannelBook(self.desk.ledger)
        self.channels.put(ORG, "email", SENDER, "eve")
        self.messages = MessageBook(self.desk.ledger)
        self.messenger = None

    def decide(self, customer="user_id:ada", channel="email"):
        for _ in range(200):
            answer = self.desk.decide(customer, channel, deliver=True)
            if answer["action"] != "silence":
                return answer
        raise AssertionError(f"nothing was to be done: {answer['excluded']}")

    def decide_once(self, customer="user_id:ada", channel="email"):
        """The same by a single use: what is mandatory is drawn by no lot."""
        ActionBook(self.desk.ledger).put(msgspec.structs.replace(WRITE, kind=NOTICE), "eve")
        answer = self.desk.decide(customer, channel, deliver=True)
        assert answer["action"] == WRITE.id, answer["excluded"]
        return answer

    def hook(self, url, secret):
        self.channels.put(ORG, "webhook", Hook(url, secret), "eve")

    def open(self, **more):
        self.messenger = Messenger(self.house.settings, **more)
        return self.messenger

    def standing(self, answer):
        return self.messages.standing(ORG, answer["decision"])

    def until(self, answer, state, within_s=120.0):
        eventually(lambda: self.standing(answer).state == state, within_s)

    def delivery(self, answer):
        return self.desk.kept(answer).delivery

    def close(self):
        if self.messenger is not None:
            self.messenger.close()
        self.desk.close()


@pytest.fixture
def postman():
    with Postman() as postman:
        yield postman


def person_told(name, email, **more):
    traits = {"name": name.title(), **({"email": email} if email else {})}
    return told(at("10:00"), type="identify", userId=name, traits=traits, messageId=name, **more)


@pytest.fixture
def office(postman):
    with House(smtp=postman.url, mail_from="node@rapport.example", private_destinations=True) as house:
        house.send(
            person_told("ada", "ada@example.com"),
            person_told("bo", "bo@example.com"),
            person_told("cy", None),
            source="crm",
        )
        made = PostOffice(house.settle())
        yield made
        made.close()


__all__ = ["ORG", "SENDER", "WRITE", "PostOffice", "office", "person_told", "postman"]
