"""Why data is read. Seven everyday purposes have plain names; every other purpose of DPV is named by its id.

An everyday purpose never includes another, though DPV nests some: it has *service usage analytics* below *service
provision*, but who lets a company serve them has not let it study them. What DPV puts below two everyday purposes
belongs to one of them, the one that asks for more: targeted advertising is advertising, not personalisation, and
personalised recommendations are personalisation, not service. Selling data, which DPV has below *sell products* below
*service provision*, and political campaigns, which it has below *advertising*, are covered by nothing but their own
names (and `any`). The alternative, to cover whatever DPV nests, would let `service` sell. So an allow is narrow, and a
deny wide.
"""

from difflib import get_close_matches
from typing import Final

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary.hierarchy import PARENTS, PURPOSE, above, below

PURPOSES: Final = {
    "service": "dpv:ServiceProvision",
    "personalisation": "dpv:Personalisation",
    "offers": "dpv:DirectMarketing",
    "analytics": "dpv:ServiceUsageAnalytics",
    "advertising": "dpv:Advertising",
    "fraud": "dpv:FraudPreventionAndDetection",
    "research": "dpv:ResearchAndDevelopment",
}
"""Plain name → DPV purpose."""

ANY: Final = "any"
"""In a clause: every purpose."""

_BY_NAME_ALONE: Final = frozenset({"dpv:SellDataToThirdParties", "dpv:SellInsightsFromData", "dpv:PoliticalCampaign"})
_GREED: Final = ("advertising", "offers", "research", "analytics", "fraud", "personalisation", "service")
"""The everyday purposes, the one that asks for most first: it has what is below several."""

_PLAIN: Final = {concept: plain for plain, concept in PURPOSES.items()}
_ABOVE: Final = {concept: higher for concept, higher in above(PARENTS).items() if PURPOSE in {concept, *higher}}
_BELOW: Final = {concept: lower for concept, lower in below(PARENTS).items() if concept in _ABOVE}
_CANONICAL: Final = {name: name for name in PURPOSES} | {concept: _PLAIN.get(concept, concept) for concept in _ABOVE}


def purpose(name: str) -> str:
    """The purpose's canonical name: the plain one where it has one, else its DPV id.

    Raises BadInput (`unknown_purpose`) with the nearest known one and all plain names.
    """
    try:
        return _CANONICAL[name]
    except KeyError:
        raise _unknown(name) from None


def purposes_covered(name: str) -> frozenset[str]:
    """The canonical purposes that an allow for this one covers, itself first of all; `any` covers all.

    Raises BadInput as `purpose` does.
    """
    try:
        return _COVERED[name]
    except KeyError:
        raise _unknown(name) from None


def purposes_denied(name: str) -> frozenset[str]:
    """The canonical purposes that a deny of this one forbids: itself, all that is below it in DPV, and what an allow
    would include it in, since who reads for the wider purpose might read for this one; `any` forbids all.

    Raises BadInput as `purpose` does.
    """
    try:
        return _DENIED[name]
    except KeyError:
        raise _unknown(name) from None


def _unknown(name: str) -> BadInput:
    near = get_close_matches(name[:60], _CANONICAL, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    known = ", ".join(PURPOSES)
    return BadInput(
        f"{name[:60]!r} is no purpose{hint}; one of {known}, or a DPV id such as 'dpv:DeliveryOfGoods', is needed",
        code="unknown_purpose",
        field="purpose",
    )


def _plainly(concepts: frozenset[str]) -> frozenset[str]:
    return frozenset(_CANONICAL[concept] for concept in concepts)


def _covered() -> dict[str, frozenset[str]]:
    found = {concept: frozenset({concept}) | lower - _BY_NAME_ALONE for concept, lower in _BELOW.items()}
    taken: frozenset[str] = frozenset(PURPOSES.values())
    for plain in _GREED:
        concept = PURPOSES[plain]
        found[concept] = found[concept] - (taken - {concept})
        taken |= found[concept]
    everything = _plainly(frozenset(_ABOVE))
    return {ANY: everything} | {name: _plainly(found[PURPOSES.get(name, name)]) for name in _CANONICAL}


def _denied() -> dict[str, frozenset[str]]:
    denied = {ANY: _COVERED[ANY]}
    for name, canonical in _CANONICAL.items():
        concept = PURPOSES.get(name, name)
        wider = frozenset(higher for higher in _ABOVE[concept] if canonical in _COVERED[higher])
        denied[name] = _plainly(wider | _BELOW[concept] | {concept})
    return denied


_COVERED: Final = _covered()
_DENIED: Final = _denied()
