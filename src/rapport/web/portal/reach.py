"""The person's page about how they are reached: when not at all, when not to be disturbed, of what more and of what
less, what their time is worth, and whether they take part in the lot."""

import hashlib
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode
from zoneinfo import available_timezones

import msgspec
from starlette.responses import Response

from rapport.decide.contact import LESS, MOST_LESS
from rapport.decide.reach import Change
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, now, rfc3339
from rapport.terms.purchases import amount
from rapport.web import amounts, language
from rapport.web.forms import go
from rapport.web.portal.contract import said
from rapport.web.portal.visit import AREA, Visit
from rapport.web.scripted import told

PAGE: Final = f"{AREA}/reach"
MOST_NAME: Final = 100
MOST_CHANGE: Final = 600
SPANS: Final = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
ZONES: Final = tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))
_decode = msgspec.json.Decoder(Change).decode


async def reach(visit: Visit) -> Response:
    content = await visit.desk.reach.reach(visit.session)
    org = visit.asked("org", MOST_NAME)
    one = next((each for each in content.companies if each.org == org), None)
    written, by = visit.asked("back", MOST_CHANGE), visit.asked("by", MOST_NAME)
    back = _change(written) if by == mark(visit.own["csrf"], written) else None
    return visit.answer(
        "reach.html",
        content,
        section="reach",
        one=one,
        org=one.org if one else "",
        held={kind.kind for kind in content.everywhere.kinds if kind.stopped or kind.leaning < 0},
        mine=one.said if one else content.everywhere,
        back="" if back is None else written,
        by=by,
        done="" if back is None else back.what,
        rate=_said_rate,
        apart=_apart,
        percent=percent,
        zones=ZONES,
    )


async def change(visit: Visit) -> Response:
    """The step that the form names; or the way back from one."""
    form = visit.form
    written = form.get("back", "")
    wish = _change(written) if "back" in form else _of_form(form)
    if wish is None or ("back" in form and form.get("by", "") != mark(visit.own["csrf"], written)):
        raise BadInput("This is nothing that can be said here.", code="bad_wish", field="back")
    done = await visit.desk.reach.say(visit.session, wish)
    back = msgspec.json.encode(done.back).decode()
    way = {"back": back, "by": mark(visit.own["csrf"], back)}
    return go(f"{PAGE}?{urlencode({'org': wish.org, **way} if wish.org else way)}")


def mark(csrf: str, written: str) -> str:
    """Shows that a way back was written for this session: nobody else's link offers one that changes something else."""
    return hashlib.blake2b(written.encode("utf-8", "replace"), key=csrf.encode()[:64], digest_size=16).hexdigest()


def _of_form(form: dict[str, str]) -> Change:
    org, step, value = form.get("org", "")[:MOST_NAME], form.get("step", ""), form.get("value", "")[:MOST_NAME]
    match step:
        case "alone":
            span = SPANS.get(form.get("for", ""))
            return Change(org, alone=True, until="" if span is None else rfc3339(now() + span))
        case "heard":
            return Change(org, alone=False)
        case "quiet":
            start, end = form.get("from", "")[:8], form.get("until", "")[:8]
            hours = f"{start}-{end}" if start or end else ""
            return Change(org, quiet=hours, zone=form.get("zone", "").strip()[:60])
        case "stop" | "resume":
            return Change(org, kind=value, stopped=step == "stop")
        case "lean":
            return Change(org, kind=value, leaning=_whole(form.get("leaning", "")), stopped=False)
        case "again":
            return Change(org, action=value, stopped=False)
        case "minute":
            return Change(org, minute=_rate(form.get("minute", "")))
        case "take_part" | "decline":
            return Change(org, takes_part=step == "take_part")
        case _:
            raise BadInput("This is nothing that can be said here.", code="bad_wish", field="step")


def _whole(text: str) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 3 else MOST_LESS + 1


def _rate(typed: str) -> float | None:
    """What was typed for a minute, as people write amounts; "" takes it back."""
    if not typed.strip():
        return None
    if not typed.strip("0., "):
        return 0.0
    rate = amount(typed[:20])
    if rate is None:
        raise BadInput("Say what a minute is worth as an amount, such as 0.20.", code="bad_minute", field="minute")
    return float(rate)


def _said_rate(rate: float, currency: str) -> str:
    text = f"{Decimal(str(rate)):f}"
    whole, _, rest = text.partition(".")
    amount = f"{whole}.{rest[:4].rstrip('0').ljust(2, '0')}"
    return amounts.money(amount, currency) if currency else language.figures(amount)


def _change(text: str) -> Change | None:
    """A change out of an address; None where it is none."""
    try:
        found = _decode(text.encode())
    except (msgspec.DecodeError, UnicodeError):
        return None
    return found if found.says_one else None


def _apart(leaning: int) -> int:
    """How many days apart things of a kind come, after so many times “less”."""
    return (LESS << min(-leaning, MOST_LESS) - 1) // DAY


def percent(share: float) -> str:
    """`5`, `2.5`"""
    return f"{100 * share:.3g}"


# -- the same for software


async def mine(visit: Visit) -> Response:
    return told(await visit.desk.reach.reach(visit.session))


async def ask(visit: Visit) -> Response:
    return told((await visit.desk.reach.say(visit.session, await said(visit, Change))).reach)
