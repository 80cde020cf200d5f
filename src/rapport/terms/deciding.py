"""What may be read of one customer: the persons' terms, the signals of records without any, and locks, in one."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import NamedTuple

from rapport.kernel.times import DAY
from rapport.kernel.vocabulary import ALL, EVERYTHING, PURPOSES, UNCLASSIFIED, purposes_covered
from rapport.profile import record as records
from rapport.profile.view import Part
from rapport.terms.clauses import Elsewhere, Frequency
from rapport.terms.consent import default_masks
from rapport.terms.declaration import Promise
from rapport.terms.ground import Ground, Holder, Limit, People
from rapport.terms.policy import Judge, Unmet, Verdict, mask_of, promise_for

DEFAULT = "default"
_SERVICE = purposes_covered("service")
COLLECTOR = EVERYTHING | UNCLASSIFIED
"""What the node's default terms open to whoever collected it, to serve the customer."""
_DAYS = {"day": 1, "week": 7, "month": 30}


class Decision(NamedTuple):
    """A mask of categories per record, in the order of the parts; and for the receipt, what it rests on."""

    masks: tuple[int, ...]
    reason: str
    promise: Promise | None = None
    clauses: tuple[str, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    limits: tuple[Limit, ...] = ()
    grants: tuple[tuple[int, Elsewhere], ...] = ()
    elsewhere: int = 0

    @property
    def permitted(self) -> bool:
        return any(self.masks) or bool(self.elsewhere)


def links_of(parts: Sequence[Part]) -> set[str]:
    """The identifiers (`type:value`) that a customer's records hold by active evidence."""
    found: set[str] = set()
    for part in parts:
        record = part.record
        if not record.unlinked:
            found.update([link for link, how in record.links.items() if how])
        else:
            found.update(link for link, how in record.links.items() if how & ~record.unlinked.get(link, 0))
        if record.user is not None:
            found.add(f"user_id:{record.user}")
    return found


def own_terms(ground: Ground) -> list[Holder]:
    """Those of a customer's persons who said anything of their own."""
    return [holder for holder in ground.holders if holder.terms.preset != DEFAULT or holder.terms.clauses]


def decide(
    judge: Judge,
    people: People,
    parts: Sequence[Part],
    ground: Ground,
    purpose: str,
    at: int,
    *,
    reaching_out: bool,
    shared: Collection[str] = (),
) -> Decision:
    """What the organization may read of these records for a purpose, at a time (µs). `shared`: claimed identifiers that
    another customer holds as firmly; they open nothing."""
    nothing = (0,) * len(parts)
    promise = promise_for(ground.standing, purpose)
    if promise is None:
        return Decision(nothing, f"{ground.org} promises nothing for {purpose}")
    if promise.basis == "legal_obligation":
        return Decision((mask_of(promise.categories),) * len(parts), f"required by law: {promise.law}", promise)
    if ground.holders and any(holder.locked for holder in ground.holders):
        return Decision(nothing, f"you have locked {ground.org} out", promise)
    base = COLLECTOR if purpose in _SERVICE else 0
    own = own_terms(ground) if ground.holders else []
    if not own:
        by_default = default_masks([part.record for part in parts], base, ground.standing, promise, purpose)
        reason = "the node's default terms allow it" if any(by_default) else _by_default(promise)
        return Decision(tuple(by_default), reason, promise, ("default",))
    verdicts = [_verdict(judge, people, holder, ground, purpose, at, reaching_out=reaching_out) for holder in own]
    limit = ALL
    for verdict in verdicts:
        limit &= verdict.collected
    # Who stays with the default terms agreed to no more than these: then nobody's terms open further.
    firm = frozenset().union(*(holder.links for holder in own)) if len(own) == len(ground.holders) else frozenset()
    firm -= set(shared)
    held = [holds_firmly(part, firm) for part in parts]
    masks = (limit,) * len(parts)
    if not all(held):
        by_default = default_masks([part.record for part in parts], base, ground.standing, promise, purpose)
        masks = tuple(limit if firmly else limit & mask for firmly, mask in zip(held, by_default, strict=True))
    worst = next((verdict for verdict in verdicts if not verdict.permitted), verdicts[0])
    # What was done elsewhere is told of a customer who is the person for certain: a stranger may have typed an e-mail.
    alone = verdicts[0] if len(ground.holders) == 1 and any(held) else Verdict(0)
    if worst.permitted and promise.alternative is not None and any(v.offer == "alternative" for v in verdicts):
        promise = promise.alternative
    return Decision(
        masks,
        worst.reason,
        promise,
        tuple(chain.from_iterable(verdict.clauses for verdict in verdicts)),
        worst.unmet,
        tuple(
            _limit(holder, purpose, frequency, at)
            for holder, verdict in zip(own, verdicts, strict=True)
            for frequency in verdict.counted
        ),
        alone.grants,
        alone.elsewhere,
    )


def kept_from(decision: Decision, recipients: Collection[str]) -> Decision:
    """A decision about data that others are to have: nothing, where the promise that was met does not name them all."""
    promised = () if decision.promise is None else decision.promise.recipients or ()
    others = [name for name in recipients if name not in promised]
    if not others or not decision.permitted:
        return decision
    reason = f"what was promised to you does not let {', '.join(others)} have it"
    return Decision((0,) * len(decision.masks), reason, decision.promise, decision.clauses)


def _by_default(promise: Promise) -> str:
    if promise.basis == "consent":
        return "it needs consent, and no source carried any"
    return "the node's default terms allow this purpose only with consent, and no source carried any"


def _verdict(
    judge: Judge, people: People, holder: Holder, ground: Ground, purpose: str, at: int, *, reaching_out: bool
) -> Verdict:
    def used(frequency: Frequency) -> int:
        return people.uses(holder.id, ground.org, _counted_as(purpose), _first_day(frequency, at))

    return judge.decide(holder.terms, holder.key, ground.standing, purpose, at, reaching_out=reaching_out, used=used)


def _first_day(frequency: Frequency, at: int) -> int:
    return at // DAY - _DAYS[frequency.per] + 1


def _limit(holder: Holder, purpose: str, frequency: Frequency, at: int) -> Limit:
    return Limit(holder.id, _counted_as(purpose), _first_day(frequency, at), frequency.times)


def _counted_as(purpose: str) -> str:
    """The everyday purpose that covers this one: so that one use is not several under narrower names."""
    return next((name for name in PURPOSES if purpose in purposes_covered(name)), purpose)


def holds_firmly(part: Part, links: frozenset[str]) -> bool:
    """Whether a record holds one of these identifiers by more than an unproved word: by its user id, as its own key, or
    because a system of the organization's own said so. Only such a record is opened further by its person's terms."""
    record = part.record
    if record.user is not None and f"user_id:{record.user}" in links:
        return True
    for link in links:
        how = record.links.get(link, 0) & ~record.unlinked.get(link, 0)
        if not how:
            continue
        # Of a device that several users were seen on, no slice is whoever has the device.
        if part.trusted or (link == f"{record.key_type}:{record.key_value}" and not record.shared):
            return True
        if link.startswith("user_id:") and how & records.OWN:
            return True
    return False
