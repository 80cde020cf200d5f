"""`/u/…`: where mails lead whoever wants no more of them, by one click, without an account."""

from rapport.web.unsubscribe.routes import State, Unsubscribing, unsubscribe_routes

__all__ = ["State", "Unsubscribing", "unsubscribe_routes"]
