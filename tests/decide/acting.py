"""Actions for tests: one that is whole, others that differ from it, and any at all."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from rapport.decide.actions import Action
from rapport.decide.channels import CHANNELS
from rapport.decide.kinds import KINDS
from rapport.decide.wishes import action, wish_of
from rapport.kernel.errors import BadInput

WHOLE: dict[str, Any] = {
    "kind": "help",
    "purpose": "service",
    "eligible": "has(traits.boiler)",
    "content": {
        "email": {
            "en": {
                "subject": "Your {traits.boiler}",
                "text": 'Dear {traits.name or "customer"}, your {traits.boiler} is low on water.',
                "html": '<p>Dear {traits.name or "customer"}</p>',
                "link": "https://acme.example/help?model={traits.boiler}",
            },
            "de-AT": {"subject": "Ihre Therme", "text": "Guten Tag, {traits.name}"},
        },
        "inbox": {"en": "Your {traits.boiler} is low on water."},
    },
    "benefit": {"customer": {"kind": "minutes_saved", "minutes": 20}},
    "value": {"company": 1.5},
    "cost": 0.1,
    "goals": ["spend", "a warm home"],
    "caps": {"per_day": 1, "per_week": 2, "channels": {"email": {"per_month": 1}}},
    "place": {"countries": ["GB", "AT"]},
    "triggers": [
        {"event": "Boiler Fault"},
        {"entered": "cold_homes"},
        {"at": "2026-12-01T09:00:00Z"},
        {"daily": "09:00", "days": ["fri", "mon"], "zone": "Europe/Vienna"},
    ],
    "valid": {"from": "2026-12-01", "until": "2027-03-01T00:00:00Z"},
    "language": "en",
    "currency": "GBP",
}


def made(name: str = "boiler", **changed: Any) -> Action:
    """The whole one, but for what is changed; what is changed to None is left out."""
    wish = {key: value for key, value in {**WHOLE, **changed}.items() if value is not None}
    return action("acme", name, wish_of(wish))


def saying(text: str, channel: str = "inbox", **parts: str) -> Action:
    """One that says only this, to everybody."""
    needed = {"subject": "Hello"} if channel == "email" else {}
    content = {channel: {"en": {**needed, "text": text, **parts}}}
    return action("acme", "saying", wish_of({"kind": "inform", "purpose": "service", "content": content}))


def fault_of(work: Callable[[], object]) -> BadInput | None:
    """What is told to be wrong, None: nothing."""
    try:
        work()
    except BadInput as error:
        return error
    return None


# -- any

_plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="{}"), max_size=20)
_places = st.sampled_from(
    (
        "{traits.name}",
        '{traits.name or "there"}',
        "{traits.plan or traits.name or 'you'}",
        '{sum("Order", "total")}',
        '{last("Order")}',
        "{identifiers.email}",
        '{traits.vip ? "dear friend" : "hello"}',
        "{computed.score}",
        "{traits.tags[0]}",
        "{traits.a / traits.b}",
        "{{",
        "}}",
    )
)
texts = st.lists(_plain | _places, min_size=1, max_size=6).map("".join).map(lambda text: f".{text}")
tags = st.sampled_from(("en", "de", "de-AT", "zh-Hant-TW", "nb", "sl-rozaj"))
money = st.floats(-1e6, 1e6).map(lambda amount: round(amount, 2))


@st.composite
def messages(draw: st.DrawFn, channel: str) -> dict[str, str]:
    needed = {
        part: draw(texts).replace("\n", " ")[:60] if part != "text" else draw(texts) for part in CHANNELS[channel].needs
    }
    return {part: text if text.count("{") == text.count("}") else "cut" for part, text in needed.items()}


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """Any action that can be asked for."""
    channels = draw(st.lists(st.sampled_from(sorted(CHANNELS)), min_size=1, max_size=3, unique=True))
    spoken = draw(st.lists(tags, min_size=1, max_size=3, unique=True))
    kind = draw(st.sampled_from(sorted(KINDS)))
    wish: dict[str, Any] = {
        "kind": kind,
        "purpose": draw(st.sampled_from(("service", "personalisation", "dpv:DeliveryOfGoods"))),
        "content": {channel: {tag: draw(messages(channel)) for tag in spoken} for channel in channels},
        "value": {"company": draw(money)},
        "cost": abs(draw(money)),
        "goals": draw(st.lists(st.sampled_from(("spend", "visit", "eat well")), unique=True)),
        "triggers": draw(st.lists(st.sampled_from(WHOLE["triggers"]), max_size=3)),
    }
    if not KINDS[kind].mandatory:
        wish["caps"] = draw(st.sampled_from(({}, {"per_day": 1}, {"channels": {channels[0]: {"per_month": 3}}})))
    benefit = draw(st.sampled_from((None, "minutes_saved", "discount")))
    if benefit:
        wish["benefit"] = {
            "customer": {
                "kind": benefit,
                ("minutes" if benefit == "minutes_saved" else "amount"): draw(st.floats(-99, 99)),
            }
        }
    for key in ("place", "valid", "currency"):
        if draw(st.booleans()):
            wish[key] = WHOLE[key]
    return wish
