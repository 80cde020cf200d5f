"""The console: the company's side of a node, as pages.

In come a browser's requests and what the `Desk` answers; out go pages that work without JavaScript, and a stream of
news for those that have it. What always holds: nobody looks without a session, whose purpose every page shows; nothing
is changed by a request that did not come from one of the session's own pages; lists and live pages show event names
and masked identifiers only.
"""

from rapport.web.console.desk import Desk, Session
from rapport.web.console.routes import console_routes

__all__ = ["Desk", "Session", "console_routes"]
