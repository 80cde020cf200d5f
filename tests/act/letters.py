"""Messages to try ways with."""

from rapport.act.messages import Message
from rapport.decide.arbitration import Case
from rapport.decide.decision import Decision
from rapport.decide.posterior import Estimates
from rapport.kernel.times import parse_rfc3339

AT = parse_rfc3339("2026-03-02T10:00:00Z")


def decision(name="dec_1", channel="email", language="en", at=AT, **parts):
    nothing = Estimates((), (), 0.0)
    case = Case(name, (), (), nothing, nothing)
    return Decision(
        name, at, "service", channel, "help", "help", 1, 1.0, case, (), 0, (), 0, 0, (), at, (), language, parts
    )  # fmt: skip


def message(name="dec_1", to="ada@example.com", tries=0, **more):
    parts = {"subject": "Help", "text": "How.", **more.pop("parts", {})}
    return Message("shop", 1, "cus_1", to, "TOKEN", "rcp_1", decision(name, **more, **parts), tries)
