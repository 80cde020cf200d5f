"""Roles: what each may is in one table, and no page, form or sequence of changes gives it more."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from starlette.routing import BaseRoute, Mount, Route

from rapport.signin.operators import DUTIES, MAY, ROLES, Duty, may, roles_with
from rapport.web.console import console_routes
from rapport.web.console.guarding import Page
from rapport.web.console.tabs import TABS
from tests.conftest import sample
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.staffed import StaffedDesk, Worker
from tests.web.console.visitor import ALICE, ORIGIN

OPEN = {
    "/", "/console", "/console/start", "/console/theme", "/console/signin", "/console/signin/ask",
    "/console/signin/prove", "/console/signin/invite", "/console/signin/invite/ask", "/console/signin/invite/make",
    "/console/static/{name}",
}  # fmt: skip
"""What is there for who has no session, and therefore names no duty."""


def offered(routes: list[BaseRoute], above: str = "") -> Iterator[tuple[str, Route]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from offered(route.routes, above + route.path)
        else:
            assert isinstance(route, Route)
            yield above + route.path, route


ROUTES = list(offered(console_routes(SampleDesk(), ORIGIN)))
PAGES = [(path, route) for path, route in ROUTES if isinstance(route, Page)]
FILLED = {
    "name": "gold_lately", "action": "help_after_refund",
    "customer": ALICE, "evidence": "evd0001", "agreement": f"agr_{0:026}", "export": f"exp_{1:026}", "request": "x",
    "refusal": "rej0001", "destination": "table", "source": "web", "operator": f"opr_{0:026}", "token": f"tok_{0:026}",
}  # fmt: skip


def test_every_route_of_the_console_names_what_it_is_part_of_or_needs_no_session():
    unruled = {path for path, route in ROUTES if not isinstance(route, Page)}
    assert unruled == OPEN
    assert {route.rule.duty for _, route in PAGES} == set(DUTIES)
    assert {duty for _, rows in TABS for *_, duty in rows} <= set(DUTIES)


def test_what_cannot_be_taken_back_needs_a_fresh_proof():
    fresh = {path for path, route in PAGES if route.rule.fresh}
    assert fresh >= {
        "/console/promise/declare", "/console/sources/{source}/key", "/console/evidence/{evidence}/retract",
        "/console/operators", "/console/operators/{operator}", "/console/operators/{operator}/invite",
        "/console/tokens", "/console/tokens/{token}/rotate", "/console/passkeys/make", "/console/destinations",
        "/console/destinations/{destination}", "/console/destinations/{destination}/secret",
    }  # fmt: skip


def test_who_does_what_matters_is_in_the_audit_log():
    noted = {path for path, route in PAGES if route.rule.noted}
    assert noted >= {
        "/console/promise/declare", "/console/exports", "/console/requests/{request}",
        "/console/evidence/{evidence}/retract", "/console/evidence/{evidence}/link", "/console/sources/{source}/key",
    }  # fmt: skip


def test_the_table_says_what_was_meant():
    assert MAY["owner"] == set(DUTIES)
    assert {"customers", "evidence", "exports", "sources", "requests"}.isdisjoint(MAY["auditor"])
    assert {"customers", "evidence", "operators", "tokens"}.isdisjoint(MAY["marketer"])
    # Who makes audiences sees how many are in; who is in is for those who see customers.
    assert "audiences" in MAY["marketer"] - MAY["agent"] - MAY["auditor"]
    # All see what can be done; who answers for it changes it; what it says to somebody is for who sees customers.
    assert all("actions" in MAY[role] for role in ROLES)
    assert "catalogue" in MAY["marketer"] - MAY["agent"] - MAY["auditor"]
    rules = {path: route.rule for path, route in PAGES}
    assert rules["/console/audiences/{name}"].duty == "audiences"
    assert rules["/console/decide"].duty == rules["/console/actions/{action}/preview"].duty == "customers"
    changing = [(path, route) for path, route in PAGES if "POST" in (route.methods or ())]
    duties = {route.rule.duty for path, route in changing if path.startswith("/console/actions")}
    assert duties == {"catalogue"}
    assert {rules[f"/console/audiences/{{name}}/{what}"].duty for what in ("people", "moves", "why")} == {"customers"}
    assert {"promise", "exports", "destinations", "operators", "tokens", "audit", "evidence"}.isdisjoint(MAY["agent"])
    assert not any(may(nobody, duty) for nobody in ("", "root", "OWNER") for duty in DUTIES)


@pytest.fixture(scope="module")
def desk() -> Iterator[StaffedDesk]:
    desk = StaffedDesk()
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def workers(desk: StaffedDesk) -> dict[str, Worker]:
    found = {role: Worker(desk) for role in ROLES}
    for role, worker in found.items():
        worker.invited(role)
    return found


def filled(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, path
    return path


def asked(worker: Worker, path: str, route: Page) -> Any:
    if "POST" not in (route.methods or ()):
        return worker.get(filled(path))
    return worker.post(filled(path), {"Accept": "text/html"})


LEFT = {"/console/live/news", "/console/leave"}
"""A stream has no end, and who leaves comes in again: tried below."""


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_its_table_says_and_nothing_else(workers: dict[str, Worker], role: str) -> None:
    for path, route in PAGES:
        if path in LEFT and may(role, route.rule.duty):
            continue
        answer = asked(workers[role], path, route)
        refused = answer.status_code == 403 and "This is for the role" in answer.text
        assert refused != may(role, route.rule.duty), (path, answer.status_code)
        if refused:
            for name in roles_with(route.rule.duty):
                assert name in answer.text
            assert f"signed in as {role}" in answer.text
            assert "Ada" not in answer.text


def test_a_refused_change_changes_nothing_and_is_noted(desk: StaffedDesk, workers: dict[str, Worker]) -> None:
    before = [(one.handle, one.role) for one in desk.operators.of(None)]
    for role in ("marketer", "agent", "auditor"):
        assert workers[role].post("/console/operators", name="Eve", role="owner").status_code == 403
        assert workers[role].post("/console/tokens", **{"scope.operator": "yes", "days": "7"}).status_code == 403
        newest = desk.audited()[0]
        assert (newest.what, newest.failed) == ("tokens", "forbidden")
        assert newest.who.startswith("opr_")
    assert [(one.handle, one.role) for one in desk.operators.of(None)] == before


def test_everybody_s_first_page_is_one_they_may_see_and_their_tabs_lead_nowhere_else(
    workers: dict[str, Worker],
) -> None:
    for role, worker in workers.items():
        home = worker.get("/console/").headers["location"]
        page = worker.get(home)
        assert page.status_code == 200, role
        tabs = page.text.partition('aria-label="Console"')[2].partition("</nav>")[0]
        for title, rows in TABS:
            there = any(may(role, duty) for *_, duty in rows)
            assert (f">{title}</a>" in tabs) == there, (role, title)


def test_another_role_holds_at_once_and_who_is_removed_is_out_at_once(desk: StaffedDesk) -> None:
    owner, worker = Worker(desk), Worker(desk)
    owner.invited("owner")
    handle = worker.invited("auditor", "Sam Elm")
    assert worker.get("/console/customers").status_code == 403
    changed = owner.post(f"/console/operators/{handle}", name="Sam Elm", role="agent")
    assert changed.status_code == 303
    assert worker.get("/console/customers").status_code == 200
    assert worker.get("/console/uses").status_code == 403
    assert owner.post(f"/console/operators/{handle}/remove").status_code == 303
    assert worker.get("/console/customers").headers["location"] == "/console/start"
    assert worker.sign_in().status_code == 401
    told = [(row.what, row.about) for row in desk.audited()][:20]
    assert ("made an operator agent, who was auditor", handle) in told
    assert ("removed an operator, who was agent", handle) in told


def test_nobody_touches_another_organization_s_operators_or_tokens() -> None:
    desk = StaffedDesk()
    owner = Worker(desk)
    owner.invited("owner")
    theirs = desk.operators.add("Jo Oak", "corner", "agent", "command line")
    everywhere = desk.operators.add("Kit Yew", None, "agent", "command line")
    token = desk.ledger.mint_token("corner", ["read"])
    (row,) = asyncio.run(desk.staff.tokens(asyncio.run(_session(desk, "corner"))))
    for handle in (theirs.handle, everywhere.handle, f"opr_{9:026}", "x"):
        for path in ("", "/invite", "/remove"):
            fields = {"name": "Eve", "role": "owner"}
            assert owner.post(f"/console/operators/{handle}{path}", **fields).status_code == 404, (handle, path)
    for path in ("rotate", "revoke"):
        assert owner.post(f"/console/tokens/{row.handle}/{path}").status_code == 404
    page = owner.get("/console/operators").text
    assert "Jo Oak" not in page
    assert row.handle not in owner.get("/console/tokens").text
    assert "corner" not in owner.get("/console/audit").text
    assert token
    desk.close()


async def _session(desk: StaffedDesk, org: str) -> Any:
    token = desk.ledger.redeem_link(desk.ledger.mint_link(org))
    assert token is not None
    return await desk.session(token)


def test_somebody_is_always_owner() -> None:
    desk = StaffedDesk()
    owner = Worker(desk)
    handle = owner.invited("owner")
    for path, fields in (("", {"role": "agent"}), ("/remove", {})):
        refused = owner.post(f"/console/operators/{handle}{path}", name="Zoe Ash", **fields)
        assert (refused.status_code, "last owner" in refused.text) == (409, True)
    desk.close()


# -- no sequence of changes


SAMPLED: tuple[tuple[str, Duty], ...] = (
    ("customers", "customers"), ("promise", "promise"), ("uses", "uses"), ("operators", "operators"),
    ("audit", "audit"), ("exports", "exports"), ("sources", "sources"), ("tokens", "tokens"),
)  # fmt: skip


class Roles(RuleBasedStateMachine):
    """Operators come, change and go, by owners' hands and by others' tries; what each may is what the table says."""

    workers: Bundle[tuple[str, Worker]] = Bundle("workers")

    def __init__(self) -> None:
        super().__init__()
        self.desk = StaffedDesk()
        self.desk.signin.limit._most = 10_000  # type: ignore[attr-defined]  # the tries of a minute are tried elsewhere
        self.turns = 0
        self.first = Worker(self.desk)
        self.known: dict[str, str | None] = {self.first.invited("owner"): "owner"}
        self.people = [(next(iter(self.known)), self.first)]

    def teardown(self) -> None:
        self.desk.close()

    @rule(target=workers, role=st.sampled_from(ROLES))
    def come(self, role: str) -> tuple[str, Worker]:
        worker = Worker(self.desk)
        handle = worker.invited(role)
        self.known[handle] = role
        self.people.append((handle, worker))
        return handle, worker

    @rule(by=workers, whom=workers, role=st.sampled_from([*ROLES, "root", ""]))
    def change(self, by: tuple[str, Worker], whom: tuple[str, Worker], role: str) -> None:
        answer = by[1].post(f"/console/operators/{whom[0]}", name="Zoe", role=role)
        allowed = self.known[by[0]] == "owner" and self.known[whom[0]] is not None and role in ROLES
        last = [who for who, its in self.known.items() if its == "owner"] == [whom[0]]
        if allowed and not (last and role != "owner"):
            assert answer.status_code == 303
            self.known[whom[0]] = role
        else:
            assert answer.status_code in (400, 403, 404, 409) or answer.headers["location"] == "/console/start"

    @rule(by=workers, whom=workers)
    def remove(self, by: tuple[str, Worker], whom: tuple[str, Worker]) -> None:
        answer = by[1].post(f"/console/operators/{whom[0]}/remove")
        last = [who for who, its in self.known.items() if its == "owner"] == [whom[0]]
        if self.known[by[0]] == "owner" and self.known[whom[0]] is not None and not last:
            assert answer.status_code == 303
            self.known[whom[0]] = None
        else:
            assert answer.status_code in (403, 404, 409) or answer.headers["location"] == "/console/start"

    @rule(who=workers)
    def come_again(self, who: tuple[str, Worker]) -> None:
        assert (who[1].sign_in().status_code == 200) == (self.known[who[0]] is not None)

    @rule(who=workers)
    def show_again(self, who: tuple[str, Worker]) -> None:
        assert (who[1].again().status_code == 200) == (self.known[who[0]] is not None)

    @rule(who=consumes(workers))
    def leave(self, who: tuple[str, Worker]) -> None:
        who[1].post("/console/leave")
        assert who[1].get("/console/passkeys").headers["location"] == "/console/start"
        self.people = [one for one in self.people if one[0] != who[0]]

    @invariant()
    def everybody_may_what_their_role_may(self) -> None:
        self.turns += 1
        for number, (handle, worker) in enumerate(self.people):
            role = self.known[handle]
            path, duty = SAMPLED[(self.turns + number) % len(SAMPLED)]
            status = worker.get(f"/console/{path}").status_code
            assert status == (303 if role is None else 200 if may(role, duty) else 403), (path, role)


Roles.TestCase.settings = settings(max_examples=sample(50).max_examples // 10, stateful_step_count=10)
test_no_sequence_of_changes_lets_a_role_do_what_its_table_forbids = Roles.TestCase
