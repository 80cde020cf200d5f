"""What goes over the wire, by name: the schemas of requests and answers."""

from rapport.collect.errors import MEANING, Code
from rapport.collect.segment import KINDS
from rapport.kernel.identifiers import MAX_LENGTH
from rapport.kernel.vocabulary import CATEGORIES, PURPOSES
from rapport.profile.record import MAX_NAMES
from rapport.web.api.openapi.schema import (
    ANY_OBJECT,
    ANYTHING,
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    maybe,
    named,
    one_of,
    ref,
    thing,
    told,
)

ID: Schema = {
    "type": "string",
    "pattern": r"^(cus_|[a-z][a-z0-9_.]{0,63}:)[\s\S]+$",
    "maxLength": 64 + len(":") + MAX_LENGTH,
}
EVIDENCE_ID = named("evi", 32)

_CUSTOMER = told(named("cus"), "The customer's handle: durable, and meaningless to other organizations.")
_RECORD = told(named("rec"), "The record's handle.")
_SOURCE = told(TEXT, "The source that said so.")
_HEAD = {
    "customer": _CUSTOMER,
    "receipt": told(named("rcp"), "The receipt of this very read."),
    "as_of": told(TIME, "When it was read."),
}
_CHANGED = {
    "changed": told(one_of("merged", "split"), "Only where an older handle was asked for: what became of its records.")
}
_NEXT = told(maybe(TEXT), "The `cursor` of the next page; null at the end.")


def _page(name: str, content: Schema) -> Schema:
    return thing(f"A page of {name}.", {**_HEAD, name: content, "next": _NEXT}, _CHANGED)


_VALUE = {
    "value": told(ANYTHING, "Whatever JSON the source sent."),
    "source": _SOURCE,
    "record": _RECORD,
    "observed_at": told(maybe(TIME), "When it was said, by the event's own time."),
    "event": told(TEXT, "The message id of the event that said it."),
    "category": told(one_of(*CATEGORIES), "What kind of data it is: DPV-PD, by a plain name."),
}
_TALLY = {
    "first_at": told(maybe(TIME), "By event time."),
    "last_at": told(maybe(TIME), "By event time."),
}

READ: dict[str, Schema] = {
    "Purpose": told(one_of(*PURPOSES), "Why the data is read: terms of the Data Privacy Vocabulary by plain names."),
    "Ask": thing(
        "Whom to read, and why.",
        {
            "id": told(
                ID,
                "`type:value` of any identifier, or a `cus_…` handle.",
                examples=["email:ada@example.com", "user_id:17850", "cus_qzf4n2850cz2sp3wrf7f9zyycc"],
            ),
            "purpose": ref("Purpose"),
        },
    ),
    "View": thing(
        "A customer as all systems together know them: the fold of their records.",
        {
            **_HEAD,
            "identifiers": list_of(ref("Identifier")),
            "traits": map_of(ref("Trait"), "By the trait's name."),
            "events": ref("Events"),
            "records": list_of(ref("RecordOfCustomer")),
            "groups": list_of(ref("Group")),
            "consent": list_of(ref("Consent")),
            "elsewhere": told(list_of(ANY_OBJECT), "What they did at other companies, as far as they let it be shown."),
        },
        {
            **_CHANGED,
            "computed": map_of(
                thing(
                    "A value that was worked out.",
                    {
                        "value": told(ANYTHING, "A number, a text, true, false, or a list."),
                        "source": {"const": "computed"},
                        "version": told(COUNT, "Of its definition."),
                    },
                ),
                "Computed traits by name, worked out from what this purpose lets through; who has none, has none here.",
            ),
        },
    ),
    "Identifier": thing(
        "A name that the customer goes by.",
        {
            "type": told(TEXT, "`email`, `phone`, `user_id`, `anonymous_id`, `device_id`, `loyalty_id` …"),
            "value": TEXT,
            "verified": told(FLAG, "Whether it was proved."),
            "sources": told(list_of(TEXT), "The sources that said so."),
        },
    ),
    "TraitValue": thing("One value with its provenance.", _VALUE),
    "Trait": thing(
        "The value that is shown, of the most trusted source and there the newest; and all others.",
        {**_VALUE, "others": list_of(ref("TraitValue"))},
    ),
    "Tally": thing("How often, first and last.", {"count": COUNT, **_TALLY}),
    "Events": thing(
        "Exact counts of all the customer's events.",
        {
            "total": COUNT,
            **_TALLY,
            "by_name": map_of(ref("Tally"), f"By the event's name; beyond {MAX_NAMES:,} names the rest is `other`."),
        },
    ),
    "RecordOfCustomer": thing(
        "A record, and why it is this customer's.",
        {"source": TEXT, "record": _RECORD, "why": told(TEXT, "A sentence.")},
    ),
    "Group": thing(
        "A household, company or the like that the customer was said to belong to.",
        {"id": TEXT, "traits": map_of(ref("Trait"), "By the trait's name."), "sources": list_of(TEXT)},
    ),
    "Consent": thing(
        "What a source was told about consent; it attaches to the record that carried it.",
        {"source": TEXT, "record": _RECORD, "consent": ANY_OBJECT, "observed_at": maybe(TIME)},
    ),
    "TraitsPage": _page("traits", map_of(ref("Trait"), "By the trait's name.")),
    "IdentifiersPage": _page("identifiers", list_of(ref("Identifier"))),
    "EventsPage": _page("events", list_of(ref("TimelineEvent"))),
    "EvidencePage": _page("evidence", list_of(ref("Evidence"))),
    "TimelineEvent": thing(
        "Something that happened, or was said.",
        {
            "event": told(TEXT, "Its message id."),
            "type": one_of(*sorted(KINDS)),
            "name": told(TEXT, "A track's own name; for all others their type."),
            "time": told(maybe(TIME), "When it happened; null where that is not known."),
            "received_at": TIME,
            "source": _SOURCE,
            "record": _RECORD,
            "properties": ANY_OBJECT,
            "traits": ANY_OBJECT,
            "context": ANY_OBJECT,
        },
    ),
    "Evidence": thing(
        "A link between a record and an identifier, or between two records, and what became of it.",
        {
            "id": told(EVIDENCE_ID, "Its handle, by which it can be taken back."),
            "kind": one_of("identifies", "must_link", "cannot_link", "match"),
            "rule": told(
                TEXT,
                "Where it is from: `key` (the record's own key), `named`, `alias`, `attribution` (a slice of a shared "
                "device), `operator`.",
            ),
            "record": _RECORD,
            "source": TEXT,
            "identifier": {
                "description": "What it leads to; null between two records.",
                "type": ["object", "null"],
                "properties": {"type": TEXT, "value": TEXT},
                "required": ["type", "value"],
            },
            "other": told(TEXT, 'The other record\'s handle; "" where it leads to an identifier.'),
            "level": told(COUNT, "The smaller, the stronger."),
            "verified": FLAG,
            "origin": told(TEXT, "The source, or the operator, that said so."),
            "used": told(FLAG, "Whether it holds the two together."),
            "reason": told(TEXT, "What became of it, for machines: `used`, `confirms`, `shared_by_users` …"),
            "why": told(TEXT, "The same as a sentence."),
        },
    ),
}

