"""The gate: the one way to read.

In: organization, purpose, what is asked for, who asks. Out: permitted facts with a receipt that is durable before they
leave, or absence. Refused and absent raise the same NotFound, after the same time; both leave a receipt that knows the
difference.

A decision is made over one snapshot of profiles and one of the ledger. The book commits its receipt only while what it
rests on still holds, so a lock or a changed clause that was committed first always wins: then it is decided again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound, RapportError
from rapport.kernel.identifiers import normalise, type_name
from rapport.kernel.keys import digest16
from rapport.kernel.times import now, rfc3339
from rapport.kernel.vocabulary import names_in
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile import paging, view
from rapport.profile.record import OWN, Record
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms.deciding import COLLECTOR, Decision, decide, kept_from, links_of, own_terms
from rapport.terms.declaration import Promise
from rapport.terms.elsewhere import done_elsewhere, is_shared
from rapport.terms.filtering import let_through, permitted_event
from rapport.terms.ground import Ground, Holder, Pending, People, ReceiptBook
from rapport.terms.naming import named_in
from rapport.terms.policy import Judge
from rapport.terms.receipts import Receipt
from rapport.terms.sentences import unmet_words
from rapport.terms.standing_use import StandingUse

ABSENT = "no such customer, or nothing that may be read for this purpose"
QUIET_S = 0.025
"""Absence is answered at a multiple of this after it was asked, so that its time does not tell it from refusal."""
QUIET_RECORDS = 64
"""That multiple grows by one for so many records of an organization's largest customer: several times what looking at
these takes, so that refusing it takes no longer than not finding anybody."""
_TRIES = 20
_TOGETHER = 250
_NEVER = -1
"""The version of no snapshot."""


class Request(msgspec.Struct, frozen=True):
    """One wish to read. `customer` is `type:value` or a `cus_…` handle; `caller` says who asks (never a credential);
    `reaching_out`: in order to contact the person now; `elsewhere`: with what they did at other companies;
    `recipients`: who is to have it beyond the organization (None: whomever the promise names)."""

    org: str
    customer: str
    purpose: str
    caller: str
    action: str = "view"
    reaching_out: bool = False
    elsewhere: bool = False
    recipients: tuple[str, ...] | None = None


Content = TypeVar("Content")
Answer = Callable[[Found], Content | None]
"""What is made of a customer as far as it may be read; None where nothing of it is what was asked for."""
Names = tuple[str, ...]
Fields = Callable[[Content], Names]


def headed(found: Found, content: dict[str, Any], receipt: Receipt) -> dict[str, Any]:
    """Content between what the contract puts around it: the customer's handle, the receipt, and the time."""
    head: dict[str, Any] = {"customer": found.customer}
    if found.changed is not None:
        head["changed"] = found.changed
    return {**head, **content, "receipt": receipt.id, "as_of": rfc3339(receipt.at)}


class _Judged(NamedTuple):
    """One customer as far as it may be read: None where nothing may. `told`: the mask of the categories that are in
    it."""

    found: Found
    open: Found | None
    decision: Decision
    ground: Ground
    told: int = 0


