"""Resolution: evidence in, customers out.

In come edges between records and identifiers, or between two records, with who said so and how far it is believed. Out
go groups of records, each a customer, and for every edge what became of it.

What always holds: the groups are a function of the set of active evidence alone (`twin` is that function, written
plainly; `incremental` agrees with it after every change), two user ids never meet, and retracting evidence restores
exactly what the rest gives.
"""

from rapport.resolve.attribution import WINDOW, affected, attribute, stretch, timed, whose
from rapport.resolve.evidence import (
    WHOLE,
    Edge,
    Whole,
    alias,
    cannot_link,
    identifier_node,
    must_link,
    names,
    record_node,
    sort_key,
)
from rapport.resolve.explain import Explainer, Finding, Together
from rapport.resolve.graph import Change, EvidenceStore, Mark, MemoryStore, Move
from rapport.resolve.incremental import Resolver
from rapport.resolve.preview import Regrouped, preview_retract, regrouped
from rapport.resolve.reasons import Reason, sentence
from rapport.resolve.rules import Rules, TypeRules, default_rules, load_rules

__all__ = [
    "WHOLE",
    "WINDOW",
    "Change",
    "Edge",
    "EvidenceStore",
    "Explainer",
    "Finding",
    "Mark",
    "MemoryStore",
    "Move",
    "Reason",
    "Regrouped",
    "Resolver",
    "Rules",
    "Together",
    "TypeRules",
    "Whole",
    "affected",
    "alias",
    "attribute",
    "cannot_link",
    "default_rules",
    "identifier_node",
    "load_rules",
    "must_link",
    "names",
    "preview_retract",
    "record_node",
    "regrouped",
    "sentence",
    "sort_key",
    "stretch",
    "timed",
    "whose",
]
