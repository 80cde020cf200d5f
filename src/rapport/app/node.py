"""The application that the web process serves (see `serving`): HTTP over the gate, the log and the ledger."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.cosignatures import Cosignatures, PublishedLog
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.log import GroupCommitLog
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.populations import Populations
from rapport.adapters.embedded.sqlite import SQLiteError, translated
from rapport.adapters.embedded.uses import UseBook
from rapport.app.actions import open_actions
from rapport.app.agent_runner import AgentRunner
from rapport.app.agents import AgentDesk
from rapport.app.agreeing import Reviewer, Simulator, open_agreeing
from rapport.app.answering import HouseAnswers
from rapport.app.audiences import open_audiences
from rapport.app.backlog import LimitedLog
from rapport.app.callers import LedgerTokens
from rapport.app.channels import HouseChannels
from rapport.app.claim_links import HouseClaimLinks
from rapport.app.computed import ComputedValues
from rapport.app.console_actions import ConsoleActions
from rapport.app.console_audiences import ConsoleAudiences
from rapport.app.console_demands import ConsoleDemands
from rapport.app.console_looking import ConsoleLooking
from rapport.app.console_requests import ConsoleRequests
from rapport.app.console_signin import ConsoleSignin
from rapport.app.correcting import Corrector, keep_up
from rapport.app.deciding import HouseDecisions
from rapport.app.delivering import Deliverer
from rapport.app.demanding import Acknowledgements
from rapport.app.desk import HouseDesk
from rapport.app.destinations import HouseDestinations
from rapport.app.embedded import (
    Sources,
    open_benefits,
    open_keys,
    open_ledger,
    open_log,
    open_people,
    open_promises,
    open_reader,
)
from rapport.app.exports import ExportRunner, Exports
from rapport.app.lapsing import Lapser
from rapport.app.messaging import Messenger
from rapport.app.mirrors import Mirrors, mirrored
from rapport.app.newsroom import Newsroom
from rapport.app.operators import LogOperators
from rapport.app.outcomes import HouseOutcomes
from rapport.app.portal_desk import PortalDesk
from rapport.app.portal_proofs import keep_claims
from rapport.app.presence import HousePresence
from rapport.app.proving import Proving
from rapport.app.receipting import LedgerReceipts
from rapport.app.recovering import HouseRecovery, stop_recovery
from rapport.app.retrospects import Retrospects
from rapport.app.rights_desk import RightsDesk
from rapport.app.saying import NodeSaying
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.app.terms_desk import Parts
from rapport.app.unsubscribing import HouseUnsubscribing
from rapport.app.vitals import HouseVitals
from rapport.app.waking import woken
from rapport.app.witnessing import Witnessing
from rapport.kernel.errors import Busy, RapportError
from rapport.profile.store import ProfileReader
from rapport.terms import Gate
from rapport.terms.own import OwnLooks
from rapport.terms.settling import Settler
from rapport.web.api.actions import action_routes
from rapport.web.api.answers import answer_routes
from rapport.web.api.audiences import audience_routes
from rapport.web.api.benefits import benefit_routes
from rapport.web.api.channels import channel_routes
from rapport.web.api.claim_links import claim_link_routes
from rapport.web.api.collect import collect_routes
from rapport.web.api.customers import customer_routes
from rapport.web.api.data_rights import data_rights_routes
from rapport.web.api.decisions import decision_routes
from rapport.web.api.declaration import declaration_routes
from rapport.web.api.demands import demand_routes
from rapport.web.api.destinations import destination_routes
from rapport.web.api.evidence import evidence_routes
from rapport.web.api.exports import export_routes
from rapport.web.api.health import health_routes
from rapport.web.api.openapi import openapi_routes
from rapport.web.api.presence import presence_routes
from rapport.web.api.problems import answer, on_error, on_http_error, problem
from rapport.web.api.profiles import profile_routes
from rapport.web.api.receipt_log import receipt_log_routes
from rapport.web.api.retrospects import retrospect_routes
from rapport.web.api.simulate import simulate_routes
from rapport.web.api.statement import statement_routes
from rapport.web.api.traits import trait_routes
from rapport.web.console import console_routes
from rapport.web.portal import Intents, portal_routes
from rapport.web.signin import signin_routes
from rapport.web.unsubscribe import unsubscribe_routes

log = logging.getLogger("rapport.node")


class Counted:
    """The whole application: counts requests, and holds what lives as long as the process. `app` is what answers."""

    def __init__(self, app: Starlette, vitals: HouseVitals) -> None:
        self.app = app
        self._vitals = vitals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._vitals.requests += 1
        await self.app(scope, receive, send)


async def _broken(_: Request, error: Exception) -> Response:
    log.error("a request failed: %s", type(error).__name__, exc_info=error)
    return problem(500, "internal", "something broke here; it was noted, and nothing of yours was lost")


async def _unwritten(request: Request, error: Exception) -> Response:
    """No room for it, or others were writing for too long: whoever asked may ask again. Nothing was half done."""
    said = translated(error, Path("ledger.db")) if isinstance(error, SQLiteError) else error
    return answer(said) if isinstance(said, Busy) else await _broken(request, error)


class _Threads(NamedTuple):
    """Those of the node's threads that are woken from within it, or asked how they fare."""

    reviewer: Reviewer
    exports: ExportRunner
    agents: AgentRunner
    messenger: Messenger
    witnessing: Witnessing


