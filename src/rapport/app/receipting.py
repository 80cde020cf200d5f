"""Books of receipts over the ledger: by group commit for the web process, one by one for the command line."""

from collections.abc import Callable, Sequence

from rapport.adapters.embedded.group_commit import GroupCommit
from rapport.adapters.embedded.holding import still_holds
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.terms import Pending

_CROWDED_PACE_S = 0.005
"""A commit signs the log's head and rewrites the log's end, whether one receipt came or a hundred."""


def _write(ledger: LedgerFile, batches: Sequence[Sequence[Pending]]) -> int:
    return ledger.append_receipts(batches, still_holds)


def _raise_failed(pending: Sequence[Pending]) -> None:
    for one in pending:
        if one.failed is not None:
            raise one.failed


class LedgerReceipts:
    """Receipts by group commit: durable before what they are for leaves."""

    def __init__(self, open_file: Callable[[], LedgerFile], min_free_bytes: int) -> None:
        self._writer: GroupCommit[Sequence[Pending], LedgerFile] = GroupCommit(
            "ledger",
            open_file,
            _write,
            LedgerFile.close,
            min_free_bytes=min_free_bytes,
            crowded_pace_s=_CROWDED_PACE_S,
        )

    async def commit(self, pending: Sequence[Pending]) -> None:
        await self._writer.submit(pending, 1024 * len(pending))
        _raise_failed(pending)

    def close(self) -> None:
        self._writer.close()


class DirectReceipts:
    """Receipts written at once, synced."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._ledger = ledger

    async def commit(self, pending: Sequence[Pending]) -> None:
        _write(self._ledger, [pending])
        _raise_failed(pending)
