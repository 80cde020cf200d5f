"""`/v1/channels/{channel}`: how an organization sends what is decided: from whom its mails are, and where its machine
listens."""

from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.act.mail import Dkim, Sender
from rapport.kernel.errors import NotFound
from rapport.web.api.customers import Tokens, body_of, caller_of, shaped
from rapport.web.api.problems import json_answer

PATH = "/v1/channels/{channel}"
SCOPE = "operator"
CHANNELS = ("email", "webhook")
_SHOULD_EMAIL = '{"from": "Acme <hello@acme.example>", "reply_to"?: "…", "dkim"?: {"domain", "selector", "key"}}'
_SHOULD_WEBHOOK = '{"url": "https://…"}'


class EmailAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """`dkim.key`: a private key in PEM; it is never told again."""

    sender: str
    reply_to: str = ""
    dkim: Dkim | None = None


class WebhookAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class Channels(Protocol):
    """What the node does about them, each of one organization. What is told holds no key."""

    async def put_email(self, org: str, sender: Sender, who: str) -> tuple[dict[str, Any], bool]:
        """What is told of it, and whether it is new. Raises BadInput (`bad_address`, `bad_dkim`)."""

    async def put_webhook(self, org: str, url: str, who: str) -> tuple[dict[str, Any], bool]:
        """With the secret that messages are signed with, told this once. Raises BadInput (`bad_url`)."""

    async def told(self, org: str, channel: str) -> dict[str, Any]:
        """Raises NotFound."""

    async def remove(self, org: str, channel: str, who: str) -> None:
        """Raises NotFound."""


class ChannelsApi:
    def __init__(self, channels: Channels, tokens: Tokens) -> None:
        self._channels = channels
        self._tokens = tokens

    async def one(self, request: Request) -> Response:
        """`PUT` says how, `GET` tells it without its keys, `DELETE` sends nothing more that way."""
        caller, channel = caller_of(request, self._tokens, SCOPE), request.path_params["channel"]
        if channel not in CHANNELS:
            raise NotFound(f"what can be set up: {', '.join(CHANNELS)}", field="channel")
        if request.method == "PUT":
            body = await body_of(request)
            if channel == "email":
                asked = shaped(body, EmailAsked, _SHOULD_EMAIL)
                sender = Sender(asked.sender, asked.reply_to, asked.dkim)
                told, fresh = await self._channels.put_email(caller.org, sender, caller.token)
            else:
                url = shaped(body, WebhookAsked, _SHOULD_WEBHOOK).url
                told, fresh = await self._channels.put_webhook(caller.org, url, caller.token)
            return json_answer(told, 201 if fresh else 200)
        if request.method == "DELETE":
            await self._channels.remove(caller.org, channel, caller.token)
            return Response(status_code=204)
        return json_answer(await self._channels.told(caller.org, channel))


def channel_routes(channels: Channels, tokens: Tokens) -> list[Route]:
    return [Route(PATH, ChannelsApi(channels, tokens).one, methods=["GET", "PUT", "DELETE"])]
