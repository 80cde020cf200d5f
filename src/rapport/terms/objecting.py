"""Objecting (GDPR article 21): one deny for one company and one purpose, beside whatever else a person's terms say.

Who has said nothing yet has the node's default terms, which hold for nobody who has a clause of their own. So that an
objection does not shut out the till that serves them, it then comes with a clause that lets companies serve them as
before; what they consented to elsewhere is theirs to allow again.
"""

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.terms.clauses import Clause, Terms
from rapport.terms.reading import MAX_CLAUSES

SERVE_ME = Clause("serve-me", "allow", purposes=("service",), categories=("everything", "unclassified"))
_ALL = ("everything", "special", "unclassified")


def objected(terms: Terms, org: str, purpose: str) -> Terms:
    """The terms with a deny of all data for a purpose, such as `advertising` (or `any`: restriction, article 18), of
    one company; unchanged where it is there already. Raises BadInput for an unknown purpose, or too many clauses."""
    name = purpose if purpose == "any" else known_purpose(purpose)
    taken = {clause.id for clause in terms.clauses}
    number = next(number for number in range(1, len(taken) + 2) if f"objection-{number}" not in taken)
    clause = Clause(f"objection-{number}", "deny", who=(org,), purposes=(name,), categories=_ALL, data="all")
    if any(msgspec.structs.replace(clause, id=one.id) == one for one in terms.clauses):
        return terms
    if len(terms.clauses) >= MAX_CLAUSES:
        raise BadInput(f"these terms have {MAX_CLAUSES} clauses already, which is all there may be", field="terms")
    kept = said(terms)
    return msgspec.structs.replace(terms, clauses=(*kept, clause))


def objection_lifted(terms: Terms, org: str, purpose: str) -> Terms:
    """The terms without what `objected` added for this company and purpose; unchanged where it is not there."""
    denial = Clause("", "deny", who=(org,), purposes=(known_purpose(purpose),), categories=_ALL, data="all")
    kept = tuple(one for one in terms.clauses if msgspec.structs.replace(one, id="") != denial)
    if len(kept) == len(terms.clauses):
        return terms
    return msgspec.structs.replace(terms, clauses=() if terms.preset == "default" and kept == (SERVE_ME,) else kept)


def said(terms: Terms) -> tuple[Clause, ...]:
    """A person's clauses; of somebody who has said nothing yet, the node's default as a clause."""
    return terms.clauses or ((SERVE_ME,) if terms.preset == "default" else ())
