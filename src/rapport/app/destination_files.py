"""Files of destinations: exports that the node is asked for by hand, or when their time has come."""

from rapport.act.activation import Destination
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.exports import NODE, ExportBook
from rapport.kernel import ids
from rapport.kernel.times import now
from rapport.terms.exports import Export, Format, Wish

KEPT = 5
"""Files of one destination."""


def ask_file(book: ExportBook, destinations: DestinationBook, one: Destination) -> Export:
    """Ask for a destination's file; of those there are, the newest few are kept. Raises Busy, Conflict as `ask`."""
    form: Format = "csv" if one.format == "csv" else "parquet"
    wish = Wish(one.purpose, form, None, one.recipients, one.audience or "", one.fields)
    alike = [each for each in book.of_org(one.org, limit=1_000) if each.wish == wish and each.place == NODE]
    for old in [each for each in alike if each.status == "done"][KEPT - 1 :]:
        book.end(old, "deleted", "there are newer ones")
    asked = book.ask(one.org, wish, NODE, ids.fresh("exp"))
    destinations.filed(one.number, now())
    return asked
