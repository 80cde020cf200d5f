"""Who calls the API: by a token, as the ledger knows it."""

from rapport.adapters.embedded.audit import AuditLog
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.tokens import USED_EVERY, TokenFile
from rapport.kernel.times import SECOND, now
from rapport.web.api.customers import Caller


class LedgerTokens:
    """Callers by token, remembered for half a second, so that a revoked one is refused well within one."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._file = TokenFile(ledger)
        self._audit = AuditLog(ledger)
        self._known: dict[str, tuple[int, Caller]] = {}

    def caller(self, token: str) -> Caller | None:
        known = self._known.get(token)
        present = now()
        if known is not None and known[0] > present:
            return known[1]
        found = self._file.find(token)
        if found is None:
            self._known.pop(token, None)
            return None
        if len(self._known) > 10_000:
            self._known.clear()
        if found.used_at is None or present - found.used_at > USED_EVERY:
            self._file.used(found.handle)
        caller = Caller(found.org, found.scopes, found.handle)
        self._known[token] = (min(present + SECOND // 2, found.expires_at), caller)
        return caller

    def note(self, caller: Caller, what: str, about: str = "", failed: str = "") -> None:
        self._audit.note(caller.org, caller.token, what, about, failed)
