"""What lets the person's page be put beside a phone's apps: a manifest (W3C Web Application Manifest) and its icons.

There is no service worker: nothing of the person's is kept on a device that they did not save there themselves.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.web.pages import Assets
from rapport.web.portal.visit import AREA

PAPER = "#f7f3ec"
_ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"))
_MASKABLE = ("icon-maskable.png", "512x512", "maskable")


def manifest_route(shared: Assets, own: Assets) -> Route:
    drawn = [
        {"src": own.url(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes, purpose in (*_ICONS, _MASKABLE)
    ]
    content = {
        "id": AREA,
        "name": "My page",
        "short_name": "My page",
        "description": "What companies know about me, and what they may do with it.",
        "lang": "en",
        "start_url": AREA,
        "scope": AREA,
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [{"src": shared.url("mark.svg"), "sizes": "any", "type": "image/svg+xml"}, *drawn],
    }
    body = msgspec.json.encode(content)

    async def manifest(_: Request) -> Response:
        return Response(body, media_type="application/manifest+json", headers={"Cache-Control": "max-age=3600"})

    return Route("/manifest.webmanifest", manifest)
