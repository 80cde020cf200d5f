"""The gate: the one way to read.

In: organization, purpose, what is asked for, who asks. Out: permitted facts with a receipt that is durable before they
leave, or absence. Refused and absent raise the same NotFound; both leave a receipt that knows the difference.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, NotFound, RapportError
from rapport.kernel.identifiers import normalise, type_name
from rapport.kernel.keys import digest16
from rapport.kernel.times import now, rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile import paging, view
from rapport.profile.store import Found, ProfileReader
from rapport.terms.policy import decide
from rapport.terms.receipts import Receipt


class ReceiptBook(Protocol):
    async def commit(self, receipt: Receipt) -> None:
        """Return once the receipt is synced; raises Full where it cannot be kept: then nothing may leave."""


class Request(msgspec.Struct, frozen=True):
    """One wish to read. `customer` is `type:value` or a `cus_…` handle; `caller` says who asks (never a credential)."""

    org: str
    customer: str
    purpose: str
    caller: str
    action: str = "view"


Content = TypeVar("Content")


def headed(found: Found, content: dict[str, Any], receipt: Receipt) -> dict[str, Any]:
    """Content between what the contract puts around it: the customer's handle, the receipt, and the time."""
    head: dict[str, Any] = {"customer": found.customer}
    if found.changed is not None:
        head["changed"] = found.changed
    return {**head, **content, "receipt": receipt.id, "as_of": rfc3339(receipt.at)}


class Gate:
    """The gate over one reader of profiles and one book of receipts."""

    def __init__(self, reader: ProfileReader, book: ReceiptBook) -> None:
        self._reader = reader
        self._book = book

    async def view(self, request: Request) -> dict[str, Any]:
        """The whole view, in the shape of the contract. Raises NotFound where absent or refused, Conflict where the
        identifier is on several customers, BadInput for an unusable id or purpose."""
        return await self._answer(
            request, lambda found: view.fold(found.parts, self._reader.why(found)), fields_of_view
        )

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
            events, following = paging.newest_first(found.parts, self._reader.block_of, cursor, limit)
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
        self, request: Request, answer: Callable[[Found], Content], fields: Callable[[Content], tuple[str, ...]]
    ) -> tuple[Found, Content, Receipt]:
        """One use: decide, let `answer` work out the content in one snapshot, give it out once its receipt is durable.

        Raises NotFound where the customer is absent or reading is refused, Conflict where the identifier is on several
        customers (to those alone who may read them), and what `answer` raises; each once its receipt is durable.
        """
        purpose = known_purpose(request.purpose)
        content: Content | None = None
        trouble: RapportError | None = None
        with self._reader.snapshot():
            found = self._named(request.org, request.customer)
            decision = decide(purpose)
            if decision.permitted and len(found) == 1:
                try:
                    content = answer(found[0])
                except RapportError as error:
                    trouble = error
        if decision.permitted and len(found) > 1:
            trouble = _ambiguous(request.customer, len(found))
        parts = [part for customer in found for part in customer.parts]
        receipt = Receipt(
            id=ids.fresh("rcp"),
            org=request.org,
            at=now(),
            purpose=purpose,
            action=request.action,
            decision="absent" if not found else "refused" if content is None else "permitted",
            reason=decision.reason if trouble is None else trouble.message,
            caller=request.caller,
            fields=() if content is None else fields(content),
            categories=() if content is None else _categories(parts),
            records=tuple(part.number for part in parts),
            asked=digest16(request.org.encode(), request.customer.encode("utf-8", "surrogatepass")),
        )
        await self._book.commit(receipt)
        if trouble is not None:
            raise trouble
        if content is None:
            raise NotFound("no such customer, or nothing that may be read for this purpose")
        return found[0], content, receipt

    async def _answer(
        self,
        request: Request,
        answer: Callable[[Found], dict[str, Any]],
        fields: Callable[[dict[str, Any]], tuple[str, ...]],
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


def _ambiguous(customer: str, count: int) -> Conflict:
    kind = type_name(customer.partition(":")[0])
    message = f"this {kind} is on {count} customers: ask by another identifier or by customer handle"
    return Conflict(message, code="ambiguous", field="id")


def fields_of_view(answer: dict[str, Any]) -> tuple[str, ...]:
    return ("identifiers", "events", "records", "groups", "consent", *answer["traits"])


def _categories(parts: Sequence[view.Part]) -> tuple[str, ...]:
    named = {part.category(trait, fact) for part in parts for trait, fact in part.record.facts.items()}
    return tuple(sorted(named))
