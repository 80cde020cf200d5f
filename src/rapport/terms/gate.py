"""The gate: the one way to read.

In: organization, purpose, what is asked for, who asks. Out: permitted facts with a receipt that is durable before they
leave, or absence. Refused and absent raise the same NotFound, after the same time; both leave a receipt that knows the
difference.

A decision is made over one snapshot of profiles and one of the ledger. The book commits its receipt only while what it
rests on still holds, so a lock or a changed clause that was committed first always wins: then it is decided again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from rapport.collect import Event
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound, RapportError
from rapport.kernel.identifiers import normalise, type_name
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile import paging, view
from rapport.profile.store import Found, ProfileReader
from rapport.terms.deciding import COLLECTOR
from rapport.terms.filtering import permitted_event
from rapport.terms.ground import Along, Pending, People, ReceiptBook
from rapport.terms.judging import Judged, Judging, Request, withheld
from rapport.terms.naming import named_in
from rapport.terms.quiet import quiet
from rapport.terms.receipts import Receipt
from rapport.terms.standing_use import NO_NEWS, StandingUse

ABSENT = "no such customer, or nothing that may be read for this purpose"
QUIET_S = 0.025
"""Absence is answered at a multiple of this after it was asked, so that its time does not tell it from refusal."""
QUIET_RECORDS = 64
"""That multiple grows by one for so many records of an organization's largest customer: several times what looking at
these takes, so that refusing it takes no longer than not finding anybody."""
RESTLESS = "terms are changing too quickly to decide: ask again in a moment"
_TRIES = 20
_TOGETHER = 250
_NEVER = -1
"""The version of no snapshot."""

Content = TypeVar("Content")
Answer = Callable[[Found], Content | None]
"""What is made of a customer as far as it may be read; None where nothing of it is what was asked for."""
Computed = Callable[[Found], dict[str, Any]]
Names = tuple[str, ...]
Fields = Callable[[Content], Names]


class Treatment(NamedTuple):
    """What a decision does with what was read: `chosen`, how likely that was (`propensity`, a decimal number in text),
    and what is kept of it together with the receipt, whose id it is given."""

    chosen: str
    propensity: str
    along: Callable[[Receipt], Along]


Treated = Callable[[Content, Names], Treatment | None]
"""What comes of the content, if it is more than that somebody looked at it; with the categories that are there and were
withheld, of which the person alone is told."""


def headed(found: Found, content: Mapping[str, Any], receipt: Receipt) -> dict[str, Any]:
    """Content between what the contract puts around it: the customer's handle, the receipt, and the time."""
    head: dict[str, Any] = {"customer": found.customer}
    if found.changed is not None:
        head["changed"] = found.changed
    return {**head, **content, "receipt": receipt.id, "as_of": rfc3339(receipt.at)}


class _Answered(NamedTuple, Generic[Content]):
    """What became of one customer, to be given out once its receipt is durable. `trouble`: what to raise then."""

    found: Found | None
    content: Content | None
    pending: Pending
    trouble: RapportError | None = None
    judged: Judged | None = None