_END: Schema = {**ID, "pattern": ID["pattern"].replace("cus_", "cus_|rec_")}

OPERATE: dict[str, Schema] = {
    "EvidenceAsked": {
        **thing(
            "An operator's word about two records.",
            {
                "kind": one_of("must_link", "cannot_link"),
                "a": told(
                    _END,
                    "A record `rec_…`; or a customer, `cus_…` or `type:value`, and then its oldest record is meant.",
                    examples=["rec_tde8fbzp7jw6ehpwy9397res60", "user_id:ada"],
                ),
                "b": told(_END, "The other end, likewise.", examples=["email:ada@example.com"]),
            },
            {"why": told(TEXT, "A reason, for whoever looks at it later.")},
        ),
        "additionalProperties": False,
    },
    "EvidenceSaid": thing(
        "What became of it.",
        {
            "id": told(EVIDENCE_ID, "Its handle, by which it can be taken back."),
            "kind": one_of("must_link", "cannot_link"),
            "used": told(
                FLAG, "Whether it joins, or keeps apart. A must-link never overrides a user id or a cannot-link."
            ),
            "why": told(TEXT, "A sentence."),
        },
    ),
    "Why": {
        **thing("A reason, for whoever looks at it later.", {}, {"why": TEXT}),
        "additionalProperties": False,
    },
    "Retracted": thing("It counts no longer, for good.", {"id": EVIDENCE_ID, "retracted": {"const": True}}),
    "Health": thing("How the node is.", {"status": one_of("alive", "ready")}),
    "Problem": thing(
        "What went wrong (RFC 9457).",
        {
            "type": told(TEXT, "`about:blank`: the status says what kind of problem it is.", format="uri-reference"),
            "title": told(TEXT, "The status in words."),
            "status": told({"type": "integer", "minimum": 400, "maximum": 599}, "The status of the answer."),
            "detail": told(TEXT, "The same as `message`, under its name in RFC 9457."),
            "code": told(TEXT, "Stable, for machines.", pattern="^[a-z_]+$", examples=["missing_purpose"]),
            "message": told(TEXT, "For the person who reads it: what was wrong, and where.", minLength=1),
        },
        {
            "field": told(TEXT, "The part of the request that is meant."),
            "rejected": told(list_of(ref("Rejection")), "Of collection: every event that was not taken."),
        },
    ),
}

_ID = {"type": ["string", "integer", "null"], "maxLength": MAX_LENGTH}
_MAP = {"type": ["object", "null"]}
_WHEN = told(
    {"type": ["string", "number", "null"]},
    "RFC 3339 (without a zone it is UTC), or a number since 1970 in seconds, milli-, micro- or nanoseconds.",
    examples=["2026-11-21T20:02:55.123Z"],
)
_KEY = {"writeKey": told(ANYTHING, "The write key, where no header carries it.")}

