"""One promise as the fields of a form, and back: a table as a declaration's document has it.

Nothing is judged here: what was typed goes into the document as it is, and is refused where the document is read, with
the name of the field. Fields of the alternative offer carry `alt_` before their names.
"""

import re
from collections.abc import Mapping
from typing import Any

from rapport.kernel.errors import BadInput
from rapport.kernel.vocabulary import CATEGORIES

BASES = {
    "contract": "a contract with them",
    "consent": "their consent",
    "legitimate_interest": "our legitimate interest",
    "legal_obligation": "a legal obligation",
    "vital_interest": "a vital interest of somebody",
    "public_task": "a public task",
}
READ = {
    "contract": "your contract",
    "consent": "your consent",
    "legitimate_interest": "our legitimate interest",
    "legal_obligation": "a legal obligation",
    "vital_interest": "a vital interest of yours or somebody else's",
    "public_task": "a public task",
}
"""The same, as customers read it."""
ALTERNATIVE = "alt_"
BENEFITS = 3
"""Rows of a form; a document may hold more, and they stay."""
EVERYTHING = "everything"
_FIELDS = ("basis", "law", "categories", "retention_days", "onward", "recipients", "place", "benefits")
_FIELD = re.compile(r"(?:^|\.)(alternative\.)?(" + "|".join(_FIELDS) + r")(?:\[|\.|$)")


def filled(promise: Mapping[str, Any]) -> dict[str, str]:
    """The form that would make this promise."""
    fields = _filled(promise, "")
    if "alternative" in promise:
        fields |= {"alternative": "yes", **_filled(promise["alternative"], ALTERNATIVE)}
    return fields


def _filled(promise: Mapping[str, Any], head: str) -> dict[str, str]:
    fields = {f"{head}basis": promise.get("basis", ""), f"{head}law": promise.get("law", "")}
    categories = promise.get("categories", [EVERYTHING])
    for name in categories:
        if name in CATEGORIES or name == EVERYTHING:
            fields[f"{head}category:{name}"] = "yes"
    fields[f"{head}categories"] = ", ".join(n for n in categories if n not in CATEGORIES and n != EVERYTHING)
    if "retention_days" in promise:
        fields[f"{head}retention_days"] = str(promise["retention_days"])
    fields[f"{head}onward"] = {True: "yes", False: "no"}.get(promise.get("onward"), "")  # type: ignore[arg-type]
    fields[f"{head}recipients"] = "\n".join(promise.get("recipients", ()))
    if promise.get("recipients") == []:
        fields[f"{head}nobody"] = "yes"
    fields[f"{head}place"] = ", ".join(promise.get("place", ()))
    for number, benefit in enumerate(promise.get("benefits", ())[:BENEFITS]):
        for name, value in benefit.items():
            fields[f"{head}benefit{number}_{name}"] = f"{value:g}" if isinstance(value, float) else str(value)
    return fields


def promised(fields: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    """The promise that a form makes. Of `before`, what no form shows stays."""
    promise = _promised(fields, "", before)
    if fields.get("alternative") == "yes":
        promise["alternative"] = _promised(fields, ALTERNATIVE, before.get("alternative", {}))
    return promise


def _promised(fields: Mapping[str, str], head: str, before: Mapping[str, Any]) -> dict[str, Any]:
    def text(name: str) -> str:
        return fields.get(head + name, "").strip()

    promise: dict[str, Any] = {"basis": text("basis"), "categories": _categories(fields, head)}
    if text("law"):
        promise["law"] = text("law")
    if text("retention_days"):
        promise["retention_days"] = _number(text("retention_days"), int)
    if text("onward"):
        promise["onward"] = text("onward") == "yes"
    recipients = [line.strip() for line in text("recipients").splitlines() if line.strip()]
    if recipients or text("nobody"):
        promise["recipients"] = recipients
    if text("place"):
        promise["place"] = _listed(text("place"))
    benefits = [_benefit(fields, f"{head}benefit{number}_") for number in range(BENEFITS)]
    benefits = [benefit for benefit in benefits if benefit] + list(before.get("benefits", ()))[BENEFITS:]
    if benefits:
        promise["benefits"] = benefits
    return promise


def _categories(fields: Mapping[str, str], head: str) -> list[str]:
    chosen = [name for name in (EVERYTHING, *CATEGORIES) if fields.get(f"{head}category:{name}") == "yes"]
    return chosen + _listed(fields.get(f"{head}categories", ""))


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _benefit(fields: Mapping[str, str], head: str) -> dict[str, Any]:
    told = {name: fields.get(head + name, "").strip() for name in ("kind", "amount", "unit", "per", "text")}
    if not told["kind"]:
        return {}
    benefit: dict[str, Any] = {name: value for name, value in told.items() if value}
    if "amount" in benefit:
        benefit["amount"] = _number(benefit["amount"], float)
    return benefit


def _number(text: str, kind: type[int] | type[float]) -> Any:
    """The number, or what was typed, for the reader of documents to refuse."""
    try:
        value = kind(text)
    except ValueError:
        return text
    return value if abs(value) < 1e15 else text


def place_of(error: BadInput) -> str:
    """The form's field that an error is about; "" where it is none."""
    found = _FIELD.search(error.field or "")
    if found is None:
        return ""
    return (ALTERNATIVE if found[1] else "") + found[2]
