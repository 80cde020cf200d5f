"""What the sample desk promises, and what came of it."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from typing import Any, Literal

from rapport.app import words
from rapport.kernel.errors import Busy, Conflict
from rapport.kernel.times import DAY, HOUR, now
from rapport.terms import Declaration, Promise, promises
from rapport.terms.benefits import Estimate, Sum
from rapport.terms.declaration import DEFAULT, Benefit, ValueClaim
from rapport.terms.mirror import Mirrored, Month, Wanted, mirror
from rapport.terms.simulator import OpenDoor, Opening, Simulation
from rapport.web.console import desk as told
from rapport.web.console import terms_desk as met

PROMISED = Declaration(
    "Demo & Daughters",
    {
        "service": Promise("contract", ("everything", "unclassified"), 365, (), onward=False, place=("EEA",)),
        "offers": Promise(
            "consent",
            ("purchases", "preference", "pd:Income"),
            365,
            ("Post Ltd",),
            onward=None,
            benefits=(Benefit("discount", 5.0, "%"), Benefit("service", text="wrapping")),
            alternative=Promise("consent", ("purchases",), 30, onward=False),
        ),
        "fraud": Promise("legal_obligation", ("financial",), law="Payment Services Act, section 12"),
    },
    values=(ValueClaim("living_wage", "Everybody here earns one", "wages-board"),),
)


GAVE = {
    "customer": [{"amount": "1204.50", "unit": "GBP"}, {"amount": "-3.00", "unit": "EUR"}],
    "company": [{"band": "10–20", "unit": "GBP", "count": 61}],
}


SUMS = (
    Sum("customer", "discount", "GBP", "", "1204.50", 402),
    Sum("customer", "refund", "EUR", "", "-3.00", 1),
    Sum("customer", "minutes_saved", "minutes", "", "90", 12),
    Sum("company", "margin", "GBP", "10–20", "", 61),
    Sum("company", "saving", "GBP", "", "0", 1),
)


ASKED_TOO_OFTEN = "200 declarations were tried within a day: that is enough for today"


class SampleTerms:
    def __init__(self, *, empty: bool) -> None:
        self.few = empty
        self.simulating_is_busy = False
        self.own_key = False
        self.declaration = DEFAULT if empty else PROMISED
        self.declared_version = 0 if empty else 3

    async def promised(self, session: told.Session) -> met.Promised:
        remarks = () if self.few else ("values[0] 'living_wage' counts as self-declared",)
        return met.Promised(
            self.declaration,
            self.declared_version,
            now() - 9 * DAY,
            promises.hash_of(self.declaration),
            remarks,
            self.own_key,
        )

    async def draft(self, session: told.Session, document: bytes, form: Literal["json", "toml"]) -> met.Draft:
        declaration = promises.parse(document, form)
        changes = tuple(promises.changes(self.declaration, declaration))
        return met.Draft(promises.canonical(declaration).decode(), changes)

    async def declare(self, session: told.Session, document: bytes, version: int) -> None:
        if version != self.declared_version:
            raise Conflict("another version is in force", code="outdated")
        self.declaration = promises.parse(document, "json")
        self.declared_version += 1

    async def simulate(self, session: told.Session, document: bytes) -> Simulation:
        if self.simulating_is_busy:
            raise Busy("another simulation is being worked out: ask again in a moment")
        if self.few:
            return Simulation(None, 20, (), ())
        openings = (
            Opening("fraud", None, None, None, None, {}, by_law=True),
            Opening("offers", 120, 340, 220, None, {"purchases": 340}),
            Opening("service", 1_210, 1_210, None, None, {"purchases": 1_210}),
        )
        doors = (
            OpenDoor("offers", {"onward": False}, "promise that nothing is passed on", 640),
            OpenDoor("offers", {"benefit": {}}, "offer 10 % discount", 90),
        )
        return Simulation(1_480, 20, openings, doors)

    async def agreements(self, session: told.Session, cursor: str | None) -> met.AgreedPage:
        if self.few:
            return met.AgreedPage((), None)
        start = int(cursor or 0)
        rows = tuple(
            met.Agreed(
                f"agr_{i:026}",
                "ended" if i % 4 == 3 else "active",
                now() // DAY * DAY - i * DAY,
                now() // DAY * DAY if i % 4 == 3 else None,
                3,
                ("what you bought to make you offers",),
            )
            for i in range(start, start + 30)
        )
        return met.AgreedPage(rows, str(start + 30) if start < 60 else None)

    async def agreement(self, session: told.Session, handle: str) -> dict[str, Any] | None:
        if self.few or not handle.startswith("agr_"):
            return None
        return {"agreement": {"id": handle, "purposes": ["offers"]}, "status": "active", "ended": None}

    async def uses(self, session: told.Session, cursor: str | None) -> met.Uses:
        if self.few:
            return met.Uses((), None, 30, {}, 0)
        rows = tuple(
            met.Use(f"rcp_{i:026}", now() - i * HOUR, "service", "view", "api token", "your name and what you bought")
            for i in range(30)
        )
        return met.Uses(rows, None if cursor else "30", 30, {"service": 5_120, "offers": 640, "fraud": 3}, 411, GAVE)

    async def wanted(self, session: told.Session) -> met.Wanted:
        if self.few:
            return met.Wanted(30, 20, None, ())
        criteria = (("it does not say whether it passes it on", 640), ("it keeps it for longer than 90 days", 35))
        told = met.ToldWhy(f"cus_{0:026}", "offers", ("it keeps it for longer than 90 days",), now())
        return met.Wanted(30, 20, 700, criteria, (told,))

    async def mirror(self, session: told.Session, month: str) -> dict[str, Any]:
        standing = promises.standing("acme", self.declaration, self.declared_version, now(), {})
        if self.few:
            nothing = [Month(month, {}, 0, ())]
            return mirror(Mirrored("acme", nothing, (), standing, Wanted(30, None, ()), ASKED_TOO_OFTEN), words.purpose)
        estimate = Estimate(
            "customer", "people with offers", "0.40", "0.10", "0.70", "GBP", 1200, "holdout", "2026-11-01"
        )
        wanted = Wanted(30, 60, (("it passes it on to others", 45),))
        uses = {"service": 12_345, "offers": 678, "dpv:DeliveryOfGoods": 9}
        listed = [Month(month, uses, 90, SUMS), Month("2026-01", {"service": 1}, 0, SUMS[3:])]
        opened = await self.simulate(session, b"")
        return mirror(Mirrored("acme", listed, [estimate], standing, wanted, opened), words.purpose)