_EVENT = {
    "type": told(maybe(TEXT), "Of no account where the path says it."),
    "userId": told(
        _ID, "Your own unchanging id of the customer. It or `anonymousId` must be usable.", examples=["ada"]
    ),
    "anonymousId": told(_ID, "The id of a browser or device that nobody may have signed in to."),
    "event": told(maybe(TEXT), "The name of a `track`.", maxLength=MAX_LENGTH, examples=["Order Completed"]),
    "messageId": told(_ID, "Makes the event unique within its source: a repeat counts once."),
    "timestamp": told(_WHEN, "When it happened."),
    "originalTimestamp": told(_WHEN, "Stands in where `timestamp` is missing."),
    "sentAt": told(ANYTHING, "What the client's clock said when it sent; corrects clocks that are off by over 60 s."),
    "traits": told(_MAP, "What is said of the customer, or of the group; `null` means: no longer known."),
    "properties": told(_MAP, "What is said of the event."),
    "context": told(_MAP, "Kept as it is. `consent`, `externalIds[]`, `device.id` and `traits` mean something."),
    "groupId": told(_ID, "Of `group`."),
    "previousId": told(_ID, "Of `alias`: the id before."),
    "name": told(ANYTHING, "Of `page` and `screen`."),
    "category": told(ANYTHING, "Of `page` and `screen`."),
}

_SOMEBODY = {"anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}]}
_NEEDED: dict[str, Schema] = {
    "track": {"required": ["event"], **_SOMEBODY},
    "identify": _SOMEBODY,
    "page": _SOMEBODY,
    "screen": _SOMEBODY,
    "group": {"required": ["groupId"], **_SOMEBODY},
    "alias": {"required": ["userId", "previousId"]},
}

_POSTHOG = {
    "event": told(TEXT, "The event's name; PostHog's own ones (`$identify`, `$pageview` …) mean what they say."),
    "distinct_id": told(_ID, "A user, unless the event says that it is a browser; here or in `properties`."),
    "uuid": told(_ID, "Makes the event unique within its source: a repeat counts once."),
    "timestamp": _WHEN,
    "properties": told(_MAP, "With `$set` and `$set_once` for traits, and `$device_id`, `$anon_distinct_id` …"),
    "api_key": told(ANYTHING, "The write key, where no header carries it."),
}

COLLECT: dict[str, Schema] = {
    "Event": thing("One event of the Segment tracking API.", {}, {**_EVENT, **_KEY}),
    "BatchedEvent": {
        "description": "An event that says what it is.",
        "allOf": [ref("Event"), {"required": ["type"], "properties": {"type": one_of(*sorted(KINDS))}}],
    },
    **{
        f"{kind.capitalize()}Event": {
            "description": f"A `{kind}` event.",
            "allOf": [ref("Event"), {"type": "object", **needed}],
        }
        for kind, needed in _NEEDED.items()
    },
    "Batch": thing(
        "Events, each with its `type`.",
        {"batch": list_of(ref("BatchedEvent"), minItems=1)},
        {"sentAt": told(ANYTHING, "What the client's clock said when it sent."), **_KEY},
    ),
    "PostHogEvent": thing("One event as PostHog's libraries send it.", {"event": _POSTHOG["event"]}, _POSTHOG),
    "PostHogBatch": thing(
        "Events as PostHog's libraries send them.",
        {"batch": list_of(ref("PostHogEvent"), minItems=1)},
        {"api_key": _POSTHOG["api_key"], "sent_at": told(ANYTHING, "What the client's clock said when it sent.")},
    ),
    "Accepted": thing(
        "What was taken: it is on the disk. What was not is told event by event.",
        {
            "success": {"const": True},
            "accepted": told(COUNT, "How many events were taken."),
            "rejected": list_of(ref("Rejection")),
        },
    ),
    "Rejection": thing(
        "Why an event was not taken.",
        {
            "index": told(maybe(COUNT), "Its place in the batch; null where the body as a whole is meant."),
            "code": told(one_of(*Code), " ".join(f"`{code}`: {meaning}" for code, meaning in MEANING.items())),
            "message": told(TEXT, "A sentence."),
        },
    ),
    "AnalyticsSettings": thing(
        "What analytics.js asks for: where to send, and no destinations, remote code or metrics.",
        {"integrations": ANY_OBJECT, "metrics": ANY_OBJECT},
    ),
    "NoFlags": thing(
        "What PostHog's libraries are told about feature flags: there are none.",
        {"flags": ANY_OBJECT, "featureFlags": ANY_OBJECT, "featureFlagPayloads": ANY_OBJECT},
    ),
}

SHAPES: dict[str, Schema] = {**READ, **OPERATE, **COLLECT}
