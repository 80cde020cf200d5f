"""How an organization sends what is decided, in the description of the API."""

from typing import Any

from rapport.act.dkim import MOST_PEM
from rapport.web.api import answers as answers_path
from rapport.web.api import channels
from rapport.web.api.openapi.answers import answer, answers, content
from rapport.web.api.openapi.parameters import in_path
from rapport.web.api.openapi.schema import TEXT, Schema, maybe, one_of, ref, strict, thing, told

TAG = "Channels"
_CHANNEL = in_path("channel", "The channel.", one_of(*channels.CHANNELS), example="email")
_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope", "_404": "NotFound", "_503": "NoPlace"}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        channels.PATH: {"put": _put(), "get": _read(), "delete": _remove()},
        answers_path.PATH: {"post": _answered()},
    }


def _answered() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "takeAnswer",
        "summary": "Hand in a mail that came back",
        "description": "As it came to the address that answers go to; its headers alone will do. By the message that "
        "it names a reply becomes the event `Replied` of the customer, once, and what a mail server reports as failed "
        "is no delivery any more. What it says is neither read nor kept.",
        "security": _TOKEN,
        "requestBody": {
            "required": True,
            "description": "RFC 5322, at most 1 MiB.",
            "content": {**content(TEXT, "message/rfc822"), **content(TEXT, "text/plain")},
        },
        "responses": answers(
            {"200": answer("What it is, and of which decision.", ref("Answered"))},
            _400="BadRequest",
            _413="TooLarge",
            _415="UnknownEncoding",
            _401="NoToken",
            _404="NotFound",
            _503="NoPlace",
        ),
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    head = {"tags": [TAG], "operationId": name, "summary": summary, "description": description}
    return {**head, "parameters": [_CHANNEL], "security": _TOKEN, **more}


def _put() -> dict[str, Any]:
    return _operation(
        "setUpChannel",
        "Say how you send by a channel",
        "Scope `operator`. `email`: from whom your mails are, where answers go, and what they are signed with (DKIM). "
        "`webhook`: where your machine listens; each time with a fresh secret, told this once. What waits goes as it "
        "is set up when it leaves.",
        requestBody={"required": True, "content": content(ref("ChannelAsked"))},
        responses=answers(
            {
                "200": answer("It was set up, and is so now.", ref("Channel")),
                "201": answer("It is new.", ref("Channel")),
            },
            _400="BadRequest",
            _413="TooLarge",
            _415="UnknownEncoding",
            **_REFUSALS,
        ),
    )


def _read() -> dict[str, Any]:
    return _operation(
        "readChannel",
        "Read how you send by a channel",
        "Scope `operator`. Without its keys.",
        responses=answers({"200": answer("The channel.", ref("Channel"))}, **_REFUSALS),
    )


def _remove() -> dict[str, Any]:
    return _operation(
        "takeChannelDown",
        "Send nothing more by a channel",
        "Scope `operator`. What waits for it fails.",
        responses=answers({"204": {"description": "Nothing more is sent that way."}}, **_REFUSALS),
    )


_EMAIL = strict(
    thing(
        "Of `email`.",
        {"from": told({**TEXT, "maxLength": 508}, "An address.", examples=["Acme <hello@acme.example>"])},
        {
            "reply_to": {**TEXT, "maxLength": 508},
            "dkim": maybe(
                strict(
                    thing(
                        "What mails are signed with. `key`: RSA (2048 to 4096 bits) or Ed25519, as PEM.",
                        {"domain": TEXT, "selector": TEXT, "key": {**TEXT, "maxLength": MOST_PEM}},
                    )
                )
            ),
        },
    )
)
_SIGNED = thing(
    "The public half belongs in the DNS, as `record` says it.",
    {
        "domain": TEXT,
        "selector": TEXT,
        "record": thing("", {"name": TEXT, "type": one_of("TXT"), "value": TEXT}),
    },
)
SHAPES: dict[str, Schema] = {
    "ChannelAsked": {
        "description": "By the channel.",
        "anyOf": [_EMAIL, strict(thing("Of `webhook`.", {"url": {**TEXT, "maxLength": 2_000}}))],
    },
    "Answered": thing(
        "A mail that came back.",
        {"decision": TEXT, "kind": one_of("reply", "automatic", "bounce", "delay")},
    ),
    "Channel": thing(
        "How you send.",
        {"channel": one_of(*channels.CHANNELS)},
        {
            "from": TEXT,
            "reply_to": maybe(TEXT),
            "dkim": maybe(_SIGNED),
            "url": TEXT,
            "secret": told(TEXT, "What messages are signed with; told once."),
        },
    ),
}
