"""What kind of data something is, as bits: a set of categories is one integer, and asking whether a category is in a
set, or whether one set is within another, is one `&`.

Every concept of DPV-PD has a bit, so has *unclassified*. Three sets share the bits among them: `SPECIAL`, what law
protects more (GDPR articles 9 and 10); `UNCLASSIFIED`; and `EVERYTHING`, the rest. DPV reaches some special concepts
from ordinary ones too (*medical health* from *external*), but naming an ordinary category never includes a special one.

DPV has no single concept for beliefs nor for politics, so these two plain names are concepts of our own above its
several. It does not mark *ethnicity* (though *race* and *ethnic origin*) nor *criminal* as special; here they are.
"""

from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import hierarchy
from rapport.kernel.vocabulary.hierarchy import DATA, PARENTS, SPECIAL_DATA

CATEGORIES: Final = {
    "name": "pd:Name",
    "contact": "pd:Contact",
    "email": "pd:EmailAddress",
    "phone": "pd:TelephoneNumber",
    "address": "pd:PhysicalAddress",
    "location": "pd:Location",
    "demographic": "pd:Demographic",
    "age": "pd:Age",
    "gender": "pd:Gender",
    "language": "pd:Language",
    "profession": "pd:Professional",
    "purchases": "pd:Purchase",
    "financial": "pd:Financial",
    "preference": "pd:Preference",
    "behaviour": "pd:Behavioural",
    "device": "pd:DeviceBased",
    "account": "pd:UID",
    "loyalty": "pd:PurchasesAndSpendingHabit",
    "health": "pd:MedicalHealth",
    "genetics": "pd:Genetic",
    "biometrics": "pd:Biometric",
    "ethnicity": "pd:Ethnicity",
    "beliefs": "pd:ReligiousBelief",
    "politics": "pd:PoliticalOpinion",
    "sexuality": "pd:Sexual",
    "union": "pd:TradeUnionMembership",
    "unclassified": "dpv:UncategorisedData",
}
"""Plain name → DPV category, the nearest one for `beliefs` and `politics`. What fits none is `unclassified`."""

GROUPS: Final = {
    "beliefs": ("pd:Religion", "pd:ReligiousBelief", "pd:PhilosophicalBelief"),
    "politics": ("pd:PoliticalAffiliation", "pd:PoliticalOpinion"),
}
"""Plain names that stand for several concepts of DPV, and are none of them."""

SETS: Final = {"everything": DATA, "special": SPECIAL_DATA}
"""Plain names for clauses and promises alone: no datum is of these kinds."""

_ALSO_SPECIAL: Final = ("pd:Ethnicity", "pd:Criminal")
_BEFORE_2_2: Final = {
    "pd:Acquantaince": "pd:Acquaintance",
    "pd:Behavioral": "pd:Behavioural",
    "pd:BrowsingBehavior": "pd:BrowsingBehaviour",
    "pd:CountryOfBirth": "pd:BirthCountry",
    "pd:CriminalOffense": "pd:CriminalOffence",
    "pd:Demeanor": "pd:Demeanour",
    "pd:Favorite": "pd:Favourite",
    "pd:FavoriteColor": "pd:FavouriteColour",
    "pd:FavoriteFood": "pd:FavouriteFood",
    "pd:FavoriteMusic": "pd:FavouriteMusic",
    "pd:HairColor": "pd:HairColour",
    "pd:ServiceConsumptionBehavior": "pd:ServiceConsumptionBehaviour",
    "pd:TVViewingBehavior": "pd:TVViewingBehaviour",
}
"""Ids that DPV 2.0 and 2.1 spelled otherwise."""


def _graph() -> dict[str, tuple[str, ...]]:
    graph = {concept: parents for concept, parents in PARENTS.items() if concept.startswith("pd:")}
    graph[SPECIAL_DATA] = PARENTS[SPECIAL_DATA]
    for concept in _ALSO_SPECIAL:
        graph[concept] += (SPECIAL_DATA,)
    for group, members in GROUPS.items():
        graph[group] = (SPECIAL_DATA,)
        for concept in members:
            graph[concept] += (group,)
    return graph


_GRAPH: Final = _graph()
_LOWER: Final = hierarchy.below(_GRAPH)
_NUMBER: Final = {concept: place for place, concept in enumerate(sorted(_GRAPH), start=1)}


def _mask(concepts: frozenset[str]) -> int:
    return sum(1 << _NUMBER[concept] for concept in concepts)


