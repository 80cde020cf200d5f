"""A person's last word: everything of theirs is erased, for good, in the ledger, the state, the log and the backups."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import msgspec

from rapport.act.demands import Demand
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import ERASED, ERASING, PeopleFile, Person
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.rights import RightsBook
from rapport.app import backing_up, demanding, embedded, erasing
from rapport.app.bundling import Bundler
from rapport.app.portability import drop_copies
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.kernel.errors import Conflict
from rapport.kernel.times import now, rfc3339
from rapport.profile.erasure import Erased, Legal
from rapport.terms.own import OwnLooks
from rapport.terms.rights import Asked, took_words

ERASURE = "your erasure"


class Shredded(msgspec.Struct, frozen=True):
    """An erasure of a person, and its proof: their own book of receipts, the last of which tell of it. Nothing here can
    make it again, for the key that it was kept under is destroyed; `rapport verify` checks it like any bundle."""

    erased: Erased
    proof: dict[str, Any]
    demands: tuple[Demand, ...] = ()


def shred_person(
    settings: Settings, handle: str, progress: Callable[[int], None] = lambda _: None, *, asked_at: int | None = None
) -> Shredded:
    """Erase a person for good; return once that is complete and durable. Cut short, it is taken up again by asking
    again: everyone is locked out from the first moment on. `asked_at` (µs): since when they waited, if not since now.
    Raises NotFound, Conflict where they are erased already."""
    at = now() if asked_at is None else asked_at
    ledger, keys = embedded.open_ledger(settings), embedded.open_keys(settings)
    people = embedded.open_people(settings, ledger, keys)
    person = people.person(handle)
    if person.status == ERASED:
        raise Conflict("this person is erased already", code="erased")
    people.set_status(handle, ERASING)
    promises = PromiseBook(ledger, keys)
    legal = {org: _legal(promises, org) for org in {org for org, _, _ in person.claims}}
    erased = erasing.shred(settings, handle, person.claims, legal, progress)
    demanded = demanding.demand(settings, ledger, handle)
    drop_copies(settings, handle)
    # Cut short after their key was destroyed, it is completed all the same: only the proof was lost with the key.
    proof = {} if keys.person(person.id) is None else _proof(settings, ledger, people, person, erased, at)
    people.forget_claims(handle)
    backing_up.renew_backup_key(settings)
    people.set_status(handle, ERASED)
    return Shredded(erased, proof, demanded)


def shred_claims(settings: Settings, handle: str, claims: Sequence[tuple[str, str, str]]) -> Erased:
    """Erase for good what a person has by some of their claims (organization, type, value), and nothing else; return
    once that is complete and durable. May be repeated."""
    with closing(embedded.open_ledger(settings)) as ledger:
        promises = PromiseBook(ledger, ledger.keys)
        legal = {org: _legal(promises, org) for org in {org for org, _, _ in claims}}
        erased = erasing.shred(settings, handle, claims, legal)
        demanding.demand(settings, ledger, handle)
    backing_up.renew_backup_key(settings)
    return erased


def _proof(
    settings: Settings, ledger: LedgerFile, people: PeopleFile, person: Person, erased: Erased, at: int
) -> dict[str, Any]:
    """The last receipts in a person's own book, one for each company, and the book; on record is how long it took."""
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    looks = OwnLooks(reader, people, DirectReceipts(ledger))
    receipts = []
    for org in person.orgs:
        kept = "; ".join(
            f"{one.law} keeps {one.events} events until {rfc3339(one.until)[:10]}"
            for one in erased.carved
            if one.org == org
        )
        said = f"everything that is yours at {org} was erased, {took_words(now() - at)} after you asked"
        receipts.append(asyncio.run(looks.note(person.id, org, ERASURE, f"{said}; {kept}" if kept else said)))
    book = RightsBook(ledger)
    # One that was cut short after this is on record already.
    if not any((case.asked.right, case.status) == ("erasure", "done") for case in book.of_person(person.id)[0]):
        book.put_done(person.id, Asked("erasure", ""), at, receipts)
    return Bundler(ledger, people, reader).bundle(person.handle)


def erase_reviewed(settings: Settings, handle: str, reviews: Sequence[int]) -> Erased:
    """Erase records, by the ids of their reviews, that turned out to be an erased person's too."""
    promises = embedded.open_promises(settings)
    legal = {org: _legal(promises, org) for org in {item.org for item in erasing.review(settings, person=handle)}}
    erased = erasing.shred_reviewed(settings, handle, reviews, legal)
    demanding.demand(settings, embedded.open_ledger(settings), handle)
    backing_up.renew_backup_key(settings)
    return erased


def _legal(promises: PromiseBook, org: str) -> tuple[Legal, ...]:
    """What an organization's declaration says that laws oblige it to keep, and how long."""
    return tuple(
        Legal(org, (purpose,), promise.categories, promise.law, promise.retention_days)
        for purpose, promise in promises.standing(org).declaration.purposes.items()
        if promise.basis == "legal_obligation" and promise.retention_days is not None
    )
