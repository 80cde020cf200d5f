"""The portal's desk for signing: a change of terms, the agreements that begin by it, and the passkey's signature under
them are one transaction, so that nothing is agreed that the person did not see, and nothing signed that is not
agreed."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.app import words
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import Conflict, Unauthorized
from rapport.kernel.times import now, rfc3339
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED
from rapport.signin.passkeys import Passkey
from rapport.terms import Terms, by_hand, promises
from rapport.terms.agreements import Agreed
from rapport.terms.by_hand import Hand
from rapport.web.language import SPOKEN
from rapport.web.portal import signing_desk as ask
from rapport.web.portal.told import Session, Way

AGREE = "agree"
CHANGED = (
    "What you would have signed has changed meanwhile. Nothing was signed, and nothing was changed: look at it again."
)
After = Callable[[str, Way, str], Terms]
"""A person's terms as they would be after a change. Raises BadInput, NotFound."""
Changed = Callable[[str, Way, str], None]
"""Tells a person of a change that was made."""


class PortalSigning:
    """The SigningDesk, over the connection that terms are changed on. `name` is what people call a company."""

    def __init__(
        self, people: PeopleFile, signin: HouseSignin, after: After, changed: Changed, name: Callable[[str], str]
    ) -> None:
        self._people = people
        self._signin = signin
        self._after = after
        self._changed = changed
        self._name = name
        book = PromiseBook(people.ledger, people.keys)
        self._book = AgreementBook(people.db, people.keys, book, people.terms_of)
        self._accounts = Accounts(people.ledger)

    async def proposed(self, session: Session, way: Way, value: str) -> ask.ToSign:
        return self._told(self._documents(session, ask.Act("", way, value)))

    async def standing(self, session: Session) -> ask.ToSign:
        return self._told(self._documents(session, ask.Act("")))

    async def asking(self, session: Session, act: ask.Act, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        digests = _shown(self._documents(session, act), act)
        nonce = self._signin.challenges.make(AGREE, session.person)
        known = [one.credential for one in self._accounts.passkeys(session.person)]
        options = self._signin.party.asking(by_hand.challenge(nonce, digests), known)
        return {"options": options, "nonce": promises.base64url(nonce)}

    async def sign(self, session: Session, act: ask.Act, nonce: str, raw: bytes, client: str) -> None:
        self._signin.limit.count(f"prove {client}")
        response = passkeys.read(raw)
        made = passkeys.bytes_of(nonce)
        expires = self._signin.challenges.check(made, AGREE, session.person)
        known = self._accounts.passkey(passkeys.credential_of(response))
        if known is None or known.person != session.person:
            raise Unauthorized(UNPROVED, code="unproved")

        def signed(person: int, numbers: Sequence[int]) -> None:
            documents = [self._book.to_sign(number) for number in numbers]
            digests = _shown(documents, act)
            proved = self._signin.party.proved(by_hand.challenge(made, digests), response, known)
            hand = self._hand(made, digests, response, known)
            # Whoever checks it later does without this node, and by fewer algorithms.
            if by_hand.wrong_in(documents[0], hand, self._signin.party.origin):
                raise Unauthorized(UNPROVED, code="unproved")
            self._accounts.use(known, proved, (made, expires))
            self._book.sign(person, numbers, hand)

        if act.way is not None:
            after = self._after(session.person, act.way, act.value)
            self._people.set_terms(session.person, after, signed)
            self._changed(session.person, act.way, act.value)
        else:
            person = self._people.person(session.person).id
            with transaction(self._people.db):
                signed(person, [number for number, _ in self._book.unsigned(person)])

    def _documents(self, session: Session, act: ask.Act) -> list[dict[str, Any]]:
        person = self._people.person(session.person).id
        if act.way is None:
            return [document for _, document in self._book.unsigned(person)]
        after, at = self._after(session.person, act.way, act.value), now()
        return [self._book.drafted(person, draft, after, at) for draft in self._people.drafts(person, after, at)]

    def _told(self, documents: Sequence[dict[str, Any]]) -> ask.ToSign:
        if not documents:
            return ask.ToSign()
        told = []
        for one in documents:
            org = one["second_party"]["organization"]
            said = words.in_full(msgspec.convert(one["purposes"], tuple[Agreed, ...]), SPOKEN)
            told.append(ask.Signing(org, self._name(org), said, one["declaration"]["version"]))
        return ask.ToSign(tuple(told), by_hand.together([by_hand.digest(one) for one in documents]))

    def _hand(self, nonce: bytes, digests: Sequence[str], response: dict[str, Any], passkey: Passkey) -> Hand:
        client, told, signature = passkeys.signed_parts(response)
        return Hand(
            rfc3339(now()),
            self._signin.party.origin,
            promises.base64url(nonce),
            tuple(sorted(digests)),
            promises.base64url(passkeys.public_key(passkey)),
            promises.base64url(told),
            promises.base64url(client),
            promises.base64url(signature),
        )


def _shown(documents: Sequence[dict[str, Any]], act: ask.Act) -> list[str]:
    """The digests of what is signed. Raises Conflict where that is not what was shown."""
    digests = [by_hand.digest(one) for one in documents]
    if not digests or len(digests) > by_hand.MOST or by_hand.together(digests) != act.shown:
        raise Conflict(CHANGED, code="changed_meanwhile")
    return digests
