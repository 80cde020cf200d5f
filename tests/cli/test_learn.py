"""`rapport learn recompute` and `rapport learn anew`, as they are typed."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from rapport.app.operator import Shred, erasure_entry
from rapport.cli import command_line
from rapport.kernel.errors import NotFound
from rapport.profile.erasure import Claim
from tests.app.desk import HELP, SELL, Desk
from tests.profile.house import ORG, House, at, told


class Typed:
    """A desk, and what is typed beside it."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.send(told(at("10:00"), type="identify", userId="ada", traits={"plan": "gold"}, messageId="1"))
        self.desk = Desk(house.settle(), HELP, SELL)

    def learn(self, *words: str) -> Result:
        line = ["learn", *words, "--org", ORG, "--data", str(self.house.directory)]
        done = CliRunner().invoke(command_line(["learn"]), line)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done


@pytest.fixture
def typed() -> Iterator[Typed]:
    with House() as house:
        typed = Typed(house)
        yield typed
        typed.desk.close()


def test_a_decision_is_recomputed_and_exits_by_what_comes_out(typed: Typed) -> None:
    made = typed.desk.decide()
    typed.desk.report(made, company_value=4)
    again = typed.desk.decide()
    done = typed.learn("recompute", again["decision"])
    assert (done.exit_code, f"{again['decision']}: the same comes out, bit for bit." in done.output) == (0, True)
    plain = json.loads(typed.learn("recompute", again["decision"], "--json").output)
    assert plain == {
        "decision": again["decision"],
        "status": "agrees",
        "said": "the same comes out, bit for bit",
        "learnt": 1,
        "action": again["action"],
        "propensity": again["propensity"],
        "agreement": {"estimates": True, "action": True, "propensity": True},
    }
    with pytest.raises(NotFound):
        typed.learn("recompute", "dec_nothing")
    words = ["learn", "recompute", again["decision"], "--org", ORG, "--data", str(typed.house.directory)]
    elsewhere = subprocess.run([sys.executable, "-m", "rapport.cli", *words], capture_output=True, check=False)
    assert (elsewhere.returncode, elsewhere.stderr) == (0, b"")
    typed.house.append(erasure_entry(Shred("per_ada", (Claim(ORG, "user_id", "ada"),), ())))
    typed.house.settle()
    gone = typed.learn("recompute", again["decision"], "--json")
    assert (gone.exit_code, json.loads(gone.output)["status"]) == (1, "erased")
    assert "the customer was erased" in typed.learn("recompute", again["decision"]).output


def test_learning_anew_tells_the_scales_it_begins_with(typed: Typed) -> None:
    typed.desk.report(typed.desk.decide(), company_value=4)
    done = json.loads(typed.learn("anew", "--json").output)
    assert done["since"] == 2
    assert done["scales"].keys() == {"customer", "company"}
    assert "learns anew after lesson 2" in typed.learn("anew").output
