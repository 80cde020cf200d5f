"""Stories: a few people, devices and sources, told so densely that every rule is hit, delivered in any order and often
more than once."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from rapport.kernel.ports import LogEntry, Source
from rapport.kernel.times import DAY, HOUR, MINUTE, rfc3339
from rapport.resolve import Rules
from tests.profile.house import ORG, SOURCES, TEN, House
from tests.profile.plain import World

SOURCES_BY_NAME = {name: Source(ORG, name, **options) for name, options in SOURCES.items()}

RECEIVED = [TEN + 12 * HOUR, TEN + 12 * HOUR + 1, TEN + 40 * HOUR]
"""When batches were received: a time 30 hours ahead of the first is unknown there, and known to the last."""

USERS = ["ada", "bo", "cleo"]
BROWSERS = ["tablet", "laptop"]
EMAILS = ["ada@example.com", "fam@example.com"]

_near = [0, 10, 29, 30, 31, 50, 60, 61, 90]
TIMES = [
    *(TEN + minutes * MINUTE for minutes in _near),
    TEN + 30 * MINUTE + 1,
    TEN - 1,
    TEN + 14 * HOUR,
    TEN + 38 * HOUR,  # unknown to who received it at 22:00, known to who received it the day after
    TEN + 400 * DAY,  # unknown to everyone
]


class Delivery(NamedTuple):
    """One event on its way: from which source, over which wire, received when; it says itself when it was sent."""

    source: str
    wire: str
    received_at: int
    event: dict[str, Any]


traits = st.dictionaries(st.sampled_from(["name", "plan", "size"]), st.sampled_from(["Ada", "Bo", 1, None]), max_size=2)
groups = st.sampled_from(["acme", "home"])
people = {
    "email": st.sampled_from(EMAILS),
    "phone": st.sampled_from(["+44123456"]),
}


def maybe(draw: st.DrawFn, strategy: st.SearchStrategy[Any], one_in: int = 2) -> Any:
    return draw(strategy) if draw(st.integers(1, one_in)) == one_in else None


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@st.composite
def segment_events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["track", "track", "identify", "identify", "page", "group", "alias"]))
    user = draw(st.sampled_from([None, None, *USERS]))
    browser = draw(st.sampled_from([None, *BROWSERS]))
    if user is None and (browser is None or kind == "alias"):
        user = "ada"
    said = draw(traits)
    if kind == "identify":
        said |= _known(email=maybe(draw, people["email"]), phone=maybe(draw, people["phone"], 3))
    context = _known(
        device=maybe(draw, st.just({"id": "handset"}), 5),
        consent=maybe(draw, st.sampled_from([{"ads": True}, {"ads": False}]), 5),
        externalIds=maybe(draw, st.just([{"type": "loyalty_id", "id": "77"}]), 8),
    )
    if kind in {"track", "page"} and (email := maybe(draw, people["email"], 4)):
        context["traits"] = {"email": email}
    return _known(
        type=kind,
        userId=user,
        anonymousId=browser,
        event=draw(st.sampled_from(["Viewed", "Bought"])) if kind == "track" else None,
        traits=said if kind in {"identify", "group"} else None,
        groupId=draw(groups) if kind == "group" else None,
        previousId=draw(st.sampled_from([*BROWSERS, *USERS])) if kind == "alias" else None,
        context=context or None,
    )


@st.composite
def posthog_events(draw: st.DrawFn) -> dict[str, Any]:
    user = draw(st.sampled_from([None, *USERS]))
    browser = draw(st.sampled_from(BROWSERS))
    properties = {"$is_identified": user is not None}
    if user is not None:
        properties["$anon_distinct_id"] = browser
    return {
        "event": draw(st.sampled_from(["$identify", "Viewed"])),
        "distinct_id": user or browser,
        "properties": properties,
        "$set": draw(traits),
        "$set_once": {**draw(traits), **_known(email=maybe(draw, people["email"], 3))},
    }


@st.composite
def imported_events(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(
        st.sampled_from([["loyalty_id", "77"], ["device_id", "handset"], ["user_id", "ada"], ["email", EMAILS[0]]])
    )
    user = draw(st.sampled_from([None, None, "ada", "bo"]))
    return _known(
        type="track",
        event="Bought",
        key=key,
        userId=user,
        anonymousId=maybe(draw, st.sampled_from(BROWSERS), 3),
        identifiers=maybe(draw, st.just([["email", EMAILS[1]]])),
        context={"traits": draw(traits)},
        categories={"plan": "preference"} if draw(st.booleans()) else None,
    )


WIRES: dict[str, Callable[[], st.SearchStrategy[dict[str, Any]]]] = {
    "segment": segment_events,
    "posthog": posthog_events,
    "import": imported_events,
}
_ID = {"segment": "messageId", "posthog": "uuid", "import": "messageId"}
_SENT = {"segment": "sentAt", "posthog": "sent_at", "import": "sentAt"}


@st.composite
def deliveries(draw: st.DrawFn, most: int = 14, copies: bool = True) -> list[Delivery]:
    """Events that carry their own time and a unique message id, with exact copies: sent again later, by a clock that is
    right or hours off."""
    told = []
    for number in range(draw(st.integers(1, most))):
        source = draw(st.sampled_from(["web", "web", "web", "crm", "app"]))
        wire = draw(st.sampled_from(["segment"] * 6 + ["posthog", "import"]))
        event = draw(WIRES[wire]())
        event[_ID[wire]] = f"m{number}"
        event["timestamp"] = rfc3339(draw(st.sampled_from(TIMES)))
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])) if copies else 1):
            received_at = draw(st.sampled_from(RECEIVED))
            off = draw(st.sampled_from([None, None, None, 0, 5 * HOUR, -2 * HOUR, 20 * MINUTE]))
            sent = {} if off is None else {_SENT[wire]: rfc3339(received_at + off)}
            told.append(Delivery(source, wire, received_at, {**event, **sent}))
    return told


class Plan(NamedTuple):
    """How deliveries come: entries of the log, and after each whether the worker commits or is restarted."""

    entries: list[LogEntry]
    after: list[str]


@st.composite
def plans(draw: st.DrawFn, told: list[Delivery]) -> Plan:
    """Any order, any batching, any commits."""
    order = draw(st.permutations(told))
    entries: list[LogEntry] = []
    batch: list[Delivery] = []
    for delivery in order:
        if batch and (batch[0][:3] != delivery[:3] or draw(st.booleans())):
            entries.append(packed(batch))
            batch = []
        batch.append(delivery)
    if batch:
        entries.append(packed(batch))
    steps = st.sampled_from(["go on", "go on", "commit", "commit", "restart"])
    return Plan(entries, [draw(steps) for _ in entries])


def packed(batch: list[Delivery]) -> LogEntry:
    """Deliveries of one source, wire and reception as one log entry."""
    source, wire, received_at, _ = batch[0]
    body = json.dumps({"batch": [delivery.event for delivery in batch]}).encode()
    return LogEntry(ORG, source, wire, "batch", received_at, body)


def carry_out(house: House, plan: Plan) -> House:
    """Let a house take a plan in, as planned, and commit at its end."""
    for entry, after in zip(plan.entries, plan.after, strict=True):
        house.append(entry)
        if after != "go on":
            house.settle()
        if after == "restart":
            house.restart()
    return house.settle()


def expected(entries: list[LogEntry], rules: Rules | None = None, **more: Any) -> dict[frozenset[str], dict[str, Any]]:
    """What the plain pipeline makes of log entries."""
    return World(ORG, entries, SOURCES_BY_NAME, rules=rules, **more).customers()


def comparable(customers: dict[frozenset[str], dict[str, Any]]) -> dict[frozenset[str], dict[str, Any]]:
    """The product's views in the shape of the plain pipeline's."""
    return {records: _plainly(view) for records, view in customers.items()}


def _plainly(view: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: view[name] for name in ("identifiers", "traits", "events", "groups", "consent")},
        "records": {record["record"]: record["source"] for record in view["records"]},
        "timeline": [(event["event"], event["record"], event["time"]) for event in view["timeline"]],
        "evidence": {(item["record"], item["id"], item["rule"], item["reason"]) for item in view["evidence"]},
    }
