"""Terms: what the organization promises and the person demands, and the gate where the two meet.

In come requests to read, each with a purpose; out go permitted facts, or absence, and always a receipt. What always
holds: nothing leaves before its receipt is durable, and nothing outside this area reads profiles.
"""

from rapport.terms.gate import Gate, Request, fields_of_view, headed
from rapport.terms.policy import decide
from rapport.terms.receipts import Receipt

__all__ = ["Gate", "Receipt", "Request", "decide", "fields_of_view", "headed"]
