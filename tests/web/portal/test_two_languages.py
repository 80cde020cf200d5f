"""Every page of a person's, in a language that says nothing: what the catalog knows stands in brackets there, so that
whatever stands outside of them, and is no datum, is a word that no German ever replaces."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Mount

from rapport.adapters.embedded.claims import Claims
from rapport.adapters.embedded.sqlite import transaction
from rapport.terms import Declaration, Promise
from rapport.terms.clauses import Clause, Criterion
from rapport.terms.declaration import Benefit
from rapport.terms.policy import Unmet
from rapport.terms.promise_changes import changes
from rapport.terms.sentences import clause_sentence, unmet_words
from rapport.web import language, retelling
from rapport.web.language import CATALOGS, Catalog
from rapport.web.portal import portal_routes
from rapport.web.portal.reach import mark
from tests.profile.house import ORG
from tests.terms.strategies import a_clause, a_criterion, a_promise, drawn
from tests.web import msgids
from tests.web.portal.person import ORIGIN, Home, Person

NAMES = {"English", "Deutsch", "Bracketed", "JavaScript", "Shop", "Sons", "corner", ORG, "crm", "Ada", "UTC", "JSON"}
"""What no language has other words for: those of companies, sources, people and things."""
DATA = {"bdi", "code", "script", "style", "textarea"}
"""Elements that hold what somebody said, or what machines read."""
HEARD = {"placeholder", "title", "alt", "aria-label", "data-failed", "data-cannot"}
SPOKEN = "xx"


class Brackets(Catalog):
    """Says `⟦Your name⟧` for what the German catalog says anything for."""

    def __init__(self, german: Catalog) -> None:
        super().__init__(())
        self.said = {one: tuple(f"⟦{one}⟧" for _ in said) for one, said in german.said.items()}
        self.written = [one._replace(said=(f"⟦{one.one}⟧",)) for one in german.written]

    def many(self, one: str, many: str, count: int) -> str:
        return f"⟦{one if count == 1 else many}⟧" if one in self.said else (one if count == 1 else many)


class Words(HTMLParser):
    """What of a page is read or heard, without data."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts += [f" {value} " for name, value in attrs if name in HEARD and value]
        if tag in DATA:
            self._inside.append(tag)
        elif tag not in {"span", "strong", "a", "time", "em"}:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.parts.append(data)


def left(page: str) -> set[str]:
    """Words of a page that stand in no brackets."""
    words = Words()
    words.feed(page)
    text, before = "".join(words.parts), ""
    while text != before:
        text, before = re.sub(r"⟦[^⟦⟧]*⟧", " ", text), text
    return {word for word in re.findall(r"[A-Za-z][A-Za-z’'-]*", text) if word not in NAMES}


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    made = Home()
    with made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def brackets() -> Iterator[None]:
    CATALOGS[SPOKEN] = Brackets(CATALOGS["de"])
    language.NAMES[SPOKEN] = "Bracketed"
    yield
    del CATALOGS[SPOKEN], language.NAMES[SPOKEN]


@pytest.fixture(scope="module")
def ada(home: Home) -> Person:
    """Somebody to whom all happened that pages tell of, in a house that speaks in brackets."""
    person = Person(home, (f"{ORG}:user_id:ada", "corner:user_id:a1"))
    lived(home, person)
    person.cookies[language.COOKIE] = SPOKEN
    return person


_AT_SHOP = {f"at:{ORG}": "yes"}


