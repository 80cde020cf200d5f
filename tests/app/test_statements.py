"""Statements on the command line, and their mirror for the company."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rapport.adapters.embedded.uses import UseBook
from rapport.app.terms_desk import HouseTermsDesk, Parts
from rapport.cli import command_line
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import now
from rapport.web.console.session import Session
from tests.profile.house import ORG, House, at_once, told
from tests.terms.test_benefits import Till

MAPPING = """
[[benefit]]
event = "Voucher Redeemed"
property = "value"
kind = "discount"
unit = "GBP"
"""


def run(till: House, *words: str) -> str:
    done = CliRunner().invoke(command_line(["person", "benefit", "org"]), [*words, "--data", str(till.directory)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_mapping_a_statement_and_settling(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    with Till() as till:
        file.write_text(MAPPING)
        assert "Voucher Redeemed" in run(till, "benefit", "map", ORG, str(file))
        person = till.people.add([f"{ORG}:user_id:ada"]).handle
        sums = [{"amount": "5.00", "unit": "GBP"}]
        assert json.loads(run(till, "person", "statement", person, "--json"))["settled"]["customer"] == sums
        assert json.loads(run(till, "benefit", "settle", ORG, "--json"))["settled"] == 1
        assert "0 benefits" in run(till, "benefit", "settle", ORG)
        statement = json.loads(run(till, "person", "statement", person, "--json"))
        assert statement["settled"]["customer"] == sums
        assert {"uses", "refusals", "settled", "estimated", "changes"} <= statement.keys()
        assert "settled: you got 5.00 GBP" in run(till, "person", "statement", person)


@pytest.mark.parametrize("text", ["[[benefit]", '[[benefit]]\nevent = "X"', MAPPING.replace("GBP", "pounds"), "\xff"])
def test_what_is_no_mapping_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "map.toml"
    file.write_bytes(text.encode("latin-1"))
    with Till() as till, pytest.raises(BadInput):
        run(till, "benefit", "map", ORG, str(file))


def test_nobody_and_no_organization_are_said(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    with Till() as till:
        for words in (
            ("benefit", "map", "nobody", str(tmp_path / "map.toml")),
            ("benefit", "settle", "nobody"),
            ("person", "statement", "per_nobody"),
        ):
            with pytest.raises(NotFound):
                run(till, *words)


def test_the_company_reads_what_its_uses_gave() -> None:
    with Till() as till:
        event = told(now(), type="track", userId="ada", messageId="9", event="Order Completed")
        till.send(event, source="crm", received_at=now())
        House.settle(till)
        till.report(evidence="9", amount="2.50")
        till.report(evidence="9", side="company", kind="saving", amount="-0.25")
        parts = Parts(None, None, None, UseBook(till.ledger), None, till.book.file)  # type: ignore[arg-type]
        uses = at_once(HouseTermsDesk(parts).uses(Session("s", ORG, "operator", "service"), None))
        assert uses.gave == {
            "customer": [{"amount": "2.50", "unit": "GBP"}],
            "company": [{"amount": "-0.25", "unit": "GBP"}],
        }


ESTIMATE = """
[[estimate]]
side = "customer"
group = "people who got offers"
effect = "-0.40"
low = "-0.70"
high = "0.10"
unit = "GBP"
n = 1200
method = "holdout"
date = 2026-01-31
"""


def test_an_estimate_is_told_to_people_and_to_the_company(tmp_path: Path) -> None:
    file = tmp_path / "estimates.toml"
    file.write_text(ESTIMATE)
    with Till() as till:
        person = till.people.add([f"{ORG}:user_id:ada"]).handle
        assert "not yet known" in run(till, "person", "statement", person)
        assert "-0.40 GBP [-0.70, 0.10]" in run(till, "benefit", "estimate", ORG, str(file))
        (kept,) = json.loads(run(till, "benefit", "estimate", ORG, str(file), "--json"))["estimates"]
        assert (kept["effect"], kept["n"]) == ("-0.40", 1200)
        lines = run(till, "person", "statement", person)
        assert "people like you got -0.40 GBP [-0.70, 0.10] each" in lines
        assert "against people picked by lot who were left alone" in lines
        company = json.loads(run(till, "org", "statement", ORG, "--json"))
        assert [one["effect"] for one in company["estimated"]["customer"]] == ["-0.40"]
        assert company["settled"]["customer"] == []


@pytest.mark.parametrize("text", ["", "[[estimate]", ESTIMATE.replace("1200", "12"), "\xff"])
def test_what_is_no_estimate_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "estimates.toml"
    file.write_bytes(text.encode("latin-1"))
    with Till() as till:
        with pytest.raises(BadInput):
            run(till, "benefit", "estimate", ORG, str(file))
        with pytest.raises(BadInput):
            run(till, "benefit", "estimate", ORG, str(tmp_path / "nothing"))


def test_the_companys_statement_is_told_in_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    with Till() as till:
        run(till, "benefit", "map", ORG, str(tmp_path / "map.toml"))
        run(till, "benefit", "settle", ORG)
        told_ = run(till, "org", "statement", ORG, "--month", "2026-03")
        assert "customers got 5.00 GBP" in told_
        assert "we got nothing" in told_
        assert "fewer than 20 people" in told_
        this = json.loads(run(till, "org", "statement", ORG, "--json"))
        assert this["uses"] == [{"purpose": "service", "why": "to serve you", "count": 1}], "of looking for vouchers"
        assert this["nothing"] == 0
        for words in (("org", "statement", "nobody"), ("org", "statement", ORG, "--month", "2026-13")):
            with pytest.raises((BadInput, NotFound)):
                run(till, *words)
