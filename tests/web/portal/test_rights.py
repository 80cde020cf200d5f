"""The pages about a person's rights: each says first what it would do, and does it by a form of its own."""

import asyncio
import csv
import errno
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from html import unescape

import pytest

from rapport.adapters.embedded.demands import DemandFile
from rapport.app import rights
from rapport.app.exporting import open_exporter
from rapport.kernel import verify
from rapport.terms import Declaration, Promise
from rapport.terms.rights import MAX_WORDS
from tests.profile.house import ORG
from tests.web.portal.person import Home, Person


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as house:
        yield house


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


def requests(person: Person) -> list[dict]:  # type: ignore[type-arg]
    listed: list[dict] = person.json("/me/rights")["requests"]  # type: ignore[type-arg]
    return listed


def test_before_anything_was_asked_the_page_says_what_can_be(ada: Person) -> None:
    page = ada.get("/me/rights").text
    for word in ("Take it all with me", "Stop a use", "Have a person look", "Erase everything", "Nothing yet"):
        assert word in page


def test_stopping_a_use_says_first_what_would_change(home: Home, ada: Person) -> None:
    assert home.reads("service")
    page = ada.get(f"/me/rights/stop?org={ORG}&purpose=service").text
    assert "Nothing has changed yet" in page
    assert "may no longer use" in page
    assert home.reads("service")
    assert requests(ada) == []
    assert ada.post("/me/rights/stop", org=ORG, purpose="service").status_code == 303
    assert not home.reads("service")
    (done,) = requests(ada)
    assert (done["right"], done["status"]) == ("objection", "done")
    assert done["took"]
    assert "would change" in ada.get(f"/me/rights/stop?org={ORG}&purpose=service").text
    assert "You stopped use" in ada.get("/me/asked").text


@pytest.mark.parametrize(
    ("org", "purpose", "status"),
    [("nobody", "service", 404), ("corner", "service", 404), (ORG, "world domination", 400), ("", "", 404)],
)
def test_what_cannot_be_stopped_is_said_and_changes_nothing(ada: Person, org: str, purpose: str, status: int) -> None:
    assert ada.get(f"/me/rights/stop?org={org}&purpose={purpose}").status_code == status
    assert ada.post("/me/rights/stop", org=org, purpose=purpose).status_code == status
    assert requests(ada) == []


def test_a_look_by_a_human_is_asked_for_from_the_use_itself_and_can_be_taken_back(home: Home, ada: Person) -> None:
    home.reads("service")
    receipt = next(look["id"] for look in ada.json("/me/asked")["rows"] if look["given"] and not look["own"])
    assert f"/me/rights/review?receipt={receipt}" in ada.get("/me/asked").text
    assert "will read this" in ada.get(f"/me/rights/review?receipt={receipt}").text
    assert ada.post("/me/rights/review", receipt=receipt, words="<b>Why?</b>").status_code == 303
    page = ada.get("/me/rights").text
    assert "&lt;b&gt;Why?&lt;/b&gt;" in page
    (waiting,) = requests(ada)
    assert (waiting["right"], waiting["status"], waiting["name"]) == ("review", "open", ORG)
    bo = Person(home, [f"{ORG}:user_id:bo"])
    assert bo.post("/me/rights/withdraw", request=waiting["id"]).status_code == 404
    assert ada.post("/me/rights/withdraw", request=waiting["id"]).status_code == 303
    assert requests(ada)[0]["status"] == "withdrawn"


def test_nobody_has_another_s_use_looked_at(home: Home, ada: Person) -> None:
    home.reads("service")
    receipt = next(look["id"] for look in ada.json("/me/asked")["rows"] if look["given"] and not look["own"])
    bo = Person(home, [f"{ORG}:user_id:bo"])
    assert bo.get(f"/me/rights/review?receipt={receipt}").status_code == 404
    assert bo.post("/me/rights/review", receipt=receipt, words="").status_code == 404
    long = ada.post("/me/rights/review", receipt=receipt, words="x" * (MAX_WORDS + 1))
    assert long.status_code == 400
    assert ada.json("/me/rights")["requests"] == []


def test_everything_is_taken_along_as_one_archive(home: Home, ada: Person) -> None:
    for form in ("json", "csv", "parquet", "jsonld"):
        answer = ada.get(f"/me/export?format={form}")
        assert answer.headers["content-type"] == "application/zip"
        files = zipfile.ZipFile(io.BytesIO(answer.content))
        assert all(name.startswith("my-data/") for name in files.namelist())
    rows = list(csv.DictReader(io.StringIO(_of(ada, "csv", "events"))))
    assert sorted(row["type"] for row in rows) == ["identify", "track"]
    assert {one["trait"] for one in json.loads(_of(ada, "json", "traits"))} == {"email", "name", "birthday"}
    assert "guesswork" not in _of(ada, "json", "traits")
    assert ada.get("/me/export?format=exe").status_code == 400
    assert {one["right"] for one in requests(ada)} == {"access"}
    assert list((home.directory / "copies").iterdir()) == []


