"""What a stranger came for, kept until they have signed in: a claim link, a till's code, the page for pairing a device.

The node keeps it, and the browser has but a secret in a cookie: no address says where to go on to, so no link can lead
anywhere but to the few pages listed here, and only the browser that opened it is led there, once, within ten minutes.
Kept in memory, since strangers write it: after a restart one opens the link again.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel import ids
from rapport.kernel.times import MINUTE, SECOND, now
from rapport.web.cookies import keep, named

LIFE = 10 * MINUTE
CARRIED: Final = {"/me/claim": 100, "/me/tap": 200, "/me/devices/pair": 0}
"""Page → how long its code may be; 0: it has none. None of them does anything before a button is pressed."""
_MOST = 10_000
_CODE = re.compile(r"[A-Za-z0-9_.=-]+")
_SECRET = re.compile(r"int_[A-Za-z0-9_-]{1,80}")


class Intents:
    """Those of one node."""

    def __init__(self, clock: Callable[[], int] = now) -> None:
        self._now = clock
        self._kept: OrderedDict[bytes, tuple[str, int]] = OrderedDict()
        self._turn = Lock()

    def keep(self, target: str) -> str:
        """The secret by which a browser gets it back."""
        secret = ids.secret("int")
        with self._turn:
            self._kept[ids.hashed(secret)] = (target, self._now() + LIFE)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return secret

    def take(self, secret: str) -> str | None:
        """What was kept under it, once."""
        if _SECRET.fullmatch(secret) is None:
            return None
        with self._turn:
            target, until = self._kept.pop(ids.hashed(secret), ("", 0))
        return target if until > self._now() else None


class Onward:
    """How browsers of one origin are led on."""

    def __init__(self, origin: str, intents: Intents | None = None) -> None:
        self._origin = origin
        self._cookie = named("intent", origin)
        self._intents = intents or Intents()

    def remember(self, request: Request, response: Response) -> None:
        """Keep what a stranger opened, if it is a page that is carried on."""
        target = target_of(request)
        if target is not None:
            self._put(response, self._intents.keep(target), LIFE // SECOND)

    def waits(self, request: Request) -> bool:
        return self._cookie in request.cookies

    def on(self, request: Request) -> str | None:
        """Where this browser wanted to go, once."""
        return self._intents.take(request.cookies.get(self._cookie, ""))

    def forget(self, request: Request, response: Response) -> None:
        if self.waits(request):
            self._put(response, "", 0)

    def _put(self, response: Response, value: str, seconds: int) -> None:
        keep(response, self._origin, self._cookie, value, seconds)


def target_of(request: Request) -> str | None:
    """The page that was opened, as this node writes its address; None where it is none that is carried on, or was not
    opened by somebody who looks at it."""
    most = CARRIED.get(request.url.path)
    if most is None or request.method != "GET":
        return None
    if request.headers.get("sec-fetch-dest", "document") != "document":
        return None
    code = request.query_params.get("code", "")
    if not code:
        return request.url.path
    fits = len(code) <= most and _CODE.fullmatch(code) is not None
    return f"{request.url.path}?{urlencode({'code': code})}" if fits else None
