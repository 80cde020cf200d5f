"""Files of destinations: exports that the node is asked for by hand, or when their time has come."""

from collections.abc import Iterable

from rapport.act.activation import Destination, Health
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.exports import NODE, ExportBook
from rapport.kernel import ids
from rapport.kernel.times import now
from rapport.terms.exports import Export, Format, Wish

KEPT = 5
"""Files of one destination."""
MOST_LOOKED_AT = 1_000


def files_of(exports: Iterable[Export], one: Destination) -> list[Export]:
    """Those of an organization's exports that are a destination's files."""
    wish = _wish(one)
    return [each for each in exports if each.wish == wish and each.place == NODE]


def health_of_files(exports: Iterable[Export], one: Destination) -> Health:
    """How a destination that is a file fares, by the organization's exports, the newest first: what waits or is being
    made, and what was made, as what was sent; and what was wrong last."""
    files = files_of(exports, one)
    under_way = [each for each in files if each.status in ("waiting", "running")]
    made = [each for each in files if each.exported_at is not None]
    failed = next((each for each in files if each.status == "failed"), None)
    return Health(
        waiting=len(under_way),
        oldest=under_way[-1].asked_at if under_way else None,
        sent=len(made),
        sent_at=made[0].exported_at if made else None,
        error="" if failed is None else failed.reason,
        failed_at=None if failed is None else failed.asked_at,
    )


def ask_file(book: ExportBook, destinations: DestinationBook, one: Destination) -> Export:
    """Ask for a destination's file; of those there are, the newest few are kept. Raises Busy, Conflict as `ask`."""
    alike = files_of(book.of_org(one.org, limit=MOST_LOOKED_AT), one)
    for old in [each for each in alike if each.status == "done"][KEPT - 1 :]:
        book.end(old, "deleted", "there are newer ones")
    asked = book.ask(one.org, _wish(one), NODE, ids.fresh("exp"))
    destinations.filed(one.number, now())
    return asked


def _wish(one: Destination) -> Wish:
    form: Format = "csv" if one.format == "csv" else "parquet"
    return Wish(one.purpose, form, None, one.recipients, one.audience or "", one.fields)
