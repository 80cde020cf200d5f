"""Claiming by a purchase, and letting go of such claims where anything stronger speaks against them."""

from collections.abc import Iterable

from rapport.adapters.embedded.claims import ANOTHER, BY_PURCHASE, TOO_LITTLE, Bought
from rapport.app.proving import Proofs
from rapport.kernel.errors import Conflict, Unauthorized
from rapport.kernel.times import DAY, now
from rapport.profile.store import ProfileReader
from rapport.signin.challenges import UNPROVED
from rapport.terms import purchases
from rapport.terms.purchases import Rule

TOLD = (
    "Somebody told of a purchase at {org} as theirs that belongs to what you claim there. They were shown nothing. "
    "If it was you in another account, join the two."
)
MOST_CHECKED = 200
"""Claims that are looked at again in one go."""


class Purchasing:
    """Over proofs and a reader of one thread."""

    def __init__(self, proofs: Proofs, reader: ProfileReader) -> None:
        self._proofs = proofs
        self._reader = reader
        self._after = (b"", 0)

    def prove(self, handle: str, org: str, order: str, total: str, day: str, code: str) -> None:
        """Claim the records that hold a purchase which the person told rightly. Whatever is wrong (no such order,
        another total, somebody else's, an organization that takes none) is the same Unauthorized. Raises Conflict where
        the person has shown no address, BadInput for what is no order, TooMany."""
        proofs = self._proofs
        if not any(one.until > now() for one in proofs.contacts.contacts(handle)):
            message = "Show first that an address is yours: you are told there if somebody else claims what is yours."
            raise Conflict(message, code="no_contact")
        rule = proofs.purchases.rules().get(org)
        told = purchases.read_told(rule or Rule("", "order_id"), order, total, day, code)
        person = proofs.people.person(handle).id
        proofs.purchases.count(person, org, (rule or Rule("", "order_id")).identifier, told.order)
        found = None
        if rule is not None:
            with self._reader.snapshot():
                found = purchases.bought(self._reader, org, rule, told, now())
        if rule is None or found is None:
            raise Unauthorized(UNPROVED, code="unproved")
        others = self._others(person, org, found.links)
        if others:
            proofs.claims.alarm(others, TOLD.format(org=proofs.people.name_of(org)))
            raise Unauthorized(UNPROVED, code="unproved")
        claim = (org, rule.identifier, told.order)
        proofs.claims.claim_by_purchase(handle, claim, found.records, now() + rule.days * DAY)

    def outweigh(self, handle: str) -> None:
        """A person has shown something to be theirs by a stronger proof: others' claims by purchases of the same
        customers are suspended."""
        if not self._proofs.purchases.rules():
            return
        people, links = self._proofs.people, dict[str, set[str]]()
        strong = [one for one in self._proofs.claims.claims(handle) if not one.suspended and one.how != BY_PURCHASE]
        with self._reader.snapshot():
            for one in strong:
                found = purchases.around(self._reader, one.org, one.kind, one.value)
                links.setdefault(one.org, set()).update(found)
        for org, some in links.items():
            self._proofs.claims.suspend_purchases(people.person(handle).id, _split(org, some))

    def check(self) -> int:
        """Look at some claims by purchases again, in turns: one that would open another record by now, or more than a
        purchase is enough for, or that somebody else claims as well, is suspended. Return how many were."""
        rules, suspended = self._proofs.purchases.rules(), 0
        some = self._proofs.claims.by_purchase(self._after, MOST_CHECKED)
        self._after = (some[-1].token, some[-1].person) if len(some) == MOST_CHECKED else (b"", 0)
        for one in some:
            why = self._against(one, rules.get(one.org))
            if why:
                self._proofs.claims.suspend_purchase(one, why)
                suspended += 1
        return suspended

    def _against(self, one: Bought, rule: Rule | None) -> str:
        """Why a claim opens nothing any more; "" where it does."""
        if rule is None or one.kind != rule.identifier:
            return TOO_LITTLE
        with self._reader.snapshot():
            firm = purchases.firmly(self._reader, one.org, rule, one.value)
            links = purchases.around(self._reader, one.org, one.kind, one.value)
        if self._others(one.person, one.org, links):
            return ANOTHER
        same = {part.number for part in firm} <= set(one.records)
        return "" if same and not any(purchases.holds_more(part) for part in firm) else TOO_LITTLE

    def _others(self, person: int, org: str, links: Iterable[str]) -> list[int]:
        """Who else claims anything of a customer."""
        holders = self._proofs.people.ground(org, frozenset(links)).holders
        return [holder.id for holder in holders if holder.id != person]


def _split(org: str, links: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(org, *link.split(":", 1)) for link in sorted(links)]  # type: ignore[misc]  # two parts each
