"""Signing in: the person's one identity, without passwords.

In come proofs: an assertion of a passkey, a signed request of a bound device, a code. Out goes who is there, and how
sure that is. What always holds: a proof is for this node's origin and for one use, it is accepted once, and a stolen
database proves nothing, for it holds public keys and hashes. Nothing here knows what a person's data are.
"""

from rapport.signin.challenges import Challenges
from rapport.signin.passkeys import Made, Passkey, Proved, RelyingParty
from rapport.signin.sessions import FRESH, Session

__all__ = ["FRESH", "Challenges", "Made", "Passkey", "Proved", "RelyingParty", "Session"]
