"""The portal: the person's side of a node, as pages.

In come a browser's requests and what the `Desk` answers; out go pages for a telephone and for somebody without
training, that work without JavaScript. What always holds: nobody looks without a session of their own; every change is
shown with what follows from it before it is made; and nothing of another person is ever on a page.
"""

from rapport.web.portal.desk import Desk
from rapport.web.portal.intents import Intents
from rapport.web.portal.routes import portal_routes
from rapport.web.portal.told import Session

__all__ = ["Desk", "Intents", "Session", "portal_routes"]