def _begun(settings: Settings, ends: contextlib.ExitStack, letters: socket.socket | None) -> _Threads:
    """Begin the threads that look after what any process puts into the ledger; `ends` ends them. `letters`: read from
    by whoever sends messages."""
    runners = (Reviewer(settings), ExportRunner(settings), AgentRunner(settings), Messenger(settings))
    threads = _Threads(*runners, Witnessing(settings))
    for thread in (*threads, Deliverer(settings), Lapser(settings)):
        ends.callback(thread.close)
    if letters is not None:
        ends.enter_context(_woken_by(letters, threads.messenger.wake))
    return threads


def _ways_in(
    settings: Settings, ends: contextlib.ExitStack, where: tuple[PeopleFile, ProfileReader, Gate, LimitedLog]
) -> tuple[ConsoleSignin, HouseSignin, HousePresence, Proving]:
    """How operators and people show who they are; each has a thread and a ledger of its own, which `ends` ends."""
    keys = open_keys(settings)

    def ledger() -> LedgerFile:
        return open_ledger(settings)

    secret = keys.secret("signin")
    entry = ConsoleSignin(ledger, secret, settings.url)
    signin = HouseSignin(ledger, secret, settings.url)
    proving = Proving(settings)
    stop = partial(stop_recovery, proving)
    presence = HousePresence(ledger, keys.secret("presence"), settings.url, *where, stop_recovery=stop)
    for way in (entry, signin, presence, proving):
        ends.callback(way.close)
    return entry, signin, presence, proving


def _deciding(
    settings: Settings,
    ends: contextlib.ExitStack,
    where: tuple[PeopleFile, ProfileReader, Gate, LimitedLog],
    tokens: LedgerTokens,
    on_message: Callable[[], None],
) -> tuple[list[BaseRoute], tuple[ConsoleActions, ConsoleLooking]]:
    """What can be done for customers, what is done for one now, and how it reaches them, for programs and in the
    console; `ends` ends what it opens."""
    people, reader, gate, entries = where
    actions = ends.enter_context(contextlib.closing(open_actions(settings, reader, gate)))
    decisions = ends.enter_context(contextlib.closing(HouseDecisions(settings, people, reader, gate, on_message)))
    outcomes = HouseOutcomes(lambda: open_ledger(settings))
    ends.callback(outcomes.close)
    tried = ends.enter_context(contextlib.closing(ConsoleActions(settings, actions, decisions)))
    retrospects = Retrospects(settings)
    looking = ends.enter_context(contextlib.closing(ConsoleLooking(settings, retrospects)))
    channels = ends.enter_context(contextlib.closing(HouseChannels(settings)))
    letters = HouseUnsubscribing(lambda: open_ledger(settings), people, reader, entries)
    ends.callback(letters.close)
    answers = HouseAnswers(lambda: open_ledger(settings), MessageBook(people.ledger), reader, entries)
    ends.callback(answers.close)
    routes = [
        *action_routes(actions, tokens),
        *decision_routes(decisions, outcomes, tokens),
        *retrospect_routes(retrospects, tokens),
        *channel_routes(channels, tokens),
        *answer_routes(answers, tokens),
        *unsubscribe_routes(letters, settings.url),
    ]
    return routes, (tried, looking)