class Gate:
    """The gate over one reader of profiles, the ledger's persons and promises, and one book of receipts."""

    def __init__(
        self,
        reader: ProfileReader,
        people: People,
        book: ReceiptBook,
        *,
        secret: bytes = b"",
        quiet_s: float = QUIET_S,
        computed: Computed | None = None,
    ) -> None:
        """`computed`: what is worked out of a customer, as far as they were let through, for the view."""
        self._reader = reader
        self._people = people
        self._judging = Judging(reader, people, secret)
        self._book = book
        self._quiet = quiet_s
        self._computed = computed
        self._largest = reader.largest(QUIET_RECORDS) if quiet_s else {}

    async def view(self, request: Request) -> dict[str, Any]:
        """The whole view, in the shape of the contract. Raises NotFound where absent or refused, Conflict where the
        identifier is on several customers, BadInput for an unusable id or purpose."""

        def whole(found: Found) -> dict[str, Any]:
            folded = view.fold(found.parts, self._reader.why(found), found.elsewhere)
            return folded if self._computed is None else {**folded, "computed": self._computed(found)}

        return await self._answer(msgspec.structs.replace(request, elsewhere=True), whole, fields_of_view)

    async def traits(
        self, request: Request, cursor: str | None, limit: int, only: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """Traits by name; `only` those of these names."""

        def page(found: Found) -> dict[str, Any]:
            traits = view.traits(found.parts)
            traits = traits if only is None else {name: traits[name] for name in only & traits.keys()}
            names, following = paging.page_of(sorted(traits), cursor, limit)
            return {"traits": {name: traits[name] for name in names}, "next": following}

        return await self._answer(request, page, lambda answer: tuple(answer["traits"]))

    async def identifiers(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        def page(found: Found) -> dict[str, Any]:
            listed = {f"{i['type']}:{i['value']}": i for i in view.identifiers(found.parts)}
            keys, following = paging.page_of(sorted(listed), cursor, limit)
            return {"identifiers": [listed[key] for key in keys], "next": following}

        return await self._answer(request, page, lambda _: ("identifiers",))

    async def events(
        self, request: Request, cursor: str | None, limit: int, only: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """The timeline, newest first by event time; events of unknown time last. `only` those of these names."""

        def let(part: view.Part, event: Event) -> Event | None:
            return permitted_event(part, event) if only is None or event.name in only else None

        def page(found: Found) -> dict[str, Any]:
            events, following = paging.newest_first(found.parts, self._reader.block_of, cursor, limit, let)
            return {"events": [paging.shown(part, event) for part, event in events], "next": following}

        return await self._answer(request, page, lambda _: ("events",))

    async def groups(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        """The groups that the customer belongs to, by id."""

        def page(found: Found) -> dict[str, Any]:
            listed = {group["id"]: group for group in view.groups(found.parts)}
            keys, following = paging.page_of(sorted(listed), cursor, limit)
            return {"groups": [listed[key] for key in keys], "next": following}

        return await self._answer(request, page, lambda _: ("groups",))

    async def span(self, request: Request) -> dict[str, Any]:
        """When the customer was first and last heard of, and by which sources."""

        def whole(found: Found) -> dict[str, Any]:
            told = view.events(found.parts)
            heard = [part.record for part in found.parts if part.record.all.first is not None]
            first = min(heard, key=lambda record: (record.all.first or 0, record.source), default=None)
            last = max(heard, key=lambda record: (record.all.last or 0, record.source), default=None)
            sources = {"first_source": first and first.source, "last_source": last and last.source}
            return {"first_at": told["first_at"], "last_at": told["last_at"], **sources}

        return await self._answer(request, whole, lambda _: ("events",))

    async def evidence(self, request: Request, cursor: str | None, limit: int) -> dict[str, Any]:
        """All evidence of the customer's records, each with whether it is used, or why not."""

        def page(found: Found) -> dict[str, Any]:
            listed = {item["id"]: item for item in self._reader.evidence(found)}
            keys, following = paging.page_of(sorted(listed), cursor, limit)
            return {"evidence": [listed[key] for key in keys], "next": following}

        return await self._answer(request, page, lambda _: ("evidence",))

    async def read(
        self,
        request: Request,
        answer: Answer[Content],
        fields: Fields[Content],
        treated: Treated[Content] | None = None,
    ) -> tuple[Found, Content, Receipt]:
        """One use: decide, let `answer` work out the content in one snapshot, give it out once its receipt is durable;
        and with it what the content is `treated` by.

        Raises NotFound where the customer is absent or reading is refused, Conflict where the identifier is on several
        customers that may be read, and what `answer` raises; each once its receipt is durable.
        """
        started = time.monotonic()
        purpose = known_purpose(request.purpose)
        for _ in range(_TRIES):
            answered = self._one(request, purpose, answer, fields)
            if treated is not None and answered.content is not None:
                kept_back = () if answered.judged is None else withheld(answered.judged)
                _note_treatment(answered.pending, treated(answered.content, kept_back))
            await self._book.commit([answered.pending])
            if answered.pending.stale:
                continue
            if answered.trouble is not None:
                raise answered.trouble
            if answered.content is None or answered.found is None:
                await self._until_quiet(started, request.org)
                raise NotFound(ABSENT)
            return answered.found, answered.content, answered.pending.receipt
        raise Busy(RESTLESS)

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
                answered = self._several(request, purpose, some, seen, answer, fields, use)
                news = [one.pending for one in answered if use is None or use.is_news(one.pending)]
                noted = {} if use is None else use.noted([one.pending for one in answered], news)
                if news:
                    await self._book.commit(news)
                if use is not None:
                    for pending in news:
                        if not pending.stale:
                            use.note(pending)
                answers += [
                    (one.found, one.content, noted.get(one.pending.receipt.id, one.pending.receipt))
                    for one in answered
                    if not one.pending.stale and one.found is not None and one.content is not None
                ]
                some = [one.found for one in answered if one.pending.stale and one.found is not None]
                seen = _NEVER
                if not some:
                    break
            else:
                raise Busy(RESTLESS)
        if use is None:
            await self._until_quiet(started, request.org)
        return answers

    async def rest(self, started: float, steps: int = 1) -> None:
        """Wait as absence does, after a list of which nobody is to be told apart who was left out: until a multiple of
        as many quiet times has passed since `started` (`time.monotonic`) as there are steps in it."""
        if self._quiet:
            await quiet(started, self._quiet * steps)

    async def unsorted(self, request: Request, body: bytes) -> bool:
        """Whether an organization may look at bytes that it was sent and that are no customer's yet, such as a part of
        a request that was refused: where they name nobody whose terms or lock shut it out. Leaves a receipt."""
        purpose = known_purpose(request.purpose)
        named = named_in(body)
        links = named or ()
        for _ in range(_TRIES):
            judged = self._judging.unsorted(request.org, links, purpose)
            decision = judged.decision
            # What it is about is not known before it is taken in, so all of it must be open, as to its collector.
            open_to_all = named is not None and decision.masks[0] & COLLECTOR == COLLECTOR
            pending = self._judging.pending(request, purpose, judged, (), "", given=False)
            if open_to_all:
                receipt = msgspec.structs.replace(
                    pending.receipt, decision="permitted", reason=decision.reason, fields=("rejected",), unmet=()
                )
                pending = Pending(receipt, judged.ground, pending.person, decision.limits)  # of no customer: in no tree
            await self._book.commit([pending])
            if not pending.stale:
                return open_to_all
        raise Busy(RESTLESS)

    def _several(
        self,
        request: Request,
        purpose: str,
        customers: Sequence[Found],
        seen: int,
        answer: Answer[Content],
        fields: Fields[Content],
        use: StandingUse | None,
    ) -> list[_Answered[Content]]:
        """`seen` is the version of the snapshot that the customers are from: where it is another now, they are read
        again."""
        out = []
        with self._reader.snapshot(), self._people.snapshot():
            there = self._again(request.org, customers, seen)
            readable = iter(self._judging.several([found for found in there if found is not None], request, purpose))
            for known, found in zip(customers, there, strict=True):
                judged = None if found is None else next(readable)
                opened = judged.open if judged is not None else None
                content = None if opened is None else answer(opened)
                given = content is not None
                if use is not None and judged is not None and use.is_noted(purpose, judged, given=given):
                    out.append(_Answered(opened or found, content, NO_NEWS))
                    continue
                names = () if content is None else fields(content)
                pending = self._judging.pending(request, purpose, judged, names, "", given=given, asked=known.customer)
                pending.listed = True
                out.append(_Answered(opened or found, content, pending))
        return out

    def _again(self, org: str, customers: Sequence[Found], seen: int) -> Sequence[Found | None]:
        """Customers of a snapshot's version, as they are in the present one."""
        if self._reader.version() == seen:
            return customers
        return [self._reader.by_handle(org, known.customer) for known in customers]

    def _one(
        self, request: Request, purpose: str, answer: Answer[Content], fields: Fields[Content]
    ) -> _Answered[Content]:
        content: Content | None = None
        trouble: RapportError | None = None
        with self._reader.snapshot(), self._people.snapshot():
            named = self._named(request.org, request.customer)
            judged = [self._judging.judged(found, request, purpose) for found in named]
            self._note_size(request.org, sum(len(one.found.parts) for one in judged))
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
        pending = self._judging.pending(request, purpose, one, names, said, given=content is not None)
        if len(readable) > 1:
            every = tuple(part.number for other in readable for part in other.found.parts)
            # It rests on no clause, and its person reads why: they cannot ask by another identifier.
            pending.receipt = msgspec.structs.replace(
                pending.receipt, records=every, clauses=(), reason=SHARED.format(count=len(readable))
            )
        return _Answered(one.open if one is not None else None, content, pending, trouble, one)

    def _note_size(self, org: str, records: int) -> None:
        if records > self._largest.get(org, QUIET_RECORDS):
            self._largest[org] = records

    async def _until_quiet(self, started: float, org: str) -> None:
        """Wait until a multiple of the quiet time has passed, the same for all whom an organization asks for."""
        if self._quiet:
            await quiet(started, self._quiet * (1 + self._largest.get(org, 0) // QUIET_RECORDS))

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


def _note_treatment(pending: Pending, treatment: Treatment | None) -> None:
    if treatment is not None:
        receipt = msgspec.structs.replace(pending.receipt, treatment=treatment.chosen, propensity=treatment.propensity)
        pending.receipt, pending.along = receipt, treatment.along(receipt)


SHARED = "it asked by an identifier that is on {count} customers"
"""Why nothing was given, on the receipt of a read that could mean several."""


def _ambiguous(customer: str, count: int) -> Conflict:
    kind = type_name(customer.partition(":")[0])
    message = f"this {kind} is on {count} customers: ask by another identifier or by customer handle"
    return Conflict(message, code="ambiguous", field="id")


def fields_of_view(answer: dict[str, Any]) -> tuple[str, ...]:
    elsewhere = ("elsewhere",) if answer.get("elsewhere") else ()
    computed = (f"computed.{name}" for name in answer.get("computed", ()))
    return ("identifiers", "events", "records", "groups", "consent", *elsewhere, *answer["traits"], *computed)
