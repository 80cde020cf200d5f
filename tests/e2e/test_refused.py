"""Refused is unknown: whatever an organization asks, and however it asks, both answer alike (design §3, rule 8)."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from rapport.kernel.vocabulary import PURPOSES
from tests.e2e.api import PARTS, bearer, path_of, seen
from tests.e2e.refusing import Cast, browser, cast, email_of, unmarked
from tests.e2e.running import Answer, http

UNKNOWN = ("user_id:nobody", "email:nobody@example.com", "cus_nobody", "user_id:rivals-own", "shoe_size:43")
QUERIES = ("", "&limit=1", "&cursor=forged")
TOGETHER = 8

Asked = TypeVar("Asked")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with cast(tmp_path_factory.mktemp("refusing")) as here:
        yield here


def names_of(home: Cast, name: str) -> list[str]:
    return [f"user_id:{name}", f"email:{email_of(name)}", home.handles[name]]


def get(home: Cast, path: str, method: str = "GET") -> Answer:
    return http(method, home.node.url + path, headers=bearer(home.acme.api_token))


def post(home: Cast, customer: str, purpose: str) -> Answer:
    return home.acme.operate("/v1/customers/view", {"id": customer, "purpose": purpose})


def answers(ask: Callable[[Asked], Answer], asked: Iterable[Asked]) -> list[tuple[Any, ...]]:
    """What is seen of the answers, several asked for at a time: each comes as late as any that is refused."""
    with ThreadPoolExecutor(TOGETHER) as crowd:
        return list(crowd.map(lambda one: seen(ask(one)), asked))


def test_those_who_may_be_read_are_not_refused(home: Cast) -> None:
    """The sentinel of the tests below: the ways they ask do find somebody."""
    for customer in names_of(home, "plain"):
        assert post(home, customer, "service").status == 200
        for part in PARTS:
            assert get(home, path_of(customer, part)).status == 200


@pytest.mark.parametrize("part", PARTS)
def test_refused_and_unknown_answer_alike_in_every_part(home: Cast, part: str) -> None:
    everybody = (*UNKNOWN, *(named for name in home.refused for named in names_of(home, name)))
    asked = [(customer, query) for customer in everybody for query in QUERIES]
    given = answers(lambda one: get(home, path_of(one[0], part, f"purpose=service{one[1]}")), asked)
    said: dict[tuple[Any, ...], list[str]] = {}
    for (customer, _), answer in zip(asked, given, strict=True):
        said.setdefault(answer, []).append(customer)
    assert len(said) == 1, said
    assert next(iter(said))[0] == 404


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_cursor_from_better_days_tells_nothing(home: Cast, part: str) -> None:
    asked = [
        path_of(customer, part, f"purpose=service&cursor={quote(cursor)}")
        for cursor in home.cursors.values()
        for customer in ("user_id:nobody", *(f"user_id:{name}" for name in home.refused))
    ]
    assert len(set(answers(lambda path: get(home, path), asked))) == 1


@pytest.mark.parametrize("purpose", [*PURPOSES, "dpv:DeliveryOfGoods", "dpv:SellDataToThirdParties", "curiosity"])
def test_refused_and_unknown_answer_alike_for_every_purpose(home: Cast, purpose: str) -> None:
    customers = [*UNKNOWN, *(f"user_id:{name}" for name in home.refused)]
    if purpose not in ("service", "dpv:DeliveryOfGoods"):
        customers.append("user_id:plain")
    assert len(set(answers(lambda one: post(home, one, purpose), customers))) == 1
    paths = [path_of(customer, "view", f"purpose={quote(purpose)}") for customer in customers]
    assert len(set(answers(lambda path: get(home, path), paths))) == 1


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "POST"])
def test_refused_and_unknown_answer_alike_to_every_method(home: Cast, method: str) -> None:
    for part in (*PARTS, "secrets", ""):
        customers = ("user_id:nobody", *(f"user_id:{name}" for name in home.refused))
        paths = [path_of(customer, part) for customer in customers]
        assert len(set(answers(lambda path: get(home, path, method), paths))) == 1, part


def test_what_is_asked_wrongly_is_told_alike(home: Cast) -> None:
    for query in ("", "purpose=", "purpose=service&limit=0", "purpose=service&limit=501", "purpose=service&limit=x"):
        for part in PARTS:
            customers = ("user_id:nobody", *(f"user_id:{name}" for name in home.refused))
            paths = [path_of(customer, part, query) for customer in customers]
            assert len(set(answers(lambda path: get(home, path), paths))) == 1


def test_operators_cannot_tell_by_working_on_evidence(home: Cast) -> None:
    bodies: list[Any] = []
    for end in (*UNKNOWN[:3], *(named for name in home.refused for named in names_of(home, name))):
        bodies += [{"kind": "must_link", "a": end, "b": "user_id:plain"}]
        bodies += [{"kind": "cannot_link", "a": "user_id:plain", "b": end}]
    links = set(answers(lambda body: home.acme.operate("/v1/evidence", body), bodies))
    assert len(links) == 1, links
    plain = home.evidence["plain"]
    made_up = plain[:-8] + ("0" * 7) + plain[-1]
    theirs = [home.evidence[name] for name in home.refused]
    gone = answers(lambda one: home.acme.operate(f"/v1/evidence/{one}/retract", {}), [made_up, *theirs])
    assert len(set(gone)) == 1, gone


def test_the_consoles_pages_tell_nothing_apart(home: Cast) -> None:
    visitor = browser(home, home.acme)
    pages: dict[str, list[str]] = {}
    for customer in ("cus_nobody", *(home.handles[name] for name in home.refused)):
        for below in ("", "/events", "/events?cursor=forged", f"/events?cursor={quote(home.cursors['big'])}"):
            visitor.go(f"/console/customers/{customer}{below}")
            assert visitor.status == 404
            pages.setdefault(unmarked(visitor.page, customer), []).append(customer + below)
    assert len(pages) == 1, list(pages.values())
    previews = set()
    for name in home.refused:
        visitor.go(f"/console/evidence/{home.evidence[name]}")
        previews.add((visitor.status, unmarked(visitor.page, home.evidence[name])))
    assert previews == {(404, next(iter(pages)))}


def test_the_consoles_search_finds_none_of_them(home: Cast) -> None:
    visitor = browser(home, home.acme)
    pages: dict[str, list[str]] = {}
    for text in (
        *("user_id:nobody", "nobody@example.com", "email:nobody@example.com", "cus_nobody", "nobody", "Zebedee"),
        *(text for name in home.refused for text in (*names_of(home, name), email_of(name))),
        *home.refused,
    ):
        visitor.go(f"/console/customers?q={quote(text, safe='')}")
        pages.setdefault(unmarked(visitor.page, text), []).append(text)
    assert len(pages) == 1, list(pages.values())
    visitor.go("/console/customers")
    assert home.handles["plain"] in visitor.page
    assert not [name for name in home.refused if home.handles[name] in visitor.page]
    visitor.go("/console/customers?q=name")
    assert home.handles["plain"] in visitor.page
    assert not [name for name in home.refused if home.handles[name] in visitor.page]


def test_what_is_counted_for_anybody_does_not_tell_who_is_refused(home: Cast) -> None:
    before = http("GET", f"{home.node.url}/metrics").body.decode()
    for name in home.refused:
        assert name not in before
        assert home.handles[name] not in before
    assert "refused" not in before
    assert "locked" not in before


def test_the_companys_statement_counts_refused_and_unknown_alike(home: Cast) -> None:
    """However they are asked for, and wherever they would be listed."""
    visitor = browser(home, home.acme)
    told: dict[str, set[str]] = {}
    for name in ("nobody", *home.refused):
        grown = []
        for ask in (
            lambda name=name: get(home, f"/v1/customers/user_id:{name}/view?purpose=service"),
            lambda name=name: get(home, f"/v1/customers/user_id:{name}/events?purpose=service"),
            lambda name=name: visitor.go(f"/console/customers?q=user_id:{name}"),
            lambda name=name: visitor.go(f"/console/customers?q=Name+{name}"),
        ):
            before = statement(home)
            ask()
            after = statement(home)
            grown.append(after["nothing"] - before["nothing"])
            assert after["settled"] == before["settled"]
            assert after["promises"] == before["promises"]
        told.setdefault(str(grown), set()).add(name)
    assert list(told) == ["[1, 1, 0, 0]"], told


def statement(home: Cast) -> dict[str, Any]:
    """Less what changes by itself: uses of whoever may be seen."""
    found: dict[str, Any] = get(home, "/v1/statement").json
    return found
