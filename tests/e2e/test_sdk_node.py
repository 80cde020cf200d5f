"""The published JavaScript client libraries for servers, unmodified: nothing is changed but their host."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.running import Node, Org
from tests.e2e.sdk_story import BOUGHT_AT, SEGMENTS_STORY, order_totals, seen

SCRIPTS = Path(__file__).parent / "node"

pytestmark = pytest.mark.needs("node")


@pytest.fixture
def tell(need: Callable[[str], Path]) -> Callable[..., list[str]]:
    """Run a library's script against an organization; the errors that the library reports."""

    def run(script: str, org: Org, **more: str) -> list[str]:
        said = subprocess.run(
            [need("node"), SCRIPTS / script],
            env={
                **os.environ,
                "RAPPORT_URL": org.node.url,
                "RAPPORT_KEY": org.write_key,
                "BOUGHT_AT": BOUGHT_AT,
                **more,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 0 or "error" in said.stdout, said.stderr
        return [json.loads(line)["error"] for line in said.stdout.splitlines() if line.startswith("{")]

    return run


@pytest.mark.parametrize(("script", "gzip"), [("segment.mjs", ""), ("rudder.mjs", ""), ("rudder.mjs", "false")])
def test_segments_and_rudderstacks_libraries_end_in_the_right_view(
    node: Node, tell: Callable[..., list[str]], script: str, gzip: str
) -> None:
    org = node.org(f"js-{script[:-4]}{'-plain' if gzip else ''}")
    assert tell(script, org, GZIP=gzip) == []
    assert seen(org, events=7) == SEGMENTS_STORY
    assert order_totals(org) == [7, 12.5]


@pytest.mark.parametrize("gzip", ["", "false"], ids=["gzip", "plain"])
def test_posthogs_library_ends_in_the_right_view(node: Node, tell: Callable[..., list[str]], gzip: str) -> None:
    org = node.org(f"js-posthog{'-plain' if gzip else ''}")
    assert tell("posthog.mjs", org, GZIP=gzip) == []
    assert seen(org, events=6) == {
        "identifiers": [
            "anonymous_id:a1",
            "anonymous_id:old-ada",
            "device_id:a1",
            "email:ada@example.com",
            "user_id:ada",
        ],
        "traits": {"email": "Ada@Example.com", "plan": "gold", "since": 2026},
        "events": {"page": 1, "identify": 1, "Order Completed": 2, "group": 1, "alias": 1},
        "first_order_at": BOUGHT_AT,
        "records": ["anonymous events on a device of user ada", "its user_id is ada"],
        "groups": {"acme": {"seats": 5}},
    }
    assert order_totals(org) == [7, 12.5]


@pytest.mark.parametrize("script", ["segment.mjs", "rudder.mjs", "posthog.mjs"])
def test_a_wrong_key_reaches_the_librarys_owner(node: Node, tell: Callable[..., list[str]], script: str) -> None:
    assert any("401" in error for error in tell(script, Org(node, "nobody", "wk_of_nobody", "")))
