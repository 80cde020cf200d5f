"""Letters to destinations: which audience they speak of, whatever the destination is given by now."""

from typing import Any, Literal

import msgspec
import pytest

from rapport.act.activation import Destination, Form
from rapport.act.letters import Letter, dressed
from rapport.kernel.times import now


def said(kind: Form, what: Literal["entered", "left", "deleted"], audience: str | None) -> Any:
    """The body of a letter to a destination that is given `seen`."""
    one = Destination(1, "acme", "shop", kind, "https://shop.example/", "service", now(), "seen")
    letter = Letter("msg_1", what, "cus_1", now(), receipt="rcp_1", audience=audience)
    return msgspec.json.decode(dressed(one, "whsec_" + "A" * 32, [letter], "http://node", now()).body)


@pytest.mark.parametrize("what", ["entered", "left"])
def test_it_tells_of_the_audience_that_was_entered_or_left(what: Any) -> None:
    for kind in ("webhook", "cloudevents"):
        assert said(kind, what, "gold")["data"]["audience"] == "gold"
    identify, track = said("segment", what, "gold")["batch"]
    assert identify["traits"] == {"gold": what == "entered"}
    assert track["properties"] == {"audience": "gold"}


def test_a_deletion_empties_the_audience_that_is_told_now() -> None:
    identify, _ = said("segment", "deleted", None)["batch"]
    assert identify["traits"] == {"seen": None}
    assert "audience" not in said("webhook", "deleted", None)["data"]
