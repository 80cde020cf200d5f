"""The event, as every stage after collect sees it: one shape, whatever wire it came over."""

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One thing that happened, or was said about a customer, as a source reported it.

    Times are integer microseconds since the epoch, UTC. Identifiers are normalised and usable: blocked values
    (`null`, `anonymous`, `-1`, all zeros …) are already gone.
    """

    kind: str
    """track | identify | page | screen | group | alias"""
    name: str
    """The event's name for `track`; the kind for all others."""
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    key: tuple[str, str] | None
    """(identifier type, value) that a mapping named as the record's key. None for events of SDKs, whose record is
    keyed by `user_id`, else by `anonymous_id`."""
    time: int | None
    """When it happened, corrected by `sentAt` where the client's clock is off. None: unknown, because the client
    said more than 24 h ahead of reception; such an event ranks below every known time."""
    corrected: bool
    """True where `time` is not simply the event's own: the clock was corrected, or reception stands in for it."""
    received_at: int
    traits: dict[str, Any]
    """What was said about the customer (or the group, for `group`). A trait that is None is no longer known."""
    traits_once: dict[str, Any]
    """Traits that hold only where nothing was known before (PostHog's `$set_once`)."""
    properties: dict[str, Any]
    context: dict[str, Any]
    """What the client sent about its surroundings, without `traits`."""
    group_id: str | None
    previous_id: str | None
    """`alias` only: the id by which the customer was known before."""
    identifiers: tuple[tuple[str, str], ...]
    """Further (type, value) pairs, unverified and normalised: e-mail and phone traits, `context.externalIds`,
    `context.device.id`."""
    consent: dict[str, Any] | None
    """`context.consent`, which attaches to the record that carried it."""
    categories: dict[str, str]
    """Trait → category, where an import's mapping overrides the default."""
    digest: bytes
    """8-byte BLAKE2b of the content: equal for exact copies, however re-batched, re-ordered in their keys or sent
    again. Left out: `sentAt`, the write key, reception, and the correction of the time."""
