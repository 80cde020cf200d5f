"""Actions of every kind, in memory, over the catalogue that ships as an example: what is written is checked, and what
is tried is decided, as the product does; one customer is known, and she was decided for before."""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from pathlib import Path
from typing import Any

import msgspec

from rapport.decide import features
from rapport.decide.actions import Action, Benefit, Caps, Limits, Valid, declared, next_version
from rapport.decide.catalogue import Catalogue
from rapport.decide.catalogue_files import parse
from rapport.decide.contact import Policy
from rapport.decide.decision import Learnt, Manner, Moment, checked_manner, decide
from rapport.decide.explaining import moved
from rapport.decide.features import Context
from rapport.decide.kinds import Units, checked_units
from rapport.decide.posterior import Posterior, Prior
from rapport.decide.wishes import ActionWish, action
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.expressions import Facts
from rapport.kernel.times import DAY, now, rfc3339
from rapport.learn.verdicts import Rail, Verdict, checked_reason
from rapport.web.actions import Previewed, SavedAction, told_preview
from rapport.web.console import actions_desk as told
from rapport.web.console.session import Session
from rapport.web.decisions import Before, DecisionWish, Trial

EXAMPLES = Path(__file__).parents[3] / "examples/actions.toml"
FOR_EVERYBODY = ("help_after_refund", "inform_care", "thank_first_order", "ask_why_returned")
HOSTILE = "<b>Ümläut</b> </script>"
LONG = "a" * 63
FACTS = Facts({"firstName": "Ada", "plan": "gold", "age": 41, "note": HOSTILE})


