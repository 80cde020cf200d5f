"""Schemathesis over the served description: nothing it thinks of breaks the node, or is answered otherwise than said.

It is run as its users run it, from the command line: `schemathesis run http://…/openapi.json`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rapport.web.api.openapi import collecting, declaring
from tests.app.agent_client import Signer
from tests.conftest import PROVE
from tests.e2e.api import House, house
from tests.e2e.running import run

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
SAMPLE = ("--seed", "2")  # small by its number of examples, so that the same is tried on a busy machine
FULL_S = 1_200
LIMIT_S = 240
DECLARING = ("--include-tag", declaring.TAG, "--phases", "examples,coverage,fuzzing")  # no links lead to others

CONFIGURATION = """
[auth.openapi]
api_token = {{ bearer = "{token}" }}
api_token_basic = {{ username = "{token}", password = "service" }}
agent_token = {{ bearer = "{agent}" }}
write_key = {{ username = "{key}", password = "" }}
write_key_bearer = {{ bearer = "{key}" }}

[dictionaries]
orgs = {{ values = ["acme"] }}
audiences = {{ values = ["gold", "everybody"] }}
actions = {{ values = ["thanks", "help"] }}
customers = {{ values = {customers} }}
evidence = {{ values = {evidence} }}

# Whom a schema cannot tell from nobody, a cursor from a forged one: such requests may be refused though well formed.
[[operations]]
include-tag = "Collection"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

[[operations]]
include-tag = "Collection: spellings of client libraries"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401"]

[[operations]]
include-path-regex = "^/v1/customers/.id./"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]
parameters = {{ "path.id" = {{ dictionary = "customers", probability = 0.6 }} }}

[[operations]]
include-tag = "Customers: Segment's Profile API"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]

[operations.parameters]
"path.id" = {{ dictionary = "customers", probability = 0.6 }}
"path.org" = {{ dictionary = "orgs", probability = 0.8 }}

# A day has only so many simulations, a declaration only so many bytes: both refusals are described.
[[operations]]
include-path = "/v1/declaration/simulate"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "503"]

[[operations]]
include-tag = "Declarations"
checks.positive_data_acceptance.expected-statuses = ["2xx", "304", "400", "404", "412"]
checks.negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "413", "415", "5xx"]

# A benefit has an amount or a band, each side has kinds of its own, and its evidence must be there.
[[operations]]
include-path = "/v1/benefits"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]

# What kind an identifier is of, and how its value is spelled, no schema tells.
[[operations]]
include-path = "/v1/claim-links"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

# An interval may lie anywhere else than the effect that it is of, and a day in the future.
[[operations]]
include-path = "/v1/benefits/estimates"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

# Promises name no recipients, and only so many exports wait: both refusals are described.
[[operations]]
include-tag = "Exports"
checks.ensure_resource_availability.enabled = false  # its metadata come once it is done
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "503"]
checks.negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "413", "415", "5xx"]

# Whether a text is an expression, and which name is taken or named, no schema tells.
[[operations]]
include-tag = "Audiences"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "412", "503"]
parameters = {{ "path.name" = {{ dictionary = "audiences", probability = 0.5 }} }}

# What a placeholder is, what a channel needs and what contradicts itself, no schema tells.
[[operations]]
include-tag = "Actions"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "412", "413", "503"]
parameters = {{ "path.id" = {{ dictionary = "actions", probability = 0.5 }} }}

# Which customers and decisions there are, which hours and zones are any, and on which channels a node delivers.
[[operations]]
include-tag = "Decisions"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "412", "503"]

# What an address is, which key signs, and which of two bodies belongs to which channel, no schema tells.
[[operations]]
include-tag = "Channels"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]

# Which audience there is, and what an expression is, no schema tells.
[[operations]]
include-tag = "Destinations"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409", "503"]
parameters = {{ "path.name" = {{ dictionary = "audiences", probability = 0.5 }} }}

# A token that is right cannot be thought of, and an id must be that of the path.
[[operations]]
include-path-regex = "^/v1/demands"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]

# What is signed, by whom and for which business, no schema can tell; nor which request is whose.
[[operations]]
include-tag = "Data rights"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "409"]
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx"]
parameters = {{ "path.org" = {{ dictionary = "orgs", probability = 0.8 }} }}