def lived(home: Home, person: Person) -> None:
    promise = Promise(
        "legitimate_interest",
        ("name", "purchases"),
        retention_days=90,
        recipients=("Parcels",),
        onward=False,
        benefits=(Benefit("discount", 10, "%"),),
    )
    law = Promise("legal_obligation", ("purchases",), retention_days=3650, law="HGB 257")
    home.declare(Declaration(name="Shop & Sons", purposes={"service": promise, "analytics": law}))
    for preset in ("balanced", "open", "alone", "balanced"):
        person.post("/me/terms/change", way="preset", value=preset)
    person.post("/me/terms/change", way="out", value="fair-offers")
    person.post("/me/terms/change", way="hide", value=f"{ORG}:name")
    for purpose in ("service", "advertising", "offers"):
        home.reads(purpose)
    home.declare(Declaration(name="Shop & Sons", purposes={"service": promise, "offers": promise}))
    person.post("/me/lock", org=ORG, lock="yes")
    home.reads()
    person.post("/me/lock", org=ORG, lock="no")
    person.post("/me/terms/tell", tell="yes")
    person.post("/me/goals", words="Spend less", kind="spend", amount="40", currency="EUR", **_AT_SHOP)  # type: ignore[arg-type]  # fields
    person.post("/me/goals", words="Walk more", kind="visit", times="3", per="month", **_AT_SHOP)  # type: ignore[arg-type]  # fields
    person.post("/me/goals", words="Be kind", kind="words")
    for goal in person.json("/me/goals")["goals"][:2]:
        person.post("/me/goals", goal=goal["id"], step="tell", org=ORG)
    for org in ("", ORG):
        person.post("/me/reach", org=org, step="quiet", **{"from": "22:00", "until": "08:00", "zone": "Europe/Berlin"})
        person.post("/me/reach", org=org, step="lean", value="offer", leaning="-2")
        person.post("/me/reach", org=org, step="lean", value="thank", leaning="1")
        person.post("/me/reach", org=org, step="stop", value="ask")
        person.post("/me/reach", org=org, step="minute", minute="0.5")
        person.post("/me/reach", org=org, step="decline")
    person.post("/me/reach", step="alone", **{"for": "week"})
    person.post("/me/reach", org="corner", step="alone")
    person.post("/me/rights/stop", org=ORG, purpose="research")
    (receipt, *_) = [look["id"] for look in person.json("/me/asked")["rows"] if look["given"] and not look["own"]]
    person.post("/me/rights/review", receipt=receipt, words="Why?")
    claims = Claims(home.people)
    with transaction(home.people.db):
        claims.tell(home.people.person(person.person).id, "Another address was added to your account.")


_BACKS = (
    *('{"alone":false}', '{"quiet":"","zone":""}', '{"kind":"ask","leaning":0,"stopped":false}', '{"takes_part":true}'),
    *('{"minute":null}', '{"action":"x","stopped":true}'),
)


def pages(person: Person) -> Iterator[str]:
    looks = person.json("/me/asked")["rows"]
    used = next(look["id"] for look in looks if look["given"] and not look["own"])
    goal = person.json("/me/goals")["goals"][0]["id"]
    yield from (
        *("/me", "/me?done=locked", f"/me?done=unlocked&org={ORG}", "/me/lock", "/me/goals", "/me/goals?done=said"),
        *("/me/inbox", "/me/inbox?done=stop", "/me/inbox?before=1", "/me/reach", f"/me/reach?org={ORG}"),
        *(f"/me/reach?back={one}&by={mark(person.csrf, one)}" for one in _BACKS),
        *(f"/me/goals?done={step}&goal={goal}&org={ORG}" for step in ("tell", "untell")),
        *(f"/me/goals?done=pause&goal={goal}", "/me/known", f"/me/known/{ORG}", f"/me/known/{ORG}?done=corrected"),
        *("/me/known/corner", f"/me/known/{ORG}/correct?trait=name", "/me/known/nobody", "/me/terms"),
        *(
            "/me/terms?done=changed",
            "/me/terms/change?way=preset&value=open",
            "/me/terms/change?way=preset&value=default",
        ),
        *("/me/terms/change?way=out&value=serve-me", "/me/terms/change?way=back&value=fair-offers"),
        *(f"/me/terms/change?way=hide&value={ORG}:purchases", "/me/terms/change?way=apart&value=*"),
        *("/me/terms/change?way=what&value=x", "/me/devices", "/me/sessions", "/me/devices/pair", "/me/tap?code=x"),
        *("/me/contacts", "/me/contacts?done=verified", "/me/claim", "/me/claim?code=x", "/me/claim?done=joined"),
        *("/me/claim/join", "/me/again", "/me/asked", "/me/receipts", "/me/statement", "/me/statement?month=2020-02"),
        *("/me/statement?month=2020-2", "/me/agreements", "/me/rights", "/me/rights?done=asked", "/me/take"),
        *(f"/me/rights/stop?org={ORG}&purpose=offers", f"/me/rights/review?receipt={used}", "/me/export?format=x"),
        *("/me/erase", "/me/sharing", f"/me/sharing/{ORG}", "/me/open", "/me/open?code=x", "/me/nowhere"),
        *("/me/language", "/me/agreements/nothing", "/me/sign"),
    )


