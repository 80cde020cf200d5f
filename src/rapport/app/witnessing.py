"""Asking witnesses to cosign the log's checkpoint (https://c2sp.org/tlog-witness), beside the requests.

A thread for each witness, so that one that is slow or gone keeps nobody waiting: neither receipts, which are not held
back for a signature, nor the other witnesses.
"""

import logging
import re
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import NamedTuple

from rapport.adapters.embedded.cosignatures import Cosignatures
from rapport.adapters.embedded.sqlite import snapshot, translating
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings, Witness
from rapport.kernel import verify
from rapport.kernel.errors import RapportError
from rapport.kernel.times import HOUR, now

log = logging.getLogger("rapport.witnessing")

ANEW = HOUR
"""After so long a checkpoint is signed anew, so that its time tells that there was no longer log in between."""
TIMEOUT_S = 10
_ENOUGH = 64 << 10
_SIZE_TYPE = "text/x.tlog.size"
_SIZE = re.compile("(0|[1-9][0-9]{0,15})\n")


class Unwitnessed(Exception):
    """A witness did not sign; the message says why."""


class _Answer(NamedTuple):
    status: int
    kind: str
    body: str


class _Stay(urllib.request.HTTPRedirectHandler):
    """A witness is where its setting says, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


class Asker:
    """One witness, asked over a ledger connection of its own thread."""

    def __init__(self, settings: Settings, witness: Witness) -> None:
        self._ledger = open_ledger(settings)
        self._kept = Cosignatures(self._ledger.db)
        self._witness = witness

    def ask(self) -> bool:
        """Have the log's head signed, if it is not; whether anything was. Raises Unwitnessed, RapportError."""
        receipts = self._ledger.receipt_log
        with snapshot(self._ledger.db):
            size, checkpoint = receipts.size(), receipts.checkpoint()
        old, at = self._kept.last(self._witness.key)
        if checkpoint is None or (old == size and abs(now() - at) < ANEW):
            return False
        answer = self._sent(old, size, checkpoint)
        if answer.status == 409 and answer.kind == _SIZE_TYPE and answer.body != f"{old}\n":
            # It signed what we do not know of: its answer was lost, or this ledger is older than what it signed.
            answer = self._sent(self._known(answer.body, size), size, checkpoint)
        if answer.status in {409, 422}:
            raise Unwitnessed("it refuses this log: it has signed one that this does not continue")
        if answer.status != 200:
            raise Unwitnessed(f"it answered {answer.status}")
        self._kept.keep(self._witness.key, size, checkpoint, self._line(answer.body, checkpoint))
        return True

    def _known(self, body: str, size: int) -> int:
        size_said = _SIZE.fullmatch(body)
        if size_said is None:
            raise Unwitnessed("it answered with no size")
        known = int(size_said[1])
        if known > size:
            raise Unwitnessed(
                f"it has signed a log of {known} entries, and this has {size}: an older ledger was put back"
            )
        return known

    def _sent(self, old: int, size: int, checkpoint: str) -> _Answer:
        with snapshot(self._ledger.db):
            proof = self._ledger.receipt_log.consistency(old, size) if old else []
        lines = [f"old {old}", *map(verify.b64, proof), "", checkpoint]
        request = urllib.request.Request(  # noqa: S310 (the setting has http and https alone)
            f"{self._witness.url}/add-checkpoint",
            "\n".join(lines).encode(),
            {"Content-Type": "text/plain; charset=utf-8"},
            method="POST",
        )
        try:
            try:
                found = _opener.open(request, timeout=TIMEOUT_S)
            except urllib.error.HTTPError as error:
                found = error  # an answer like any other, whose body may break off, too
            with found:
                body = found.read(_ENOUGH).decode("utf-8", "replace")
                return _Answer(found.status, found.headers.get_content_type(), body)
        except (OSError, HTTPException, ValueError) as error:
            raise Unwitnessed(f"it cannot be reached: {error}") from None

    def _line(self, body: str, checkpoint: str) -> str:
        """The line of the answer that is this witness's signature on the checkpoint."""
        name, public = verify.read_vkey(self._witness.key, verify.WITNESS)
        ident, text = verify.key_id(name, public, verify.WITNESS), verify.read_note(checkpoint)[0]
        try:
            lines = verify.read_note(f"{text}\n{body}")[1]
        except verify.Broken:
            raise Unwitnessed("it answered with no signature") from None
        for who, its_id, signature in lines:
            if (who, its_id) == (name, ident) and verify.cosigned(text, signature, public) is not None:
                return f"— {name} {verify.b64(its_id + signature)}\n"
        raise Unwitnessed("what it answered is not its signature")

    def close(self) -> None:
        self._ledger.close()


class Witnessing:
    """A thread for each witness, which asks it about every new head, at most once in a while."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self.failing: set[str] = set()
        """Names of those that did not sign when they were last asked."""
        ledger = open_ledger(settings)
        Cosignatures(ledger.db).only([witness.key for witness in settings.witnessed_by])
        ledger.close()
        self._threads = [
            threading.Thread(target=self._run, args=(witness,), name=f"witness {witness.name}", daemon=True)
            for witness in settings.witnessed_by
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask no more. An answer that is still waited for is not."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(0.2)

    def _run(self, witness: Witness) -> None:
        asker, said = None, ""
        while not self._stopped.is_set():
            problem = ""
            try:
                with translating(self._settings.directory / "ledger.db"):
                    asker = asker or Asker(self._settings, witness)
                    asker.ask()
            except (Unwitnessed, RapportError) as error:
                problem = str(error)
            except Exception as error:  # a supervisor loop: what nobody thought of ends no thread
                log.exception("witness %s could not be asked", witness.name)
                problem = type(error).__name__
            (self.failing.add if problem else self.failing.discard)(witness.name)
            if problem != said:  # once, and not each time
                how = f"did not sign the log: {problem}" if problem else "signs the log again"
                log.warning("witness %s %s", witness.name, how)
                said = problem
            self._stopped.wait(self._settings.witness_every_s)
        if asker is not None:
            asker.close()
