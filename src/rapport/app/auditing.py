"""Lines of the audit log for what is done at the command line."""

import contextlib
from collections.abc import Iterator

from rapport.adapters.embedded.audit import COMMAND_LINE, AuditLog
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import RapportError


@contextlib.contextmanager
def noted(settings: Settings, org: str, what: str, about: str = "") -> Iterator[None]:
    """A line before it is done, and another where it was not."""
    with contextlib.closing(open_ledger(settings)) as ledger:
        audit = AuditLog(ledger)
        audit.note(org, COMMAND_LINE, what, about)
        try:
            yield
        except BaseException as error:  # whoever ends it, such as by Ctrl-C, has not done it either
            audit.note(org, COMMAND_LINE, what, about, error.code if isinstance(error, RapportError) else "broken_off")
            raise