def test_no_word_of_any_page_goes_past_the_catalog(ada: Person) -> None:
    found = {}
    for path in pages(ada):
        answer = ada.get(path)
        assert answer.status_code < 500, path
        assert '<html lang="xx"' in answer.text, path
        if words := left(answer.text):
            found[path] = words
    assert found == {}


def test_what_forms_answer_does_not_either(ada: Person) -> None:
    told_wrong = {
        "/me/goals": {"kind": "spend", "words": "x", "amount": "no"},
        f"/me/known/{ORG}/correct": {"trait": "name", "value": ""},
        "/me/erase": {"word": "no"},
        "/me/devices/pair": {"code": "BCDF-GHJK"},
        "/me/contacts": {"address": "ada@example.com"},
        "/me/terms/change": {"way": "back", "value": "nothing"},
        "/me/rights/withdraw": {"request": "req_x"},
        "/me/claim/drop": {"claim": "x"},
        "/me/tap": {"code": "x"},
        "/me/open": {"code": "x"},
        "/me/devices/end": {"sign": "x"},
        "/me/devices/codes": {},
    }
    found = {}
    for path, fields in told_wrong.items():
        answer = ada.post(path, None, **fields)
        assert 200 <= answer.status_code < 500, path
        if answer.status_code != 303 and (words := left(answer.text)):
            found[path] = words
    assert found == {}


def test_a_word_that_went_past_it_would_be_found() -> None:
    assert left("<p>⟦You have ⟦two⟧ goals⟧ left</p>") == {"left"}
    assert left('<p aria-label="Months">⟦x⟧ <bdi>Ada said</bdi></p>') == {"Months"}


def test_every_page_there_is_is_walked(ada: Person) -> None:
    (area,) = [one for one in portal_routes(ada.home.desk(), ORIGIN) if isinstance(one, Mount)]
    walked = {f"/me/{path.partition('?')[0].removeprefix('/me').strip('/')}" for path in pages(ada)}
    not_pages = {"/me/export", "/me/manifest.webmanifest", "/me/erased/{token}", "/me/agreements/{agreement}"}
    not_pages.add("/me/inbox/live")
    for route in area.routes:
        path = f"/me{route.path}" if route.path != "/" else "/me/"  # type: ignore[attr-defined]  # routes have one
        methods = getattr(route, "methods", None) or set()
        if "GET" in methods and "{name}" not in path and path not in not_pages:
            pattern = re.sub(r"\{\w+\}", "[^/]+", path)
            assert any(re.fullmatch(pattern, one) for one in walked), path


# -- sentences that are made of parts


@given(drawn(lambda random: a_clause(random, 1)))
def test_any_clause_is_said_whole(clause: Clause) -> None:
    with language.speaking(SPOKEN):
        said = clause_sentence(clause, language.SPOKEN)
    assert left(said) <= names_of(clause), said


def names_of(clause: Clause) -> set[str]:
    """What in a clause are no words of the house: companies, values, places, units, terms of DPV."""
    some = [*clause.who, *clause.elsewhere.of, *clause.purposes, *clause.categories]
    for one in clause.when:
        some += [one.value, one.unit, *one.places]
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", " ".join(some)).replace("_", " ")
    words = re.findall("[A-Za-z][A-Za-z’'-]*", text.replace(":", " "))
    return {*words, *(word.lower() for word in words)}


@given(drawn(lambda random: (a_promise(random), a_promise(random), random.choice(["offers", "service", "fraud"]))))
def test_any_change_of_a_promise_is_told_again(drawn_: tuple[Promise, Promise, str]) -> None:
    """What companies changed was written down in English; companies, laws, places and amounts stay as they are."""
    old, new, purpose = drawn_
    for said in changes(Declaration("A", {purpose: old}), Declaration("A", {purpose: new})):
        with language.speaking(SPOKEN):
            told_again = retelling.retold(f"It {said}.")
        assert told_again.startswith("⟦It ⟦"), told_again
        assert f"⟦{purpose}⟧" in told_again or "⟦makes" in told_again, told_again