@contextlib.contextmanager
def _woken_by(other: socket.socket, wake: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, whenever another process sends a datagram, `wake` is called."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        woken(other, 0)
        wake()

    loop.add_reader(other.fileno(), read)
    try:
        yield
    finally:
        loop.remove_reader(other.fileno())


@contextlib.asynccontextmanager
async def application(
    settings: Settings,
    feed: socket.socket | None = None,
    wake: Callable[[], None] = lambda: None,
    letters: socket.socket | None = None,
) -> AsyncIterator[Counted]:
    """The node's ASGI application, wired over a data directory. `letters` is read from where another process puts
    messages in that are to be sent."""
    ledger = open_ledger(settings)
    sources = Sources(ledger)
    reader = open_reader(settings, sources.by_name)
    newsroom = Newsroom(feed)
    ends = contextlib.ExitStack()
    receipts = LedgerReceipts(lambda: open_ledger(settings), settings.min_free_mb << 20)
    ends.callback(receipts.close)
    entries = GroupCommitLog(lambda: open_log(settings), wake, min_free_bytes=settings.min_free_mb << 20)
    ends.callback(entries.close)
    threads = _begun(settings, ends, letters)
    limited = LimitedLog(entries, settings.log_limit_mb << 20, lambda: newsroom.cursor)
    keys = open_keys(settings)
    people = open_people(settings, ledger, keys)
    gate = Gate(reader, people, receipts, secret=keys.secret("asked"), computed=ComputedValues(ledger, reader).of)
    tokens = LedgerTokens(ledger)
    benefits = open_benefits(settings, ledger)
    settler = Settler(gate, reader, benefits)
    promises = open_promises(settings, ledger)
    promises.on_change = lambda *_: threads.reviewer.wake()
    simulator = Simulator(lambda: open_agreeing(settings))
    exports = Exports(settings, threads.exports.wake)
    vitals = HouseVitals(newsroom, threads.witnessing)
    intents = Intents()
    operators = LogOperators(reader, gate, entries, newsroom)
    agreements = AgreementBook(ledger.db, keys, promises, people.terms_of)
    populations = Populations(ledger.db, keys, people.terms_of)
    mirrors = Mirrors(UseBook(ledger), benefits.file, promises, populations, simulator)
    parts = Parts(promises, agreements, populations, UseBook(ledger), simulator, benefits.file, mirrors)
    looks = OwnLooks(reader, people, receipts)
    corrector = Corrector(ledger, people, reader, looks, gate, NodeSaying(entries, newsroom))
    rights = RightsDesk(ledger, people, looks, corrector)
    entry, signin, presence, proving = _ways_in(settings, ends, (people, reader, gate, limited))
    destinations = ends.enter_context(contextlib.closing(HouseDestinations(settings)))
    audiences, traits = open_audiences(settings, reader, gate, keys)
    ends.callback(audiences.close)
    books = (ConsoleRequests(ledger, rights), exports, ConsoleDemands(settings, ledger, promises))
    deciding, (tried, looking) = _deciding(
        settings, ends, (people, reader, gate, limited), tokens, threads.messenger.wake
    )
    meant = (ConsoleAudiences(audiences, traits), destinations, tried)
    desk = HouseDesk(ledger, reader, gate, newsroom, operators, sources, parts, *books, entry, *meant, looking)
    portal = PortalDesk(ledger, reader, people, looks, agreements, rights, settings, signin, presence, proving)
    upkeep = [asyncio.create_task(one) for one in (keep_up(corrector, settings), keep_claims(portal.proofs, settings))]
    app = Starlette(
        routes=[
            *collect_routes(limited, sources, settings.url),
            *customer_routes(gate, tokens, {"audiences": audiences.of_customer}),
            *profile_routes(gate, tokens),
            *audience_routes(audiences, tokens),
            *trait_routes(traits, tokens),
            *deciding,
            *evidence_routes(operators, tokens),
            *benefit_routes(settler, benefits, tokens),
            *statement_routes(lambda org, month: mirrored(mirrors, org, month), tokens),
            *declaration_routes(promises, tokens),
            *simulate_routes(simulator, tokens),
            *export_routes(exports, tokens),
            *destination_routes(destinations, tokens),
            *receipt_log_routes(PublishedLog(ledger.receipt_log, Cosignatures(ledger.db))),
            *demand_routes(Acknowledgements(lambda: DemandFile(open_ledger(settings)))),
            *data_rights_routes(AgentDesk(settings, threads.agents.wake)),
            *presence_routes(presence, tokens),
            *health_routes(vitals),
            *openapi_routes(settings.url),
            *console_routes(desk, settings.url),
            *portal_routes(portal, settings.url, intents),
            *signin_routes(signin, settings.url, HouseRecovery(proving, signin), intents),
            *claim_link_routes(HouseClaimLinks(proving, settings.url), tokens),
        ],
        exception_handlers={
            RapportError: on_error,
            HTTPException: on_http_error,
            SQLiteError: _unwritten,
            Exception: _broken,
        },
    )
    # A redirect would name the host that the request named; the node's origin is a setting, never taken from a request.
    app.router.redirect_slashes = False
    try:
        yield Counted(app, vitals)
    finally:
        for task in upkeep:
            task.cancel()
        ends.close()
