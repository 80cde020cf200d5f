"""The work that agents ask for: each request carried out once, when its time has come.

A request is matched when it is carried out, and its outcome shows at the next step of the clock, so that who is known
and who is not are told at the same time. Whoever has an account hears of an erasure as soon as it is asked for, and can
take it back on their page.

What was done is on record before the request ends: after a kill at any instant the work is taken up where it was left,
each part of it being such that doing it again changes nothing.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from rapport.adapters.embedded.agent_requests import AgentRequests, Row
from rapport.adapters.embedded.agent_results import AgentResults
from rapport.adapters.embedded.agents import AgentFile
from rapport.adapters.embedded.people import ACTIVE, ERASED, Person
from rapport.adapters.embedded.rights import LAST, RightsBook
from rapport.adapters.files import sealed
from rapport.app import agents, embedded, rights
from rapport.app.portability import open_portability
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy, Conflict, Forbidden, NotFound, RapportError
from rapport.kernel.times import now, rfc3339
from rapport.profile.erasure import Erased
from rapport.terms.data_rights import Reason, Status
from rapport.terms.objecting import objected, objection_lifted
from rapport.terms.own import OwnLooks
from rapport.terms.rights import YOU, Asked, Case, Right, took_words

log = logging.getLogger("rapport.agents")

SWEEP_S = 60.0
MOST_TRIES = 5
SALE = "advertising"
"""The purpose that selling and sharing serves."""
FORMAT = "json"
BY_AGENT = "a request by your agent"
_RIGHTS: dict[str, Right] = {
    "access": "access",
    "deletion": "erasure",
    "sale:opt_out": "objection",
    "sale:opt_in": "objection",
}


class Outcome(NamedTuple):
    """How a request ends."""

    status: Status
    reason: Reason = ""
    details: str = ""


FULFILLED = Outcome("fulfilled")
UNCLEAR = Outcome(
    "denied", "insuf_verification", "a verified e-mail address or phone number that is nobody else's here is needed"
)
NO_MATCH = Outcome("denied", "no_match", "nobody is known here by these")
THEIRS = Outcome("denied", "other", "the person said so themselves, and can take it back themselves")
FAILED = Outcome("denied", "other", "it could not be carried out: ask the business")
DISTRUSTED = Outcome("denied", "other", "the business no longer trusts this agent")
TAKEN_BACK = Outcome("revoked", "", "the person took it back")


class Match(NamedTuple):
    """Whom a request is for: `person` has an account, `known` says whether there is anything of theirs; or it is not
    clear."""

    person: Person | None
    known: bool
    clear: bool = True


class AgentWork:
    """One round after the other, over ledger connections of its own."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = now) -> None:
        self._settings = settings
        self._now = clock
        self._ledger = embedded.open_ledger(settings)
        self._agents = AgentFile(self._ledger)
        self.requests = AgentRequests(self._ledger)
        self.results = AgentResults(self._ledger)
        self._people = embedded.open_people(settings, self._ledger, self._ledger.keys)
        self._book = RightsBook(self._ledger)
        reader = embedded.open_reader(settings, embedded.Sources(self._ledger).by_name)
        self._looks = OwnLooks(reader, self._people, DirectReceipts(self._ledger))
        self._swept = -SWEEP_S

    def round(self) -> None:
        """Tell persons of what waits, do what is due, and tell agents what shows."""
        for row in self.requests.taken_back():
            self._close(row, TAKEN_BACK._replace(details="the agent took it back"))
        for row in self.requests.unnoticed():
            self._tried(row, self._notice)
        for row in self.requests.begin(self._now()):
            self._tried(row, self._carry_out)
        with contextlib.suppress(Busy):
            self.requests.let_go()
        while self.requests.announce(self._now(), self._letter):
            continue
        if time.monotonic() - self._swept > SWEEP_S:
            self._swept = time.monotonic()
            self._sweep()

    def close(self) -> None:
        self._ledger.close()

    def _tried(self, row: Row, work: Callable[[Row], None]) -> None:
        """One request's trouble is not the others'."""
        try:
            work(row)
        except Busy:
            return  # the next round tries again
        except Exception as error:  # a supervisor loop: what nobody thought of, of one request, keeps no other waiting
            if isinstance(error, RapportError):
                log.warning("a request of an agent could not be carried out: %s", error.code)
            else:
                log.exception("a request of an agent could not be carried out")
            if self.requests.failed(row) >= MOST_TRIES:
                self.requests.notice(row)
                self._end(row, FAILED)

    def _letter(self, row: Row) -> bytes:
        return msgspec.json.encode(agents.told(self._settings, self._ledger, row, self._now()).json())

    # -- whom it is for

    def _match(self, row: Row) -> Match:
        """By verified identifiers alone. Who shares one with others, or with another account, is not guessed."""
        if not row.identifiers:
            return Match(None, known=False, clear=False)
        holders = self._people.ground(row.org, [f"{kind}:{value}" for kind, value in row.identifiers]).holders
        if len(holders) > 1:
            return Match(None, known=False, clear=False)
        person = self._people.person(holders[0].handle) if holders else None
        claims = set(row.identifiers)
        if person is not None:
            claims.update(person.claims_at(row.org))
        known = self._looks.known(row.org, row.identifiers, sorted(claims))
        if known.several:
            return Match(None, known=False, clear=False)
        return Match(person, known.records > 0)

    def _notice(self, row: Row) -> None:
        """Put an erasure that waits on the page of whoever has an account."""
        person = self._match(row).person if row.exercise == "deletion" else None
        if person is not None and person.status == ACTIVE:
            case = self._case(row, person)
            said = f"{row.agent_name} asked {row.org} to erase what is yours there"
            when = f"it is done after {rfc3339(row.due_at)[:16]}Z, unless you take it back under My rights"
            self._book.add_receipt(case.id, self._note(row, person, f"{said}: {when}"))
        self.requests.notice(row)

    # -- carrying out

    def _carry_out(self, row: Row) -> None:
        self._end(row, self._outcome(row))

    def _end(self, row: Row, outcome: Outcome) -> None:
        if outcome.status != "fulfilled":
            self._close(self.requests.row(row.id), outcome)
        self.requests.end(row, self._now(), *outcome)

    def _outcome(self, row: Row) -> Outcome:
        stopped = self._stopped(row)
        if stopped is not None:
            return stopped
        person = self._begun(row) if row.begun else self._whose(row)
        if isinstance(person, Outcome):
            return person
        row = self.requests.row(row.id)
        # From now on nobody takes it back; who did so while it was begun is heard.
        stopped = self._stopped(row)
        if stopped is not None:
            return stopped
        if row.exercise == "access":
            return self._access(row, person)
        return self._erase(row, person) if row.exercise == "deletion" else self._object(row, person)

    def _stopped(self, row: Row) -> Outcome | None:
        """Why it is not to be carried out."""
        with contextlib.suppress(NotFound):
            if row.kase and self._book.case(row.kase).status == "withdrawn":
                return TAKEN_BACK
        try:
            agent = self._agents.numbered(row.agent, row.org)
        except Forbidden:
            return DISTRUSTED
        return None if agent.attests else UNCLEAR

    def _whose(self, row: Row) -> Person | Outcome:
        """The person, made if need be, and noted."""
        person, known, clear = self._match(row)
        if not clear:
            return UNCLEAR
        about_data = row.exercise in ("access", "deletion")
        if about_data and not known:
            return NO_MATCH
        if person is not None and person.status != ACTIVE:
            return NO_MATCH if row.exercise == "access" else FULFILLED  # they are being erased
        # Of one that was made, and not noted before a kill, there is nothing but what was asked for.
        claimed = {(row.org, kind, value) for kind, value in row.identifiers}
        made = person is None or (row.made and set(person.claims) == claimed)
        if person is None:
            if row.exercise == "sale:opt_in":
                return FULFILLED  # nothing was said against it
            self.requests.make(row)
            # Who objects may become known later: it stands from now on, and its answer tells nothing of today.
            person = self._people.add([":".join(claim) for claim in claimed])
        if row.kase and row.person != person.id:
            self._close(row, UNCLEAR)
        self.requests.begin_for(row, person.id, made=made)
        return person

    def _begun(self, row: Row) -> Person | Outcome:
        """Whom it was found to be for before this process was killed."""
        handle = self._people.handle_of(row.person)
        person = None if handle is None else self._people.person(handle)
        if person is None or person.status == ERASED:
            return FULFILLED if row.exercise == "deletion" else NO_MATCH
        return person

    def _access(self, row: Row, person: Person) -> Outcome:
        case = self._case(row, person)
        size, receipts = self._written(row, person)
        if case.status == "open":
            self._book.end(case.id, "done", "", receipts)
        self.results.keep(row, agents.results_hash(self._ledger, row.id), size)
        return FULFILLED

    def _written(self, row: Row, person: Person) -> tuple[int, list[str]]:
        """Write the archive, sealed under the person's key; return its size in the clear, and the receipts."""
        key = self._ledger.keys.person(person.id)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        path = agents.results_path(self._settings, row.id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            out, archive, draft = Path(place) / "data", Path(place) / "data.zip", Path(place) / "sealed"
            portability = open_portability(self._settings)
            _, receipts = asyncio.run(portability.write(person.handle, out, FORMAT, row.org))
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
                for one in sorted(out.iterdir()):
                    packed.write(one, one.name)
            size = sealed.seal_file(archive, draft, key)
            draft.chmod(0o600)
            _sync(draft)
            draft.replace(path)
            _sync(path.parent)
        return size, receipts

    def _erase(self, row: Row, person: Person) -> Outcome:
        if row.made:
            with contextlib.suppress(Conflict):  # it was complete before a kill
                return _erased(rights.shred_person(self._settings, person.handle, asked_at=row.at).erased)
            return FULFILLED
        case = self._case(row, person)
        self.results.drop(person.id, row.org)
        # What the account claims beside these may be a mailbox of others, too: the agent did not verify it.
        users = {claim for claim in person.claims if claim[0] == row.org and claim[1] == "user_id"}
        claims = users.union((row.org, kind, value) for kind, value in row.identifiers)
        erased = rights.shred_claims(self._settings, person.handle, sorted(claims))
        kept = "".join(f"; {one.law} keeps {one.events} events" for one in erased.carved)
        took = f"{took_words(self._now() - row.at)} after it was asked"
        self._done(row, person, case, f"{row.agent_name} had all erased that is yours at {row.org}, {took}{kept}")
        return _erased(erased)

    def _object(self, row: Row, person: Person) -> Outcome:
        out = row.exercise == "sale:opt_out"
        if not out and self._objected_themselves(person, row.org):
            return THEIRS
        case = self._case(row, person)
        after = (objected if out else objection_lifted)(person.terms, row.org, SALE)
        if after is not person.terms:
            self._people.set_terms(person.handle, after)
        verb = "stopped" if out else "allowed again"
        self._done(row, person, case, f"{row.agent_name} {verb} use for {SALE} by {row.org}")
        return FULFILLED

    def _objected_themselves(self, person: Person, org: str) -> bool:
        """Whether it was they who said so: an agent does not undo that."""
        before: int | None = LAST
        while before is not None:
            cases, before = self._book.of_person(person.id, before)
            asked = [case.asked for case in cases]
            if any((a.right, a.org, a.about, a.by) == ("objection", org, SALE, YOU) for a in asked):
                return True
        return False

    # -- the record

    def _case(self, row: Row, person: Person) -> Case:
        """The request in the person's own list, the same however often this is asked."""
        kase = self.requests.row(row.id).kase
        if kase:
            return self._book.case(kase)
        right = _RIGHTS[row.exercise]
        about = SALE if right == "objection" else ""
        value = {"request": row.id, "exercise": row.exercise}
        asked = Asked(right, row.org, about, value, by=f"agent {row.agent_name}")
        case = self._book.put(person.id, asked, row.at)
        self.requests.file(row, person.id, case.id)
        return case

    def _note(self, row: Row, person: Person, said: str) -> str:
        return asyncio.run(self._looks.note(person.id, row.org, BY_AGENT, said))

    def _done(self, row: Row, person: Person, case: Case, said: str) -> None:
        if case.status == "open":
            self._book.end(case.id, "done", "", (self._note(row, person, said),))

    def _close(self, row: Row, outcome: Outcome) -> None:
        """What was put on a page and does not come to be, says why."""
        with contextlib.suppress(NotFound, Conflict):
            if row.kase:
                self._book.end(row.kase, "withdrawn" if outcome.status == "revoked" else "refused", outcome.details, ())
        self.requests.file(row, row.person, "")

    # -- keeping house

    def _sweep(self) -> None:
        """Let go of results that were fetched, or whose time is over, or that a kill left half made."""
        kept = self.results.kept(self._now())
        for path in (self._settings.directory / agents.RESULTS).glob("*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.partition(".")[0] not in kept:
                path.unlink(missing_ok=True)


def _erased(erased: Erased) -> Outcome:
    """Done, and what a law keeps all the same."""
    laws = ", ".join(dict.fromkeys(one.law for one in erased.carved))
    return FULFILLED._replace(details=f"what a law obliges to keep is kept: {laws}" if laws else "")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