@given(drawn(a_criterion), st.booleans())
def test_whatever_kept_somebody_out_is_told_again(criterion: Criterion, known: bool) -> None:
    (said,) = unmet_words([Unmet("clause", criterion, known)])
    with language.speaking(SPOKEN):
        assert retelling.retold(said).startswith("⟦"), said


def test_every_error_and_every_note_is_told_again() -> None:
    source = msgids.SOURCE
    raising = [source / "web" / f"{name}.py" for name in ("forms", "door", "pages", "visit", "months")]
    raising += [*source.glob("web/portal/*.py"), *source.glob("web/signin/*.py"), *source.glob("signin/*.py")]
    raising += [*source.glob("app/portal_*.py"), *(source / "app" / f"{name}.py" for name in _APP)]
    raising += [source / "decide" / f"{name}.py" for name in ("person", "reach")]
    raising += [source / "terms" / f"{name}.py" for name in ("choosing", "objecting", "own", "own_word", "goals")]
    kept = [source / "adapters" / "embedded" / f"{name}.py" for name in _KEPT]
    noting = [*source.glob("app/*.py"), source / "terms" / "own.py", *kept]
    said = {text for path in (*raising, *kept) if path.stem != "contract" for text in msgids.raised(path)}
    said |= {text for path in noting if path.stem not in _NOT_THEIRS for text in msgids.noted(path)}
    assert len(said) > 100
    with language.speaking("de"):
        missing = {text for text in said if retelling.retold(text) == text}
    assert {text for text in missing if re.search("[a-z]{2}", text.replace("7", ""))} - _IN_PARTS == set()


_APP = ("proving", "presence", "recovering", "signing_in", "rights_desk", "correcting", "saying")
_KEPT = ("accounts", "claims", "contacts", "recovering", "rights", "goals", "devices", "people", "agreements")
_NOT_THEIRS = {"restoring", "console_signin", "recovering", "portal_proofs", "backup"}
"""What these tell goes to operators, or in letters, which are English."""
_IN_PARTS = {
    "7 asked 7 to erase what is yours there",
    "you 7 “7” at 7",
    "7 7, 7 after you asked",
    "you stopped 7 by 7; in force 7 after you asked",
}
"""Written in one with what stands in their places, which the pages above show."""


# -- which language


def test_software_is_answered_in_english_and_people_as_they_chose(ada: Person) -> None:
    told_so = ada.get("/me/terms", accept="application/json").json()
    assert "⟦" not in str(told_so)
    assert "Accept" in ada.get("/me/terms").headers["vary"]


def test_what_is_written_down_for_good_stays_english_whatever_its_person_reads(home: Home, ada: Person) -> None:
    ada.post("/me/terms/change", way="preset", value="open")
    home.reads("offers")
    home.reads()
    rows = home.ledger.db.execute("SELECT * FROM receipt").fetchall()
    notices = home.ledger.db.execute("SELECT * FROM account_news").fetchall()
    assert rows
    assert "⟦" not in f"{rows}{notices}"
    assert "⟦" not in str(ada.json("/me/receipts"))


def test_a_language_is_chosen_on_any_page_and_kept(home: Home) -> None:
    person = Person(home, ())
    assert '<html lang="en"' in person.get("/me").text
    assert '<html lang="de"' in person.get("/me", **{"accept-language": "de-DE, en;q=0.2"}).text
    answer = person.post("/me/language", language="de", back="/me/terms")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/terms")
    page = person.get("/me/terms", **{"accept-language": "en"})
    assert '<html lang="de"' in page.text
    assert {"Accept", "Accept-Language", "Cookie"} <= {one.strip() for one in page.headers["vary"].split(",")}
    assert "Meine Bedingungen" in page.text


@pytest.mark.parametrize("form", [{"language": "zz"}, {"language": ""}, {"back": "//evil.test"}])
def test_only_a_language_that_is_there_is_kept_and_nothing_leads_away(home: Home, form: dict[str, str]) -> None:
    person = Person(home, ())
    answer = person.post("/me/language", None, **form)
    assert answer.headers["location"] == "/me"
    assert "set-cookie" not in answer.headers
