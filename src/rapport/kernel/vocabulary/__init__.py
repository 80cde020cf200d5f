"""Purposes and categories: concepts of the W3C Data Privacy Vocabulary (DPV 2.2) and its personal-data extension
(DPV-PD), with the plain names that Rapport shows.

`purposes` says which purposes an allow covers and a deny forbids, `categories` turns kinds of data into bit masks,
`guesses` tells what kind a trait, an event or an identifier is by its name, `words` says it all in plain words. All is
computed on import from `dpv.txt`; what remains at run time is a look-up.
"""

from rapport.kernel.vocabulary.categories import (
    ALL,
    CATEGORIES,
    EVERYTHING,
    GROUPS,
    NAMES,
    SETS,
    SPECIAL,
    UNCLASSIFIED,
    below,
    bit,
    category,
    names_in,
)
from rapport.kernel.vocabulary.guesses import OF_EVENTS, category_of, category_of_event, category_of_identifier
from rapport.kernel.vocabulary.purposes import ANY, PURPOSES, purpose, purposes_covered, purposes_denied
from rapport.kernel.vocabulary.words import CATEGORY_WORDS, PLAIN_WORDS, PURPOSE_WORDS

__all__ = [
    "ALL",
    "ANY",
    "CATEGORIES",
    "CATEGORY_WORDS",
    "EVERYTHING",
    "GROUPS",
    "NAMES",
    "OF_EVENTS",
    "PLAIN_WORDS",
    "PURPOSES",
    "PURPOSE_WORDS",
    "SETS",
    "SPECIAL",
    "UNCLASSIFIED",
    "below",
    "bit",
    "category",
    "category_of",
    "category_of_event",
    "category_of_identifier",
    "names_in",
    "purpose",
    "purposes_covered",
    "purposes_denied",
]