@pytest.mark.parametrize("part", ["bytes=-0", "bytes=x", "bytes=99999999999-", "bytes=0-0", "pages=1", "bytes=3-1,5-"])
def test_a_copy_is_sent_whole_and_left_nowhere_whatever_part_of_it_is_asked_for(
    home: Home, ada: Person, part: str
) -> None:
    answer = ada.get("/me/export", range=part)
    assert answer.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    assert list((home.directory / "copies").iterdir()) == []


def test_a_copy_whose_reader_goes_away_is_left_nowhere(
    home: Home, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        raise OSError("the reader is gone")

    monkeypatch.setattr("starlette.responses.FileResponse._handle_simple", gone)
    with pytest.raises(OSError, match="the reader is gone"):
        ada.get("/me/export")
    assert list((home.directory / "copies").iterdir()) == []


def test_a_copy_that_finds_no_room_leaves_no_part_of_itself(
    home: Home, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.write", full)
    answer = ada.get("/me/export")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert list((home.directory / "copies").iterdir()) == []


def test_an_erasure_takes_what_a_kill_left_of_a_copy(home: Home, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    bo = Person(home, [f"{ORG}:user_id:bo"])
    with monkeypatch.context() as killed:
        killed.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        for person in (ada, bo):
            assert person.get("/me/export").status_code == 200
    place = home.directory / "copies"
    assert len(list(place.iterdir())) == 2
    (place / f"{ada.person}-tables").mkdir()
    home.worker.close()
    rights.shred_person(home.settings, ada.person)
    home.restart()
    assert [path.name.partition("-")[0] for path in place.iterdir()] == [bo.person]


def _of(person: Person, form: str, table: str) -> str:
    archive = zipfile.ZipFile(io.BytesIO(person.get(f"/me/export?format={form}").content))
    return archive.read(f"my-data/{table}.{form}").decode()


def test_who_was_given_an_export_is_named_when_it_is_asked_to_delete(home: Home, ada: Person) -> None:
    promise = Promise("contract", retention_days=30, recipients=("Parcels", "Mailers"))
    home.declare(Declaration(name="Shop & Sons", purposes={"service": promise}))
    exporter = open_exporter(home.settings, ORG)
    file = home.directory / "out.parquet"
    asyncio.run(exporter.export(ORG, "service", file, recipients=("Parcels", "Mailers")))
    DemandFile(home.ledger).set_recipient(ORG, "Parcels", "https://parcels.example/")
    home.worker.close()  # the page's thread is the worker now
    page = unescape(ada.post("/me/erase", word="erase").text)
    home.restart()
    day = r"\d+ \w{3} \d{4}"
    assert re.search(f"Parcels, which Shop & Sons gave a file on {day}: to be done and confirmed by {day}", page)
    assert "Mailers, which Shop & Sons" in page
    assert "has yet to say where it takes such demands" in page


def test_erasing_says_first_what_would_go_and_needs_a_typed_word(
    home: Home, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ada.get("/me/erase").text
    assert "Nothing has been erased yet" in page
    assert f"<h2><bdi>{ORG}</bdi></h2>" in page
    assert ada.post("/me/erase", word="yes please").status_code == 400
    assert home.reads("service")
    home.worker.close()  # the page's thread is the worker now
    done = ada.post("/me/erase", word=" Erase ")
    home.restart()
    assert done.status_code == 200
    assert "1 record and 2 events are gone" in done.text
    proof = done.text.partition("/me/erased/")[2].partition('"')[0]
    bundle = json.loads(ada.get(f"/me/erased/{proof}").content)
    assert verify.verify(bundle)["ok"]
    assert bundle["receipts"][-1]["receipt"]["action"] == "your erasure"
    assert ada.get(f"/me/erased/{proof}x").status_code == 404
    later = time.monotonic() + 11 * 60  # it is not there for ever
    with monkeypatch.context() as patched:
        patched.setattr("rapport.app.portal_rights.time.monotonic", lambda: later)
        assert ada.get(f"/me/erased/{proof}").status_code == 404
    assert ada.get("/me/rights").headers["location"] == "/signin"
    assert not home.reads("service")


def test_no_right_is_used_by_a_form_from_elsewhere(home: Home, ada: Person) -> None:
    for path, fields in (
        ("/me/rights/stop", {"org": ORG, "purpose": "service"}),
        ("/me/erase", {"word": "erase"}),
        ("/me/rights/withdraw", {"request": "rrq_x"}),
    ):
        assert ada.post(path, {"Origin": "http://elsewhere.test"}, **fields).status_code == 403
    assert home.reads("service")