# What is signed by which key, no schema can tell, nor which tap was answered by whom.
[[operations]]
include-tag = "Presence"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "404", "429"]

[[operations]]
include-path-regex = "^/v1/evidence"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]
parameters = {{ "path.id" = {{ dictionary = "evidence", probability = 0.6 }} }}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("schemathesis")) as home:
        home.acme.send(
            {"type": "identify", "userId": "ada", "traits": {"email": "ada@example.com", "name": "Ada"}},
            {"type": "group", "userId": "ada", "groupId": "g", "traits": {"town": "Hull"}},
            *({"type": "track", "userId": who, "event": "Seen"} for who in ("ada", "bo")),
            *({"type": "identify", "userId": f"kin{i}", "traits": {"email": "fam@example.com"}} for i in range(2)),
        )
        home.acme.view("user_id:ada", events=3)
        home.acme.view("user_id:kin1")
        yield home


def configuration(home: House, directory: Path, token: str) -> Path:
    handle = home.acme.view("user_id:ada")["customer"]
    customers = ["user_id:ada", "email:ada@example.com", "email:fam@example.com", handle]
    evidence = [item["id"] for item in home.acme.read("user_id:ada", "evidence").json["evidence"]]
    file = directory / "schemathesis.toml"
    file.write_text(
        CONFIGURATION.format(
            token=token,
            key=home.acme.write_key,
            agent=agent_token(home),
            customers=msgspec.json.encode(customers).decode(),
            evidence=msgspec.json.encode(evidence).decode(),
        )
    )
    return file


def agent_token(home: House) -> str:
    """The token of an agent that acme trusts."""
    signer = Signer()
    trust = ("--key", signer.verify_key, "--org", "acme", "--attests", "--data", str(home.node.data))
    assert run("agent", "add", signer.name, *trust).returncode == 0
    path = f"/drp/acme/v1/agent/{signer.name}"
    return str(home.post(path, signer.sign(signer.head("acme"))).json["token"])


def attack(home: House, directory: Path, *options: str, token: str = "", seconds: int = LIMIT_S) -> str:
    """What Schemathesis says; fails where it found anything."""
    file = configuration(home, directory, token or home.acme.api_token)
    command = [str(SCHEMATHESIS), "--config-file", str(file), "run", "--no-color"]
    command += [f"{home.node.url}/openapi.json", "--url", home.node.url, "--generation-database", "none"]
    command += ["--continue-on-failure", "--warnings", "off", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 2, cwd=directory, check=False)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    tried = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tried is not None, done.stdout[-4_000:]
    assert tried[1] == tried[2]
    assert int(tried[1]) > 100
    assert home.acme.read("user_id:ada").status == 200
    return done.stdout


@pytest.mark.timeout(2 * LIMIT_S)
def test_nothing_it_thinks_of_is_answered_otherwise_than_described(home: House, tmp_path: Path) -> None:
    others = ["--exclude-tag", collecting.SPELLINGS, "--exclude-tag", declaring.TAG]
    attack(home, tmp_path, *SAMPLE, "-n", "5", "--phases", "examples,fuzzing", *others)


@pytest.mark.timeout(2 * LIMIT_S)
def test_whatever_is_declared_is_answered_as_described(home: House, tmp_path: Path) -> None:
    """By another organization: what it promises must not close the customers that the others read."""
    attack(home, tmp_path, *SAMPLE, "-n", "10", *DECLARING, token=home.rival.api_token)


@pytest.mark.prove
@pytest.mark.skipif(not PROVE, reason="a proof of twenty minutes: make prove")
@pytest.mark.timeout(3 * FULL_S + 240)
def test_nothing_it_thinks_of_in_twenty_minutes_is_either(home: House, tmp_path: Path) -> None:
    for seconds, token, options in (
        (FULL_S, home.acme.api_token, ("--exclude-tag", declaring.TAG)),
        (FULL_S // 4, home.rival.api_token, DECLARING),
    ):
        limits = ("--max-time", str(seconds), "-n", "500")
        attack(home, tmp_path, *limits, *options, token=token, seconds=seconds)
