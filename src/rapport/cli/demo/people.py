"""Who lives around the shop: households and the people in them, each a pure function of (seed, number).

So a run that was stopped can be taken up again, and more customers can be asked for later, without changing anyone.
"""

import random
import uuid
from functools import lru_cache
from typing import Any

import msgspec

from rapport.cli.demo.names import CITIES, COMPANIES, EMAIL_DOMAINS, FIRST_NAMES, STREETS, SURNAMES

MOBILES = 1000
"""How many mobile numbers are reserved for drama (07700 900000 to 900999); beyond them nobody gives a number."""

ALICE = 0
"""The number of Alice's household, which is the same whatever the seed."""


class Shopper(msgspec.Struct, frozen=True):
    """One person, as the shop's systems could know them. What a person does not have is empty or None."""

    number: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    user_id: str | None
    """The account of web shop and app."""
    browsers: tuple[str, ...]
    """Anonymous ids of the browsers this person uses; some are shared with the household."""
    install: str | None
    """The app on this person's phone."""
    card: str | None
    in_crm: bool
    newsletter: bool
    birthday: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Household(msgspec.Struct, frozen=True):
    """People who share an address, perhaps a mailbox and a computer. `company` where it is a business customer."""

    number: int
    street: str
    city: str
    postcode: str
    mailbox: str | None
    people: tuple[Shopper, ...]
    company: str | None = None

    @property
    def group_id(self) -> str:
        return f"company-{self.number}" if self.company else f"household-{self.number}"

    @property
    def name(self) -> str:
        return self.company or f"The {self.people[0].last_name} household"

    @property
    def address(self) -> dict[str, Any]:
        return {"street": self.street, "city": self.city, "postcode": self.postcode, "country": "GB"}


def lots(*parts: Any) -> random.Random:
    """Chance that is the same for the same parts, on every machine."""
    return random.Random("/".join(map(str, parts)))


@lru_cache(4096)
def household(seed: int, number: int) -> Household:
    """The household of this number: an address, one to four people, and what they share."""
    if number == ALICE:
        return _alices(seed)
    rng = lots(seed, "household", number)
    surname = rng.choice(SURNAMES)
    size = rng.choices((1, 2, 3, 4), (45, 33, 14, 8))[0]
    mailbox = f"{surname.lower()}.{number}@{rng.choice(EMAIL_DOMAINS)}" if size > 1 and rng.random() < 0.4 else None
    computer = _anonymous_id(rng) if size > 1 and rng.random() < 0.5 else None
    people = tuple(
        _shopper(rng, number, place, first_name, surname, mailbox, computer)
        for place, first_name in enumerate(rng.sample(FIRST_NAMES, size))
    )
    return Household(
        number=number,
        street=f"{rng.randint(1, 140)} {rng.choice(STREETS)}",
        city=rng.choices(CITIES, (50, 15, 15, 10, 10))[0],
        postcode=f"ZZ{rng.randint(1, 9)} {rng.randint(1, 9)}{rng.choice('ABDEFGH')}{rng.choice('JLNPQRS')}",
        mailbox=mailbox,
        people=people,
        company=rng.choice(COMPANIES) if size == 1 and rng.random() < 0.1 else None,
    )


def _shopper(
    rng: random.Random, house: int, place: int, first: str, last: str, mailbox: str | None, computer: str | None
) -> Shopper:
    number = f"{house:05d}{place}"
    own = f"{first}.{last}{house}@{rng.choice(EMAIL_DOMAINS)}".lower()
    has_account, has_card = rng.random() < 0.7, rng.random() < 0.55
    mobile = house * 4 + place
    browsers = [_anonymous_id(rng) for _ in range(rng.choices((1, 2), (60, 40))[0])]
    return Shopper(
        number=number,
        first_name=first,
        last_name=last,
        # Where several give the family's mailbox, it stands for nobody in particular.
        email=mailbox if mailbox and rng.random() < 0.7 else own,
        phone=f"+447700900{mobile:03d}" if mobile < MOBILES and rng.random() < 0.7 else None,
        user_id=f"C-{number}" if has_account else None,
        browsers=(*browsers, computer) if computer else tuple(browsers),
        install=_anonymous_id(rng) if has_account and rng.random() < 0.55 else None,
        card=f"LL{number}{rng.randrange(10**4):04d}" if has_card else None,
        in_crm=(has_account or has_card) and rng.random() < 0.85,
        newsletter=rng.random() < 0.5,
        birthday=f"{rng.randint(1945, 2006)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
    )


def _alices(seed: int) -> Household:
    """Alice and Ben Ashmarsh, whom the documentation speaks of: one address, one mailbox, one laptop, two customers."""
    rng = lots(seed, "household", ALICE)
    laptop, mailbox = _anonymous_id(rng), "ashmarshes@example.com"
    alice = Shopper(
        number="000000",
        first_name="Alice",
        last_name="Ashmarsh",
        email="alice@example.com",
        phone="+447700900000",
        user_id="C-000000",
        browsers=(_anonymous_id(rng), laptop),
        install=_anonymous_id(rng),
        card="LL0000000001",
        in_crm=True,
        newsletter=True,
        birthday="1988-04-12",
    )
    ben = Shopper(
        number="000001",
        first_name="Ben",
        last_name="Ashmarsh",
        email="ben@example.com",
        phone="+447700900001",
        user_id="C-000001",
        browsers=(laptop,),
        install=None,
        card="LL0000000002",
        in_crm=True,
        newsletter=False,
        birthday="1986-09-30",
    )
    return Household(ALICE, "7 Lamp Lane", "Eastmere", "ZZ1 1AA", mailbox, (alice, ben))


def _anonymous_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
