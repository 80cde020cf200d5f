"""Terms as a person, or a page for them, hands them in: checked whole, with errors that name the clause."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.vocabulary import SETS, purpose
from rapport.kernel.vocabulary import category as known_category
from rapport.terms.clauses import ANY, Clause, Criterion, Terms

MAX_BYTES = 64 * 1024
MAX_CLAUSES = 200
_QUIET = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_decode = msgspec.json.Decoder(Terms).decode


def parse_terms(body: bytes) -> Terms:
    """Terms from JSON. Raises BadInput with the clause and what is wrong with it."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"terms are larger than {MAX_BYTES:,} bytes", field="terms")
    try:
        terms = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"these are no terms: {error}", code="bad_terms", field="terms") from None
    return checked(terms)


def checked(terms: Terms) -> Terms:
    """The same terms with purposes and categories by their canonical names. Raises BadInput."""
    if len(terms.clauses) > MAX_CLAUSES:
        raise _bad(f"more than {MAX_CLAUSES} clauses", "clauses")
    try:
        ZoneInfo(terms.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _bad(f"{terms.zone[:60]!r} is no time zone, such as Europe/Berlin", "zone") from None
    ids = [clause.id for clause in terms.clauses]
    if len(set(ids)) != len(ids):
        raise _bad("two clauses have the same id", "clauses")
    # Whoever adds a clause to the node's default terms has terms of their own.
    preset = "own" if terms.preset == "default" and terms.clauses else terms.preset
    return msgspec.structs.replace(terms, preset=preset, clauses=tuple(_checked(clause) for clause in terms.clauses))


def _checked(clause: Clause) -> Clause:
    where = f"clauses.{clause.id[:60]}"
    if not _ID.fullmatch(clause.id):
        raise _bad("a clause's id is letters, digits, '-', '_' and '.', at most 63", "clauses")
    if not clause.purposes or not clause.categories:
        raise _bad("a clause names at least one purpose and one category, or 'any' and 'everything'", where)
    if clause.quiet and (not _QUIET.fullmatch(clause.quiet) or clause.effect == "deny"):
        raise _bad("quiet hours are written 22:00-08:00, on a clause that allows", f"{where}.quiet")
    if clause.frequency is not None and (clause.frequency.times < 1 or clause.effect == "deny"):
        raise _bad("a frequency is at least once, on a clause that allows", f"{where}.frequency")
    for criterion in clause.when:
        _check(criterion, f"{where}.when")
    return msgspec.structs.replace(
        clause,
        purposes=tuple(name if name == ANY else purpose(name) for name in clause.purposes),
        categories=tuple(name if name in SETS else known_category(name) for name in clause.categories),
    )


def _check(criterion: Criterion, where: str) -> None:
    if criterion.kind == "value" and not criterion.value:
        raise _bad("a criterion on a value names the value", where)
    if criterion.kind == "retention" and criterion.days < 1:
        raise _bad("a criterion on retention names at least one day", where)
    if criterion.kind == "place" and not criterion.places:
        raise _bad("a criterion on places names one", where)
    if not 0 <= criterion.amount < 1e12:
        raise _bad("an amount is a number of at least 0", where)


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_terms", field=field)
