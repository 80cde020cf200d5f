"""What of a customer may be read, and the receipt of it: the gate's judgement, before anything is answered.

In: a customer as the reader found it, and who wants to read it for what. Out: the customer as far as it may be read,
and the receipt, which the book commits while what it rests on still holds. All within a snapshot of the caller's.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from rapport.kernel import ids
from rapport.kernel.keys import digest16
from rapport.kernel.times import now
from rapport.kernel.vocabulary import bit, names_in
from rapport.profile.record import OWN, Record
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms.deciding import Decision, decide, holds_firmly, kept_from, links_of, own_terms
from rapport.terms.declaration import Promise
from rapport.terms.elsewhere import done_elsewhere, is_shared
from rapport.terms.filtering import categories_in, let_through
from rapport.terms.ground import Ground, Holder, Pending, People
from rapport.terms.own import own_parts
from rapport.terms.own_word import with_own_word
from rapport.terms.policy import Judge
from rapport.terms.receipts import Receipt
from rapport.terms.sentences import unmet_words

_PREFERENCE = bit("preference")


class Request(msgspec.Struct, frozen=True):
    """One wish to read. `customer` is `type:value` or a `cus_…` handle; `caller` says who asks (never a credential);
    `reaching_out`: in order to contact the person now; `elsewhere`: with what they did at other companies;
    `recipients`: who is to have it beyond the organization (None: whomever the promise names); `systems`: those of its
    own that it is for, where they are few; `goals`: with the goals that they let it know."""

    org: str
    customer: str
    purpose: str
    caller: str
    action: str = "view"
    reaching_out: bool = False
    elsewhere: bool = False
    recipients: tuple[str, ...] | None = None
    systems: tuple[str, ...] = ()
    goals: bool = False


class Judged(NamedTuple):
    """One customer as far as it may be read: None where nothing may. `told`: the mask of the categories that are in
    it; `others`: who is told of it beside the first of those who claim it."""

    found: Found
    open: Found | None
    decision: Decision
    ground: Ground
    told: int = 0
    others: tuple[int, ...] = ()


class Judging:
    """Judges customers of one reader of profiles by the ledger's persons and promises. `secret` hides in receipts whom
    a request asked for."""

    def __init__(self, reader: ProfileReader, people: People, secret: bytes = b"") -> None:
        self._reader = reader
        self._people = people
        self._secret = secret
        self._judge = Judge()

    def several(self, customers: Sequence[Found], request: Request, purpose: str) -> list[Judged]:
        """What of each of an organization's customers may be read, within a snapshot."""
        grounds = self._people.grounds(request.org, [list(links_of(found.parts)) for found in customers])
        return [self.judged(found, request, purpose, ground) for found, ground in zip(customers, grounds, strict=True)]

    def judged(
        self, found: Found, request: Request, purpose: str, ground: Ground | None = None, at: int | None = None
    ) -> Judged:
        """What of a customer may be read, within a snapshot. `ground`: what it rests on, where that is known; `at`: at
        another time than now (µs)."""
        at = now() if at is None else at
        ground = ground or self._people.ground(found.org, links_of(found.parts))
        shared = self._shared(found, ground)
        reaching_out = request.reaching_out
        decision = decide(
            self._judge, self._people, found.parts, ground, purpose, at, reaching_out=reaching_out, shared=shared
        )
        if request.recipients:
            decision = kept_from(decision, request.recipients)
        parts: list[Part] = []
        told = 0
        for part, mask in zip(found.parts, decision.masks, strict=True):
            kept = let_through(part, mask) if mask else None
            if kept is not None:
                parts.append(kept[0])
                told |= kept[1]
        parts = with_own_word(found.parts, parts)
        elsewhere: Sequence[dict[str, Any]] = ()
        if decision.elsewhere and request.elsewhere:
            elsewhere, tokens = self._elsewhere(found.org, ground.holders[0], decision)
            ground = msgspec.structs.replace(ground, tokens=ground.tokens + tokens)
        others = self._others(found, parts or found.parts, ground) if len(ground.holders) > 1 else ()
        if not parts and not elsewhere:
            return Judged(found, None, decision, ground, others=others)
        owner = self._owner(found, ground, decision) if request.goals else 0
        opened = found._replace(parts=parts, elsewhere=elsewhere, owner=owner, others=others)
        return Judged(found, opened, decision, ground, told, others)

    def _owner(self, found: Found, ground: Ground, decision: Decision) -> int:
        """The person who a customer is for certain, and nobody beside, where their terms let preferences through, as
        which goals count; else 0."""
        if len(ground.holders) != 1:
            return 0
        (holder,) = ground.holders
        open_to = [part for part, mask in zip(found.parts, decision.masks, strict=True) if mask & _PREFERENCE]
        return holder.id if open_to and self._is_sure(holder, open_to, found) else 0

    def _others(self, found: Found, parts: Sequence[Part], ground: Ground) -> tuple[int, ...]:
        """Who is told of a use of some records beside the first who claims the customer: whoever sees one of them as
        their own, and is sure to be it, so that nobody reads of another by a guess."""
        return tuple(
            one.id for one in ground.holders[1:] if self._is_sure(one, parts, found) and self._sees(one, parts, found)
        )

    def _sees(self, holder: Holder, parts: Sequence[Part], found: Found) -> bool:
        """Whether one of some records is among what this person is shown as their own (see `own`)."""
        claims = [(kind, value) for org, kind, value in self._people.claims(holder.id) if org == found.org]
        numbers = {part.number for part in own_parts(self._reader, found.org, claims)[0]}
        return any(part.number in numbers for part in parts)

    def _is_sure(self, holder: Holder, parts: Sequence[Part], found: Found) -> bool:
        """Whether one of some records of a customer is this person's for certain, and of no other customer beside."""
        users = frozenset(link for link in holder.links if link.startswith("user_id:"))
        if any(holds_firmly(part, users) for part in parts):
            return True
        links = self._unshared(holder.links - users, found)
        return any(holds_firmly(part, links) for part in parts)

    def _unshared(self, links: Collection[str], found: Found) -> frozenset[str]:
        """Claimed identifiers, but for those that another customer holds as firmly."""
        own = {part.number for part in found.parts}
        return frozenset(one for one in links if not is_shared(self._reader, found.org, one, own))

    def _shared(self, found: Found, ground: Ground) -> set[str]:
        """Claimed identifiers that a record of another customer holds as firmly, such as the mailbox of two."""
        if not ground.holders:
            return set()
        claimed = {link for holder in own_terms(ground) for link in holder.links if not link.startswith("user_id:")}
        if not claimed or any(holder.locked for holder in ground.holders):
            return set()
        own = {part.number for part in found.parts}
        return {link for link in claimed if is_shared(self._reader, found.org, link, own)}

    def _elsewhere(self, org: str, holder: Holder, decision: Decision) -> tuple[Sequence[dict[str, Any]], bytes]:
        """What a person did at other companies, and the tokens by which nobody else was found to have a say in it."""
        tokens = b""

        def alone(there: Found) -> bool:
            nonlocal tokens
            ground = self._people.ground(there.org, links_of(there.parts))
            tokens += ground.tokens
            return all(other.id == holder.id for other in ground.holders)

        claims = [claim for claim in self._people.claims(holder.id) if claim[0] != org]
        return done_elsewhere(self._reader, claims, decision.grants, decision.elsewhere, alone), tokens

    def unsorted(self, org: str, links: Sequence[str], purpose: str) -> Judged:
        """What may be read of bytes of which no more is known than whom they name."""
        ground = self._people.ground(org, links)
        part = Part(0, "", Record(org, "", "", "", links=dict.fromkeys(links, OWN)))
        decision = decide(self._judge, self._people, (part,), ground, purpose, now(), reaching_out=False)
        return Judged(Found(org, "", None, ()), None, decision, ground)

    def pending(
        self,
        request: Request,
        purpose: str,
        judged: Judged | None,
        fields: tuple[str, ...],
        trouble: str,
        *,
        given: bool,
        asked: str | None = None,
    ) -> Pending:
        """The receipt of a use, or of a refusal, with what it rests on. `judged`: None where there is no such customer;
        `fields`: what is `given`; `trouble`: why it is not, where that is no matter of terms; `asked`: who was looked
        at, where the request names nobody."""
        at = now()
        customer = request.customer if asked is None else asked
        digest = digest16(self._secret, request.org.encode(), customer.encode("utf-8", "surrogatepass"))
        if judged is None:
            ground = self._people.ground(request.org, ())
            receipt = Receipt(
                id=ids.fresh("rcp"),
                org=request.org,
                at=at,
                purpose=purpose,
                action=request.action,
                decision="absent",
                reason=trouble,
                caller=request.caller,
                asked=digest,
            )
            return Pending(receipt, ground)
        decision, ground = judged.decision, judged.ground
        is_open = given and judged.open is not None
        holder = ground.holders[0] if ground.holders else None
        promise = decision.promise
        unmet = () if is_open else unmet_words(decision.unmet)
        receipt = Receipt(
            id=ids.fresh("rcp"),
            org=request.org,
            at=at,
            purpose=purpose,
            action=request.action,
            decision="permitted" if is_open else "refused",
            reason=trouble or _reason(judged),
            caller=request.caller,
            fields=fields,
            categories=names_in(judged.told | _goals_in(judged, fields)) if is_open else (),
            records=tuple(part.number for part in (judged.open or judged.found).parts),
            asked=digest,
            clauses=decision.clauses,
            agreement=holder.agreement if holder is not None else "",
            declaration=ground.standing.hash,
            recipients=_recipients(request, promise) if is_open else (),
            retention_days=promise.retention_days if promise is not None else None,
            unmet=unmet,
            elsewhere=len(judged.open.elsewhere) if is_open and judged.open is not None else 0,
        )
        return Pending(
            receipt,
            ground,
            holder.id if holder is not None else 0,
            decision.limits if is_open else (),
            "; ".join(unmet),
            judged.found.number,
            others=judged.others,
        )


def _goals_in(judged: Judged, fields: Collection[str]) -> int:
    """As what goals count, where the person's own were looked at."""
    return _PREFERENCE if judged.open is not None and judged.open.owner and "goals" in fields else 0


def withheld(judged: Judged) -> tuple[str, ...]:
    """The categories that the organization holds of a person for certain, and may not read: for that person alone."""
    if judged.open is None or not judged.ground.holders:
        return ()
    links = judged.ground.holders[0].links
    held = 0
    for part in judged.found.parts:
        user = part.record.user
        if (user is None or f"user_id:{user}" in links) and holds_firmly(part, links):
            held |= categories_in(part)
    return names_in(held & ~judged.told)


def _recipients(request: Request, promise: Promise | None) -> tuple[str, ...]:
    if request.systems:
        return request.systems
    if request.recipients is not None:
        return request.recipients
    return () if promise is None else promise.recipients or ()


def _reason(judged: Judged) -> str:
    if judged.open is None and judged.decision.permitted:
        return "there is nothing of what may be read"
    return judged.decision.reason