UNCLASSIFIED: Final = 1
SPECIAL: Final = _mask(_LOWER[SPECIAL_DATA] | {SPECIAL_DATA})
EVERYTHING: Final = _mask(_LOWER[DATA]) & ~SPECIAL
ALL: Final = EVERYTHING | SPECIAL | UNCLASSIFIED

_CONCEPT: Final = {
    **{concept: concept for concept in _GRAPH},
    **{plain: concept for plain, concept in CATEGORIES.items() if plain not in GROUPS},
    **SETS,
    **_BEFORE_2_2,
    DATA: DATA,
    CATEGORIES["unclassified"]: CATEGORIES["unclassified"],
}
"""Every text that names a category → its node: a DPV id, or a group's plain name."""

_PLAIN: Final = {concept: plain for plain, concept in _CONCEPT.items() if plain in CATEGORIES or plain in SETS}


def _bits() -> dict[str, int]:
    return {text: 1 << _NUMBER[concept] if concept in _NUMBER else UNCLASSIFIED for text, concept in _CONCEPT.items()}


def _belows() -> dict[str, int]:
    masks = {}
    for concept in _NUMBER:
        own = 1 << _NUMBER[concept]
        reached = own | _mask(_LOWER[concept])
        masks[concept] = reached if own & SPECIAL else reached & ~SPECIAL
    masks |= {DATA: EVERYTHING, CATEGORIES["unclassified"]: UNCLASSIFIED}
    return {text: masks[concept] for text, concept in _CONCEPT.items()}


class _Bits(dict[str, int]):
    def __missing__(self, _: str) -> int:
        return UNCLASSIFIED


_BIT: Final = _Bits(_bits())
_BELOW: Final = _belows()
_TOLD: Final = (*CATEGORIES, "special")
NAMES: Final = tuple(sorted({_PLAIN.get(concept, concept) for concept in _CONCEPT.values()} - {"everything"}))
"""The canonical name of every category that has a bit."""


def category(name: str) -> str:
    """The category's canonical name: the plain one where it has one, else its DPV id.

    Raises BadInput (`unknown_category`) with the nearest known one.
    """
    if (concept := _CONCEPT.get(name)) is not None:
        return _PLAIN.get(concept, concept)
    near = get_close_matches(name[:60], _CONCEPT, n=1) or get_close_matches(f"pd:{name[:60]}", _CONCEPT, n=1)
    hint = f"did you mean {near[0]!r}? Known are" if near else "known are"
    known = ", ".join((*CATEGORIES, *SETS))
    raise BadInput(
        f"{name[:60]!r} is no category of data; {hint} {known}, and the ids of DPV-PD such as 'pd:Income'",
        code="unknown_category",
        field="category",
    )


bit: Final = _BIT.__getitem__
"""The one bit of a datum of this category; what is no known category is unclassified. (No function of our own: the gate
asks for every fact that is read.)"""


def below(name: str) -> int:
    """The bits of this category and of all below it; special ones only where it is special itself.

    Raises BadInput as `category` does.
    """
    try:
        return _BELOW[name]
    except KeyError:
        return _BELOW[category(name)]


@lru_cache(maxsize=4096)
def names_in(mask: int) -> tuple[str, ...]:
    """The shortest list of names that tells a reader what is in a mask.

    A plain name is told where its own bit is in, and stands for the plain names below it where all of these are in.
    Concepts under no name told are given by id, `other` where they are more than three.
    """
    names = []
    for name, whole in (("everything", EVERYTHING), ("special", SPECIAL)):
        if mask & whole == whole:
            names.append(name)
            mask &= ~whole
    told = [plain for plain in _TOLD if mask & _BIT[plain]]
    if sum(_BIT[plain] & SPECIAL != 0 for plain in told) > 1 and told[-1] == "special":
        told.pop()
        mask &= ~_BIT["special"]
    whole_names = [plain for plain in told if all(mask & _BIT[lower] for lower in _TOLD if _BIT[lower] & _BELOW[plain])]
    names += [plain for plain in told if not any(_within(plain, wider) for wider in whole_names)]
    for plain in told:
        mask &= ~_BELOW[plain]
    rest = [concept for concept, number in _NUMBER.items() if mask >> number & 1]
    tops = [concept for concept in rest if not any(_within(concept, wider) for wider in rest)]
    return (*names, *(tops if len(tops) <= 3 else ["other"]))


def _within(name: str, wider: str) -> bool:
    return name != wider and _BIT[name] & _BELOW[wider] != 0