class SampleActions:
    def __init__(self, *, empty: bool = False) -> None:
        self.at = now()
        found = () if empty else parse("demo", EXAMPLES.read_bytes()).actions
        self.all = {one.id: msgspec.structs.replace(one, version=1, at=self.at - 20 * DAY) for one in found}
        if not empty:
            self._widen()
        self.versions = {name: (one,) for name, one in self.all.items()}
        if not empty:
            before = msgspec.structs.replace(self.all["help_after_refund"], value=0.1, caps=Caps())
            self.all["help_after_refund"] = next_version(before, self.all["help_after_refund"], self.at - DAY)
            self.versions["help_after_refund"] = (self.all["help_after_refund"], before)
        self.kept_units = Units() if empty else Units("GBP", version=1)
        self.kept_manner = Manner() if empty else Manner(policy=Policy("22:00-08:00", "Europe/London"), version=2)
        self.learnt = self._learnt()
        self.trials: list[DecisionWish] = []
        self.rails = {} if empty else self._rails()
        self.held_out = False

    def _widen(self) -> None:
        for name in FOR_EVERYBODY:
            self.all[name] = msgspec.structs.replace(self.all[name], eligible="true")
        content = {"inbox": {"en": {"title": HOSTILE, "text": HOSTILE + " {traits.note}"}}}
        odd = Action("demo", LONG, "inform", "service", content, "traits.age > 18", at=self.at)
        self.all[LONG] = msgspec.structs.replace(
            odd, benefit=Benefit("discount", amount=-1_234_567.5), value=1e6, caps=Caps(channels={"inbox": Limits(1)})
        )
        over = msgspec.structs.replace(odd, id="winter_2025", valid=Valid(until=self.at - DAY), value=0, benefit=None)
        self.all["winter_2025"] = over

    def _learnt(self) -> Learnt:
        """From some outcomes: whoever is on the gold plan gains by help."""
        customer = Posterior(Prior("customer"))
        sides = Learnt(customer, Posterior(Prior("company"), beside=customer), 40)
        context = Context(self.at, channel="inbox", traits=FACTS.traits)
        crossed = features.crossed(features.hashed(features.named(context)), [("help_after_refund", "help")])
        for number in range(40):
            sides.customer.learn(crossed, 2.8, 4.0 + number % 3, self.at)
            sides.company.learn(crossed, 0.85, 0.9 - number % 2, self.at)
        return sides

    def _rails(self) -> dict[str, Rail]:
        found = Verdict("", "customer", True, -0.412, -0.7, -0.124, 1_190, 2_310, 0.01, f"harms customers {HOSTILE}")
        theirs = msgspec.structs.replace(found, side="company", effect=-1.5)
        return {
            LONG: Rail(LONG, 1, "off", self.at - DAY, (found, theirs)),
            "inform_care": Rail("inform_care", 1, "harm", self.at - DAY, (found,)),
            "winter_2025": Rail("winter_2025", 1, "on", self.at - DAY, (found,), "opr_1", HOSTILE),
        }

    async def switch_on(self, session: Session, name: str, reason: str) -> None:
        before = self.rails.get(name)
        if before is None or before.state == "on":
            raise Conflict(f"{name} is not switched off", code="not_switched_off", field="id")
        self.rails[name] = msgspec.structs.replace(before, state="on", reason=checked_reason(reason), at=now())

    # -- the catalogue

    def _listed(self, one: Action) -> told.Listed:
        chosen = {"help_after_refund": (1_204, 1_190), "inform_care": (17, 3)}.get(one.id, (0, 0))
        return told.Listed(one, declared(one, self.kept_units), *chosen, self.rails.get(one.id))

    async def page(self, session: Session, after: str, limit: int) -> told.Catalogued:
        rows = [self._listed(self.all[name]) for name in sorted(self.all) if name > after][:limit]
        return told.Catalogued(tuple(rows), self.kept_units, 2_310 if rows else 0)

    async def named(self, session: Session, name: str) -> told.Looked:
        if name not in self.all:
            raise NotFound("there is no such action", field="id")
        started = {"help_after_refund": (1_350, 1_204)}.get(name, (0, 0))
        return told.Looked(self._listed(self.all[name]), self.kept_units, self.versions[name], *started)

    async def put(self, session: Session, name: str, wish: ActionWish, expected: int) -> SavedAction:
        made = action("demo", name, wish)
        before = self.all.get(name)
        if (0 if before is None else before.version) != expected:
            raise Conflict("version 2 is in force, another than you had: look at what changed", code="outdated")
        at = now()
        kept = msgspec.structs.replace(made, at=at) if before is None else next_version(before, made, at)
        self.all[name] = kept
        self.versions[name] = (kept, *(one for one in self.versions.get(name, ()) if one is not kept))
        return SavedAction(kept, self.kept_units, (), before is None)

    async def delete(self, session: Session, name: str) -> None:
        await self.named(session, name)
        del self.all[name]

    async def units(self, session: Session) -> Units:
        return self.kept_units

    async def put_units(self, session: Session, units: Units, expected: int) -> Units:
        checked_units(units)
        if expected != self.kept_units.version:
            raise Conflict("another version is in force than you had: look at what changed", code="outdated")
        self.kept_units = msgspec.structs.replace(units, version=expected + 1)
        return self.kept_units

    # -- one customer

    async def preview(
        self, session: Session, name: str, customer: str, channel: str, language: str | None
    ) -> dict[str, Any]:
        self._known(customer)
        (await self.named(session, name))
        ready = Catalogue([self.all[name]]).ready[name]
        spoken = ("en",) if language is None else (language,)
        message = ready.rendered(FACTS, self.at, channel, spoken)
        unfit = ready.excluded(FACTS, self.at, channel, spoken)
        shown = Previewed(self.all[name], message, *(("", "") if unfit is None else unfit))
        return {**self._head(), **told_preview(shown)}

    async def trial(self, session: Session, wish: DecisionWish) -> Trial:
        self._known(wish.customer)
        self.trials.append(wish)
        traits = {} if wish.customer.startswith("email:quiet") else FACTS.traits
        context = Context(self.at, "UTC", wish.channel, wish.context.device, traits=traits)
        moment = Moment(wish.purpose, wish.channel, Facts(traits), context, ("en",), held_out=self.held_out)
        catalogue = Catalogue(self.all.values(), units=self.kept_units)
        decision = decide(f"dec_{len(self.trials)}", catalogue, self.kept_manner, self.learnt, moment)
        before = Before(0, "silence", "web", "there is nothing to do for this purpose", delivered=False)
        helped = msgspec.structs.replace(before, action="help_after_refund", why="", delivered=True)
        lately = (helped, before, Before(0, "", "", "", delivered=False))
        return Trial(self._head(), decision, self.kept_units, moved(decision, self.learnt), lately)

    def _known(self, customer: str) -> None:
        if customer.startswith("email:fam"):
            raise Conflict("several customers have this identifier", code="ambiguous", field="customer")
        if customer.startswith("email:nobody"):
            raise NotFound("no such customer, or nothing that may be read for this purpose")
        if ":" not in customer and not customer.startswith("cus_"):
            raise BadInput("a customer is asked for by type:value", code="bad_customer", field="customer")

    def _head(self) -> dict[str, Any]:
        return {"customer": f"cus_{0:026}", "receipt": "rcp_1", "as_of": rfc3339(self.at)}

    # -- how it is decided

    async def manner(self, session: Session) -> Manner:
        return self.kept_manner

    async def put_manner(self, session: Session, manner: Manner, expected: int) -> Manner:
        checked_manner(manner)
        if expected != self.kept_manner.version:
            raise Conflict("another version is in force than you had: look at what changed", code="outdated")
        self.kept_manner = msgspec.structs.replace(manner, version=expected + 1)
        return self.kept_manner