class Gate:
    """The gate over one reader of profiles, the ledger's persons and promises, and one book of receipts."""

    def __init__(
        self, reader: ProfileReader, people: People, book: ReceiptBook, *, secret: bytes = b"", quiet_s: float = QUIET_S
    ) -> None:
        self._reader = reader
        self._people = people
        self._book = book
        self._secret = secret
        self._quiet = quiet_s
        self._largest = reader.largest(QUIET_RECORDS) if quiet_s else {}
        self.judge = Judge()

    async def view(self, request: Request) -> dict[str, Any]:
        """The whole view, in the shape of the contract. Raises NotFound where absent or refused, Conflict where the
        identifier is on several customers, BadInput for an unusable id or purpose."""

        def whole(found: Found) -> dict[str, Any]:
            return view.fold(found.parts, self._reader.why(found), found.elsewhere)

        return await self._answer(msgspec.structs.replace(request, elsewhere=True), whole, fields_of_view)

    async def traits(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        def page(found: Found) -> dict[str, Any]:
            traits = view.traits(found.parts)
            names, following = paging.page_of(sorted(traits), cursor, limit)
            return {"traits": {name: traits[name] for name in names}, "next": following}

        return await self._answer(request, page, lambda answer: tuple(answer["traits"]))

    async def identifiers(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        def page(found: Found) -> dict[str, Any]:
            listed = {f"{i['type']}:{i['value']}": i for i in view.identifiers(found.parts)}
            keys, following = paging.page_of(sorted(listed), cursor, limit)
            return {"identifiers": [listed[key] for key in keys], "next": following}

        return await self._answer(request, page, lambda _: ("identifiers",))

    async def events(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        """The timeline, newest first by event time; events of unknown time last."""

        def page(found: Found) -> dict[str, Any]:
            events, following = paging.newest_first(found.parts, self._reader.block_of, cursor, limit, permitted_event)
            return {"events": [paging.shown(part, event) for part, event in events], "next": following}

        return await self._answer(request, page, lambda _: ("events",))

    async def evidence(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        """All evidence of the customer's records, each with whether it is used, or why not."""

        def page(found: Found) -> dict[str, Any]:
            listed = {item["id"]: item for item in self._reader.evidence(found)}
            keys, following = paging.page_of(sorted(listed), cursor, limit)
            return {"evidence": [listed[key] for key in keys], "next": following}

        return await self._answer(request, page, lambda _: ("evidence",))

    async def read(
        self, request: Request, answer: Answer[Content], fields: Fields[Content]
    ) -> tuple[Found, Content, Receipt]:
        """One use: decide, let `answer` work out the content in one snapshot, give it out once its receipt is durable.

        Raises NotFound where the customer is absent or reading is refused, Conflict where the identifier is on several
        customers that may be read, and what `answer` raises; each once its receipt is durable.
        """
        started = time.monotonic()
        purpose = known_purpose(request.purpose)
        for _ in range(_TRIES):
            answered = self._one(request, purpose, answer, fields)
            found, content, trouble, pending = answered
            await self._book.commit([pending])
            if pending.stale:
                continue
            if trouble is not None:
                raise trouble
            if content is None or found is None:
                await self._until_quiet(started, request.org)
                raise NotFound(ABSENT)
            return found, content, pending.receipt
        raise Busy("terms are changing too quickly to decide: ask again in a moment")

    async def each(
        self,
        request: Request,
        customers: Callable[[], Sequence[Found]],
        answer: Answer[Content],
        fields: Fields[Content],
        use: StandingUse | None = None,
    ) -> list[tuple[Found, Content, Receipt]]:
        """Many uses at once, such as a list, an audience or an export: what `answer` makes of each customer that may be
        read, with a receipt for each; of a standing `use`, where there is news. Those that may not be read are as
        absent. `request.customer` is not used."""
        started = time.monotonic()
        purpose = known_purpose(request.purpose)
        answers: list[tuple[Found, Content, Receipt]] = []
        with self._reader.snapshot():
            wanted, version = customers(), self._reader.version()
        for start in range(0, len(wanted), _TOGETHER):
            some, seen = wanted[start : start + _TOGETHER], version
            for _ in range(_TRIES):
                judged = self._several(request, purpose, some, seen, answer, fields)
                news = [pending for *_, pending in judged if use is None or use.is_news(pending)]
                if news:
                    await self._book.commit(news)
                if use is not None:
                    for pending in news:
                        if not pending.stale:
                            use.note(pending)
                answers += [
                    (found, content, pending.receipt)
                    for found, content, pending in judged
                    if not pending.stale and found is not None and content is not None
                ]
                some = [found for found, _, pending in judged if pending.stale and found is not None]
                seen = _NEVER
                if not some:
                    break
            else:
                raise Busy("terms are changing too quickly to decide: ask again in a moment")
        if use is None:
            await self._until_quiet(started, request.org)
        return answers

    async def unsorted(self, request: Request, body: bytes) -> bool:
        """Whether an organization may look at bytes that it was sent and that are no customer's yet, such as a part of
        a request that was refused: where they name nobody whose terms or lock shut it out. Leaves a receipt."""
        purpose = known_purpose(request.purpose)
        named = named_in(body)
        links = named or ()
        for _ in range(_TRIES):
            ground = self._people.ground(request.org, links)
            record = Record(request.org, "", "", "", links=dict.fromkeys(links, OWN))
            part = Part(0, "", record)
            decision = decide(self.judge, self._people, (part,), ground, purpose, now(), reaching_out=False)
            # What it is about is not known before it is taken in, so all of it must be open, as to its collector.
            open_to_all = named is not None and decision.masks[0] & COLLECTOR == COLLECTOR
            judged = _Judged(Found(request.org, "", None, ()), None, decision, ground)
            pending = self._pending(request, purpose, judged, (), "", given=False)
            if open_to_all:
                receipt = msgspec.structs.replace(
                    pending.receipt, decision="permitted", reason=decision.reason, fields=("rejected",), unmet=()
                )
                pending = Pending(receipt, ground, pending.person, decision.limits)  # of no customer: in no tree
            await self._book.commit([pending])
            if not pending.stale:
                return open_to_all
        raise Busy("terms are changing too quickly to decide: ask again in a moment")

    def _several(
        self,
        request: Request,
        purpose: str,
        customers: Sequence[Found],
        seen: int,
        answer: Answer[Content],
        fields: Fields[Content],
    ) -> list[tuple[Found | None, Content | None, Pending]]:
        """`seen` is the version of the snapshot that the customers are from: where it is another now, they are read
        again."""
        out: list[tuple[Found | None, Content | None, Pending]] = []
        with self._reader.snapshot(), self._people.snapshot():
            current = self._reader.version() == seen
            for known in customers:
                found = known if current else self._reader.by_handle(request.org, known.customer)
                judged = None if found is None else self._judge(found, request, purpose)
                opened = judged.open if judged is not None else None
                content = None if opened is None else answer(opened)
                names = () if content is None else fields(content)
                one = msgspec.structs.replace(request, customer=known.customer)
                pending = self._pending(one, purpose, judged, names, "", given=content is not None)
                out.append((opened or found, content, pending))
        return out

    def _one(
        self, request: Request, purpose: str, answer: Answer[Content], fields: Fields[Content]
    ) -> tuple[Found | None, Content | None, RapportError | None, Pending]:
        content: Content | None = None
        trouble: RapportError | None = None
        with self._reader.snapshot(), self._people.snapshot():
            judged = [self._judge(found, request, purpose) for found in self._named(request.org, request.customer)]
            size = sum(len(one.found.parts) for one in judged)
            if size > self._largest.get(request.org, QUIET_RECORDS):
                self._largest[request.org] = size
            # Customers that may not be read are as absent: they make no identifier ambiguous.
            readable = [one for one in judged if one.open is not None]
            one = readable[0] if readable else judged[0] if judged else None
            if len(readable) > 1:
                trouble = _ambiguous(request.customer, len(readable))
            elif one is not None and one.open is not None:
                try:
                    content = answer(one.open)
                except RapportError as error:
                    trouble = error
        names: Names = () if content is None else fields(content)
        said = "" if trouble is None else trouble.message
        pending = self._pending(request, purpose, one, names, said, given=content is not None)
        if len(readable) > 1:
            every = tuple(part.number for other in readable for part in other.found.parts)
            pending.receipt = msgspec.structs.replace(pending.receipt, records=every)
        return (one.open if one is not None else None), content, trouble, pending

    def _judge(self, found: Found, request: Request, purpose: str) -> _Judged:
        """What of a customer may be read, within a snapshot."""
        at = now()
        ground = self._people.ground(found.org, links_of(found.parts))
        shared = self._shared(found, ground)
        reaching_out = request.reaching_out
        decision = decide(
            self.judge, self._people, found.parts, ground, purpose, at, reaching_out=reaching_out, shared=shared
        )
        if request.recipients:
            decision = kept_from(decision, request.recipients)
        parts, told = [], 0
        for part, mask in zip(found.parts, decision.masks, strict=True):
            kept = let_through(part, mask) if mask else None
            if kept is not None:
                parts.append(kept[0])
                told |= kept[1]
        elsewhere: Sequence[dict[str, Any]] = ()
        if decision.elsewhere and request.elsewhere:
            elsewhere, tokens = self._elsewhere(found.org, ground.holders[0], decision)
            ground = msgspec.structs.replace(ground, tokens=ground.tokens + tokens)
        if not parts and not elsewhere:
            return _Judged(found, None, decision, ground)
        return _Judged(found, found._replace(parts=parts, elsewhere=elsewhere), decision, ground, told)

    def _shared(self, found: Found, ground: Ground) -> set[str]:
        """Claimed identifiers that a record of another customer holds as firmly, such as the mailbox of two."""
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

    def _pending(
        self, request: Request, purpose: str, judged: _Judged | None, fields: Names, trouble: str, *, given: bool
    ) -> Pending:
        at = now()
        asked = digest16(self._secret, request.org.encode(), request.customer.encode("utf-8", "surrogatepass"))
        if judged is None:
            ground = self._people.ground(request.org, ())
            receipt = Receipt(
                ids.fresh("rcp"), request.org, at, purpose, request.action, "absent", trouble, request.caller
            )
            return Pending(msgspec.structs.replace(receipt, asked=asked), ground)
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
            categories=names_in(judged.told) if is_open else (),
            records=tuple(part.number for part in (judged.open or judged.found).parts),
            asked=asked,
            clauses=decision.clauses,
            agreement=holder.agreement if holder is not None else "",
            declaration=ground.standing.hash,
            recipients=_recipients(request, promise) if is_open else (),
            retention_days=promise.retention_days if promise is not None else None,
            unmet=unmet,
            elsewhere=len(judged.open.elsewhere) if given and judged.open is not None else 0,
        )
        return Pending(
            receipt,
            ground,
            holder.id if holder is not None else 0,
            decision.limits if is_open else (),
            "; ".join(unmet),
            judged.found.number,
        )

    async def _until_quiet(self, started: float, org: str) -> None:
        """Wait until a multiple of the quiet time has passed, the same for all whom an organization asks for."""
        if self._quiet:
            quiet = self._quiet * (1 + self._largest.get(org, 0) // QUIET_RECORDS)
            passed = time.monotonic() - started
            await asyncio.sleep((int(passed / quiet) + 1) * quiet - passed)

    async def _answer(
        self, request: Request, answer: Answer[dict[str, Any]], fields: Fields[dict[str, Any]]
    ) -> dict[str, Any]:
        return headed(*await self.read(request, answer, fields))

    def _named(self, org: str, customer: str) -> Sequence[Found]:
        """The customers behind an id: none, one, or several who share an identifier. Raises BadInput."""
        if customer.startswith("cus_"):
            found = self._reader.by_handle(org, customer)
            return () if found is None else (found,)
        kind, _, raw = customer.partition(":")
        name = type_name(kind)
        if name is None or not raw:
            message = "an id is 'type:value', such as email:ada@example.com or user_id:42, or a cus_… handle"
            raise BadInput(message, code="bad_id", field="id")
        value = normalise(name, raw)
        return () if value is None else self._reader.by_identifier(org, name, value)


def _recipients(request: Request, promise: Promise | None) -> tuple[str, ...]:
    if request.recipients is not None:
        return request.recipients
    return () if promise is None else promise.recipients or ()


def _reason(judged: _Judged) -> str:
    if judged.open is None and judged.decision.permitted:
        return "there is nothing of what may be read"
    return judged.decision.reason


def _ambiguous(customer: str, count: int) -> Conflict:
    kind = type_name(customer.partition(":")[0])
    message = f"this {kind} is on {count} customers: ask by another identifier or by customer handle"
    return Conflict(message, code="ambiguous", field="id")


def fields_of_view(answer: dict[str, Any]) -> tuple[str, ...]:
    elsewhere = ("elsewhere",) if answer.get("elsewhere") else ()
    return ("identifiers", "events", "records", "groups", "consent", *elsewhere, *answer["traits"])
