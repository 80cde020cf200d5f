"""What became of a piece of evidence, and how to say it."""

from enum import StrEnum

from rapport.resolve.evidence import Edge
from rapport.resolve.rules import Rules


class Reason(StrEnum):
    """`USED`, or why an edge joins nothing."""

    USED = "used"
    CONFIRMS = "confirms"
    KEEPS_APART = "keeps_apart"
    TOO_MANY_IDENTIFIERS = "too_many_identifiers"
    USER_OF_TOO_MANY = "user_of_too_many"
    NOT_A_USER = "not_a_user"
    SHARED_BY_RECORDS = "shared_by_records"
    SHARED_BY_USERS = "shared_by_users"
    SHARED_BY_EMAILS = "shared_by_emails"
    TOO_CONNECTED = "too_connected"
    TWO_USERS = "two_users"
    CANNOT_LINK = "cannot_link"
    TOO_MANY_OF_A_TYPE = "too_many_of_a_type"

    @property
    def joins(self) -> bool:
        """Whether the edge's ends are together, by this edge or by a stronger one."""
        return self in {Reason.USED, Reason.CONFIRMS}


_SENTENCES = {
    Reason.USED: "this {thing} joins them",
    Reason.CONFIRMS: "this {thing} confirms what stronger evidence joined already",
    Reason.KEEPS_APART: "an operator said that these records are of different customers",
    Reason.TOO_MANY_IDENTIFIERS: "this {thing} is not among the {per_record} identifiers of the record that count",
    Reason.USER_OF_TOO_MANY: "this user id is on more than {per_user} records, so it names nobody",
    Reason.NOT_A_USER: "no record has this as its user id, so there is no user to join",
    Reason.SHARED_BY_RECORDS: "this {thing} is shared by more than {shared_above} records",
    Reason.SHARED_BY_USERS: "this {thing} is on records of more than one user id",
    Reason.SHARED_BY_EMAILS: "the records with this {thing} name more than one e-mail address",
    Reason.TOO_CONNECTED: "more than {connected} records and identifiers hang together by evidence like this {thing}",
    Reason.TWO_USERS: "this {thing} would join two user ids",
    Reason.CANNOT_LINK: "this {thing} would join records that an operator said are of different customers",
    Reason.TOO_MANY_OF_A_TYPE: "this {thing} would give one customer too many of a kind, such as over {emails} e-mails",
}

_THINGS = {
    "email": "e-mail address",
    "phone": "phone number",
    "user_id": "user id",
    "anonymous_id": "anonymous id",
    "device_id": "device",
    "loyalty_id": "loyalty id",
}


def thing(edge: Edge) -> str:
    """What an edge is made of, in plain words."""
    if edge.kind == "identifies":
        if edge.rule == "alias":
            return "alias"
        return _THINGS.get(edge.type) or edge.type.replace("_", " ")
    return "match" if edge.kind == "match" else "link by an operator"


def sentence(reason: Reason, edge: Edge, rules: Rules) -> str:
    """One plain sentence that says what became of an edge."""
    return _SENTENCES[reason].format(
        thing=thing(edge),
        per_record=rules.identifiers_per_record,
        per_user=f"{rules.records_per_user:,}",
        shared_above=rules.of(edge.type).shared_above,
        connected=f"{rules.too_connected:,}",
        emails=rules.of("email").per_customer,
    )
