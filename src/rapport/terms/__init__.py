"""Terms: what the organization promises and the person demands, and the gate where the two meet.

In come requests to read, each with a purpose; out go permitted facts, or absence, and always a receipt. What always
holds: nothing leaves before its receipt is durable, and whoever else holds a reader of profiles gives out what the gate
let through (tests/terms/test_no_way_around.py).
"""

from rapport.terms.clauses import Clause, Criterion, Terms
from rapport.terms.declaration import Declaration, Promise, Standing
from rapport.terms.gate import Gate, fields_of_view, headed
from rapport.terms.ground import Ground, Holder, Pending, People, ReceiptBook
from rapport.terms.judging import Request
from rapport.terms.receipts import Receipt

__all__ = [
    "Clause",
    "Criterion",
    "Declaration",
    "Gate",
    "Ground",
    "Holder",
    "Pending",
    "People",
    "Promise",
    "Receipt",
    "ReceiptBook",
    "Request",
    "Standing",
    "Terms",
    "fields_of_view",
    "headed",
]
