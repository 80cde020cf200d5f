"""The form of a destination: what it says as a wish, and a destination as the form has it."""

from collections.abc import Mapping, Sequence
from typing import Final

from rapport.act.activation import LONGEST_SECRET, Destination, Wish
from rapport.kernel.errors import BadInput

KINDS: Final = {
    "webhook": ("Webhook", "a signed message to an address of yours, one for each"),
    "segment": ("Segment-compatible", "what takes Segment’s tracking API: a CDP, an SDK’s endpoint, another Rapport"),
    "cloudevents": ("CloudEvents", "an event as the CloudEvents standard has it, one for each"),
    "file": ("File", "a table of an audience’s members, made by the node until somebody fetches it"),
}  # fmt: skip
LONGEST_TEXT = 20_000


def wished(form: Mapping[str, str], audiences: Sequence[tuple[str, str]]) -> Wish:
    """What a form asks for. Whose audience is sent for the audience's own purpose. Raises BadInput."""
    kind = form.get("kind", "")
    is_file = kind == "file"
    audience = form.get("audience", "") if is_file or form.get("of") != "events" else ""
    events = () if audience else tuple(_lines(form, "events"))
    if not audience and not events:
        raise BadInput("Choose an audience, or name the events that are sent.", code="bad_trigger", field="audience")
    purpose = dict(audiences).get(audience, form.get("purpose", "")) if audience else form.get("purpose", "")
    return Wish(
        kind=kind,
        purpose=purpose,
        url="" if is_file else form.get("url", "").strip(),
        secret=None if is_file else form.get("secret", "")[: LONGEST_SECRET + 1] or None,
        audience=audience or None,
        events=events,
        fields=_fields(form),
        recipient=form.get("recipient", ""),
        per_second=None if is_file else _number(form, "per_second"),
        at_once=1 if is_file else _number(form, "at_once") or 1,
        format=form.get("format", "csv") if is_file else None,
        every_hours=_number(form, "every_hours") if is_file else None,
    )


def filled(one: Destination) -> dict[str, str]:
    """A destination as the form says it; its secret is told nowhere."""
    return {
        "kind": one.kind,
        "of": "events" if one.events else "audience",
        "url": one.url,
        "audience": one.audience or "",
        "events": "\n".join(one.events),
        "purpose": one.purpose,
        "fields": "\n".join(f"{name} = {expression}" for name, expression in one.fields.items()),
        "recipient": one.recipient,
        "per_second": "" if one.per_second is None else str(one.per_second),
        "at_once": str(one.at_once),
        "format": one.format or "csv",
        "every_hours": "" if one.every_hours is None else str(one.every_hours),
    }


def _lines(form: Mapping[str, str], name: str) -> list[str]:
    said = form.get(name, "")
    if len(said) > LONGEST_TEXT:
        raise BadInput(f"That is longer than {LONGEST_TEXT:,} characters.", code="too_long", field=name)
    return [line.strip() for line in said.splitlines() if line.strip()]


def _fields(form: Mapping[str, str]) -> dict[str, str]:
    """`name = expression`, one in a line; an expression may hold `=` itself."""
    found: dict[str, str] = {}
    for line in _lines(form, "fields"):
        name, equals, expression = (part.strip() for part in line.partition("="))
        if not (equals and name and expression):
            message = f"“{line[:60]}” is no field: write one in a line, as plan = traits.plan."
            raise BadInput(message, code="bad_fields", field="fields")
        if name in found:
            raise BadInput(f"There are two fields {name[:60]}.", code="bad_fields", field="fields")
        found[name] = expression
    return found


def _number(form: Mapping[str, str], name: str) -> int | None:
    said = form.get(name, "").strip().replace(",", "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise BadInput("Write a number, or leave it empty.", code="bad_limit", field=name)
    return int(said)
