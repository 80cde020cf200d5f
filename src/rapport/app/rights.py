"""A person's last word: everything of theirs is erased, for good, in the ledger, the state, the log and the backups."""

from collections.abc import Callable, Sequence

from rapport.adapters.embedded.people import ERASED, ERASING
from rapport.adapters.embedded.promises import PromiseBook
from rapport.app import backing_up, embedded, erasing
from rapport.app.settings import Settings
from rapport.kernel.errors import Conflict
from rapport.profile.erasure import Erased, Legal


def shred_person(settings: Settings, handle: str, progress: Callable[[int], None] = lambda _: None) -> Erased:
    """Erase a person for good; return once that is complete and durable. Cut short, it is taken up again by asking
    again: everyone is locked out from the first moment on. Raises NotFound, Conflict where they are erased already."""
    ledger, keys = embedded.open_ledger(settings), embedded.open_keys(settings)
    people = embedded.open_people(settings, ledger, keys)
    person = people.person(handle)
    if person.status == ERASED:
        raise Conflict("this person is erased already", code="erased")
    people.set_status(handle, ERASING)
    promises = PromiseBook(ledger, keys)
    legal = {org: _legal(promises, org) for org in {org for org, _, _ in person.claims}}
    erased = erasing.shred(settings, handle, person.claims, legal, progress)
    people.forget_claims(handle)
    backing_up.renew_backup_key(settings)
    people.set_status(handle, ERASED)
    return erased


def erase_reviewed(settings: Settings, handle: str, reviews: Sequence[int]) -> Erased:
    """Erase records, by the ids of their reviews, that turned out to be an erased person's too."""
    promises = embedded.open_promises(settings)
    legal = {org: _legal(promises, org) for org in {item.org for item in erasing.review(settings, person=handle)}}
    erased = erasing.shred_reviewed(settings, handle, reviews, legal)
    backing_up.renew_backup_key(settings)
    return erased


def _legal(promises: PromiseBook, org: str) -> tuple[Legal, ...]:
    """What an organization's declaration says that laws oblige it to keep, and how long."""
    return tuple(
        Legal(org, (purpose,), promise.categories, promise.law, promise.retention_days)
        for purpose, promise in promises.standing(org).declaration.purposes.items()
        if promise.basis == "legal_obligation" and promise.retention_days is not None
    )
