"""Audiences and computed traits of every kind, in memory: what is written is checked as the product does, and nobody is
asked."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from typing import Any

import msgspec

from rapport.decide import Audience, ComputedTrait, audience
from rapport.decide.models import MODELS, shipped
from rapport.decide.offers import TELLS, purchases
from rapport.decide.traits import expressed
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.expressions import Completion, Kind, Problem, Schema, complete, review
from rapport.kernel.times import DAY, HOUR, MINUTE, now, rfc3339
from rapport.web.audiences import Day, Filling, Learned, Preview, Saved, Standing, TraitWish, Warned
from rapport.web.console import audiences_desk as told
from rapport.web.console.session import Session

PAGE = 25
PEOPLE = 61
SCHEMA = Schema(
    traits={"plan": frozenset({Kind.TEXT}), "first name": frozenset({Kind.TEXT}), "age": frozenset({Kind.NUMBER})},
    events={
        "Order Completed": {"revenue": frozenset({Kind.NUMBER}), "coupon": frozenset({Kind.TEXT})},
        "Order Cancelled": {"revenue": frozenset({Kind.NUMBER})},
        "Page Viewed": {},
        "</script><b>Ümläut</b>": {},
    },
    identifiers=frozenset({"email", "user_id"}),
    computed={"orders_a_year": Kind.NUMBER},
)
WHY = {
    "audience": "gold_lately",
    "version": 3,
    "inside": True,
    "error": None,
    "why": [
        {
            "text": 'traits.plan == "gold" && count("Order Completed", days(30)) >= 2',
            "result": True,
            "error": None,
            "saw": [],
            "parts": [
                {
                    "text": 'traits.plan == "gold"',
                    "result": True,
                    "error": None,
                    "saw": [{"what": "traits.plan", "value": "gold"}],
                    "parts": [],
                },
                {
                    "text": 'count("Order Completed", days(30)) >= 2',
                    "result": True,
                    "error": None,
                    "saw": [{"what": 'count("Order Completed", days(30))', "value": 6}],
                    "parts": [],
                },
                {"text": "traits.age > 18", "result": None, "error": None, "saw": [], "parts": []},
                {
                    "text": "number(traits.age) / 0",
                    "result": None,
                    "error": "it divides by zero, in number(traits.age) / 0",
                    "saw": [{"what": "traits.age", "value": ["<b>", "x" * 300]}],
                    "parts": [],
                },
            ],
        },
        {
            "trait": "orders_a_year",
            "text": 'count("Order Completed", days(365))',
            "result": 7,
            "error": None,
            "saw": [{"what": 'count("Order Completed", days(365))', "value": 7}],
            "parts": [],
        },
    ],
}


class SampleAudiences:
    def __init__(self, *, empty: bool = False) -> None:
        self.at = now()
        gold = Audience(
            "acme",
            "gold_lately",
            'traits.plan == "gold" && count("Order Completed", days(30)) >= 2',
            "service",
            3,
            self.at - 9 * DAY,
        )
        away = Audience(
            "acme", "away", 'has(identifiers.email) && !within("*", weeks(2))', "offers", 1, self.at - 40 * DAY
        )
        failing = Audience("acme", "grown_up", "traits.age > 18", "service", 1, self.at - HOUR)
        nobody = Audience("acme", "nobody_yet", 'traits.plan == "' + "x" * 300 + '"', "service", 1, self.at)
        more = [Audience("acme", f"z{n:02}", "traits.age > 1", "service", 1, self.at - n * DAY) for n in range(PAGE)]
        self.all = {} if empty else {one.name: one for one in (gold, away, failing, nobody, *more)}
        year = ComputedTrait(
            "acme", "orders_a_year", "service", 'count("Order Completed", days(365))', version=2, at=self.at - DAY
        )
        value = shipped("acme", "lifetime_value", "lifetime_value", "Order Completed", "revenue", "service")
        poor = shipped("acme", "rfm", "rfm", "</script><b>Ümläut</b>", "", "offers")
        fresh = shipped("acme", "next_purchase", "next_purchase", "Order Completed", "", "service")
        self.kept = (
            {} if empty else {one.name: msgspec.structs.replace(one, at=self.at) for one in (year, value, poor, fresh)}
        )
        self.schema = Schema() if empty else SCHEMA
        self.asked: list[tuple[str, str, str | None]] = []

    # -- audiences

    def _standing(self, one: Audience) -> Standing:
        counts = {"gold_lately": 12_345, "away": 1, "nobody_yet": 0}
        filling = Filling(0.35) if one.name == "grown_up" else None
        return Standing(one, counts.get(one.name, 210), filling)

    def _days(self, one: Audience, days: int) -> list[Day]:
        today = self.at // DAY
        known = min(days, 1 + today - one.at // DAY)
        inside = self._standing(one).count
        return [Day(today - back, max(0, inside - 97 * back), 120 + back, 23) for back in range(known - 1, -1, -1)]

    async def page(self, session: Session, after: str, limit: int) -> list[told.Listed]:
        found = [self.all[name] for name in sorted(self.all) if name > after][:limit]
        return [
            told.Listed(
                self._standing(one),
                tuple(day.inside for day in self._days(one, 30)),
                12 if one.name == "grown_up" else 0,
            )
            for one in found
        ]

    def _named(self, name: str) -> Audience:
        if name not in self.all:
            raise NotFound("there is no such audience", field="name")
        return self.all[name]

    async def named(self, session: Session, name: str, days: int) -> told.Looked:
        one = self._named(name)
        earlier = [
            msgspec.structs.replace(one, version=n, expression="traits.age > 1", at=one.at - DAY)
            for n in range(one.version - 1, 0, -1)
        ]
        fails = name == "grown_up"
        return told.Looked(
            self._standing(one),
            (one, *earlier),
            tuple(self._days(one, days)),
            (("values of kinds that do not go together, in traits.age > 18", 11), ("<b>it fails</b>", 1))
            if fails
            else (),
            ("the destination “mail”", "the destination “erp”") if name == "gold_lately" else (),
            "it is of a later language" if name == "nobody_yet" else "",
        )

    async def put(
        self, session: Session, name: str, expression: str, purpose: str, expected: int | None
    ) -> Saved[Audience]:
        made = audience("acme", name, expression, purpose)
        before = self.all.get(name)
        if (before.version if before else 0) != expected:
            raise Conflict("version 3 is in force, another than you had: look at what changed", code="outdated")
        self.all[name] = msgspec.structs.replace(made, version=(expected or 0) + 1, at=now())
        return Saved(self.all[name], (), before is None)

    async def delete(self, session: Session, name: str) -> None:
        if name == "gold_lately":
            raise Conflict("destinations are given it: mail; remove or change them first", code="in_use", field="name")
        self._named(name)
        del self.all[name]

    async def preview(self, session: Session, expression: str, purpose: str, name: str | None) -> Preview:
        audience("acme", "tried", expression, purpose)
        self.asked.append((expression, purpose, name))
        warnings = [Warned("expression", one) for one in review(expression, self.schema) if one.doubt]
        if purpose == "research":
            message = "your declaration promises nothing for research: nobody can be read for it"
            warnings.append(Warned("purpose", Problem(1, 1, purpose, message, doubt=True)))
        compared = (37, 5) if name else (None, None)
        return Preview(4_120, *compared, 210, 12, "it divides by zero, in 1 / 0", 0.35, tuple(warnings), 9_000)

    # -- whom they are about

    def _person(self, number: int) -> told.Person:
        masked = () if number == 3 else (("email", f"a•••{number}@e•••.com"), ("user_id", f"u•••{number}"))
        return told.Person(f"cus_{number:026}", masked)

    def _seen(self, session: Session, name: str) -> Audience:
        one = self._named(name)
        if one.purpose != session.purpose:
            raise NotFound("there is no such audience for this purpose", field="purpose")
        return one

    async def people(self, session: Session, name: str, cursor: str | None) -> told.Members:
        self._seen(session, name)
        start = int(cursor or 0)
        rows = range(start, 0 if name == "nobody_yet" else min(PEOPLE, start + PAGE))
        following = str(start + PAGE) if start + PAGE < PEOPLE and rows else None
        return told.Members(tuple(told.MemberRow(self._person(n), self.at - n * HOUR) for n in rows), following)

    async def moves(self, session: Session, name: str, cursor: str | None) -> told.Moves:
        self._seen(session, name)
        start = int(cursor or 0)
        causes = ("event", "time", "definition", "gone")
        rows = tuple(
            told.MoveRow(self._person(n), "left" if n % 2 else "entered", self.at - n * MINUTE, causes[n % 4], 3)
            for n in range(start, 0 if name == "nobody_yet" else min(PEOPLE, start + PAGE))
        )
        return told.Moves(rows, str(start + PAGE) if start + PAGE < PEOPLE and rows else None)

    async def stumbles(self, session: Session, name: str) -> tuple[told.StumbleRow, ...]:
        self._seen(session, name)
        return (told.StumbleRow(self._person(2), "<b>it fails</b>"),) if name == "grown_up" else ()

    async def why(self, session: Session, name: str, customer: str) -> dict[str, Any]:
        self._seen(session, name)
        if customer.startswith("email:fam"):
            raise Conflict("several customers have this identifier", code="ambiguous", field="customer")
        if customer.startswith("email:nobody"):
            raise NotFound("no such customer, or nothing that may be read for this purpose")
        inside = name == "gold_lately"
        head = {"customer": f"cus_{0:026}", "receipt": "rcp_1", "as_of": rfc3339(self.at), "changed": "merged"}
        told_why = {**WHY, "inside": inside, "since": rfc3339(self.at - DAY) if inside else None}
        return {
            **head,
            **told_why,
            "due": rfc3339(self.at + 5 * DAY),
            "error": None if inside else "it divides by zero",
        }

    # -- computed traits

    async def traits(self, session: Session, after: str, limit: int) -> list[ComputedTrait]:
        return [self.kept[name] for name in sorted(self.kept) if name > after][:limit]

    async def trait(self, session: Session, name: str) -> told.TraitLooked:
        if name not in self.kept:
            raise NotFound("there is no such computed trait", field="name")
        one = self.kept[name]
        learned = {
            "lifetime_value": Learned(self.at, 2_357),
            "rfm": Learned(self.at, 0, "this is learned from at least 50 customers, and there are 7"),
        }
        uses = ("the audience “gold_lately”",) if name == "orders_a_year" else ()
        return told.TraitLooked(one, (one,), uses, learned.get(name))

    async def put_trait(
        self, session: Session, name: str, wish: TraitWish, expected: int | None
    ) -> Saved[ComputedTrait]:
        if wish.expression is not None:
            made = expressed("acme", name, wish.expression, wish.purpose)
        else:
            made = shipped("acme", name, wish.model or "", wish.event or "", wish.value or "", wish.purpose)
        before = self.kept.get(name)
        if (before.version if before else 0) != expected:
            raise Conflict("version 2 is in force, another than you had: look at what changed", code="outdated")
        self.kept[name] = msgspec.structs.replace(made, version=(expected or 0) + 1, at=now())
        return Saved(self.kept[name], (), before is None)

    async def delete_trait(self, session: Session, name: str) -> None:
        if (await self.trait(session, name)).uses:
            raise Conflict("gold_lately name it: change them first", code="in_use", field="name")
        del self.kept[name]

    async def preview_trait(self, session: Session, expression: str, purpose: str) -> told.Known:
        expressed("acme", "tried", expression, purpose)
        self.asked.append((expression, purpose, None))
        return told.Known(4_120, 311, 0, "", 1.0)

    async def offers(self, session: Session) -> told.Offers:
        made = {one.model: one.name for one in self.kept.values() if one.model}
        offered = tuple(told.Offer(model, TELLS[model], made.get(model, "")) for model in MODELS)
        return told.Offers(offered, purchases(self.schema))

    # -- while an expression is written

    async def words(self, session: Session) -> told.Words:
        return told.words_of(self.schema)

    async def complete(self, session: Session, before: str) -> list[Completion]:
        return complete(before, len(before), self.schema)

    async def review(self, session: Session, expression: str, of: told.Of) -> tuple[Problem, ...]:
        return review(expression, self.schema, Kind.ANY if of == "trait" else Kind.BOOL)
