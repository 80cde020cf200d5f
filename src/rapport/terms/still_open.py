"""Whether what waits to be told may still be told: asked again just before it leaves, since terms may have changed, or
a lock been put, since its receipt was written. Nothing is given out here."""

from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.store import ProfileReader
from rapport.terms.ground import People
from rapport.terms.judging import Judging, Request


def still_open(reader: ProfileReader, people: People, request: Request, trait: str | None) -> bool:
    """Whether a customer may be read as this request wants; with a trait, whether something of that may be."""
    judging = Judging(reader, people)
    with reader.snapshot(), people.snapshot():
        found = reader.by_handle(request.org, request.customer)
        opened = None if found is None else judging.judged(found, request, known_purpose(request.purpose)).open
    if opened is None:
        return False
    return trait is None or any(trait in part.record.facts for part in opened.parts)
