"""What lets the person's page be put beside a phone's apps: a manifest (W3C Web Application Manifest) and its icons.

There is no service worker: nothing of the person's is kept on a device that they did not save there themselves.
"""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.web.language import ENGLISH, SPOKEN, chosen, speaking
from rapport.web.pages import Assets
from rapport.web.portal.visit import AREA

PAPER = "#f7f3ec"
_ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"))
_MASKABLE = ("icon-maskable.png", "512x512", "maskable")


def manifest_route(shared: Assets, own: Assets, languages: Sequence[str] = (ENGLISH,)) -> Route:
    """In the language that the browser wishes, of those that the pages speak."""
    drawn = [
        {"src": own.url(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes, purpose in (*_ICONS, _MASKABLE)
    ]
    content = {
        "id": AREA,
        "start_url": AREA,
        "scope": AREA,
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [{"src": shared.url("mark.svg"), "sizes": "any", "type": "image/svg+xml"}, *drawn],
    }
    bodies = {name: msgspec.json.encode({**_named(name), **content}) for name in languages}
    headers = {"Cache-Control": "max-age=3600", "Vary": "Accept-Language, Cookie"}

    async def manifest(request: Request) -> Response:
        body = bodies[chosen(request, languages)]
        return Response(body, media_type="application/manifest+json", headers=headers)

    return Route("/manifest.webmanifest", manifest)


def _named(name: str) -> dict[str, str]:
    with speaking(name):
        about = SPOKEN.say("What companies know about me, and what they may do with it.")
        return {"name": SPOKEN.say("My page"), "short_name": SPOKEN.say("My page"), "description": about, "lang": name}
