"""`/signin`: how a person shows who they are, with a passkey and nothing to type."""

from rapport.web.signin.routes import signin_routes

__all__ = ["signin_routes"]
