"""The portal's desk for the person's terms: what they are, in sentences, and what a change would change before it is
made."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.app import words
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.kernel.vocabulary import names_in
from rapport.profile.view import Part
from rapport.terms import Clause, Ground, Terms, choosing
from rapport.terms.choosing import Allowed
from rapport.terms.policy import Judge
from rapport.terms.presets import LINES, PRESETS, TITLES
from rapport.terms.sentences import clause_sentence, named
from rapport.web.language import SPOKEN
from rapport.web.portal import told as ask
from rapport.web.portal.told import Session, Way

_MAY = ("may use %(what)s %(why)s", "may use %(what)s, of what you did at other companies, %(why)s")
_MAY_NOT = (
    "may no longer use %(what)s %(why)s",
    "may no longer use %(what)s, of what you did at other companies, %(why)s",
)
"""What a company may more, or less: of what it collected, and of what the person did elsewhere."""


class PortalTerms:
    """The TermsDesk. `customers` finds a person's customers of a company, `name` tells what it is called, `note` keeps
    a sentence about what the person did."""

    def __init__(
        self,
        people: PeopleFile,
        customers: Callable[[Person, str], tuple[list[Sequence[Part]], list[Ground]]],
        name: Callable[[str], str],
        note: Callable[[Person, str], None],
    ) -> None:
        self._people = people
        self._customers = customers
        self._name = name
        self._note = note
        self._judge = Judge()

    async def read(self, session: Session) -> ask.MyTerms:
        terms = self._people.person(session.person).terms
        lines = tuple(
            ask.ClauseLine(line.clause.id, self._said(line.clause), line.clause.effect, line.on, line.may_return)
            for line in choosing.lines(terms)
        )
        presets = tuple(
            ask.Preset(name, SPOKEN.say(TITLES[name]), SPOKEN.say(LINES[name]), name == terms.preset)
            for name in PRESETS
        )
        return ask.MyTerms(terms.preset, title(terms), lines, presets, terms.tell_why)

    async def propose(self, session: Session, way: Way, value: str) -> ask.Proposal:
        person = self._people.person(session.person)
        after = _changed(person.terms, way, value)
        _check_customer(person, way, value)
        effects, same = [], []
        for org in person.orgs:
            effect = self.effect(person, org, after)
            if effect.gains or effect.losses:
                effects.append(effect)
            else:
                same.append(effect.name)
        lines = {line.clause.id: line for line in choosing.lines(person.terms)}
        clause = after.clauses[-1] if way in {"hide", "apart"} else lines[value].clause if way != "preset" else None
        return ask.Proposal(
            way,
            value,
            SPOKEN.say(TITLES[value]) if clause is None else self._said(clause),
            tuple(self._said(clause) for clause in after.clauses),
            tuple(effects),
            tuple(same),
            person.locked,
            for_good=way == "out" and not lines[value].may_return and not choosing.is_hiding(value),
        )

    def effect(self, person: Person, org: str, after: Terms) -> ask.Effect:
        """What changes at a company, as if it were not locked out."""
        parts, grounds = self._customers(person, org)

        def with_terms(terms: Terms) -> dict[str, Allowed]:
            held = [choosing.imagined(ground, person.id, terms, locked=False) for ground in grounds]
            return choosing.allowed(self._judge, self._people, parts, held, now())

        before, then = with_terms(person.terms), with_terms(after)
        gains = [said for purpose in then for said in _more(purpose, before[purpose], then[purpose], _MAY)]
        losses = [said for purpose in then for said in _more(purpose, then[purpose], before[purpose], _MAY_NOT)]
        return ask.Effect(org, self._name(org), tuple(gains), tuple(losses))

    async def change(self, session: Session, way: Way, value: str) -> None:
        self._people.set_terms(session.person, self.after(session.person, way, value))
        self.changed(session.person, way, value)

    def changed(self, handle: str, way: Way, value: str) -> None:
        """Tell the person, on their own page, that a change was made."""
        self._note(self._people.person(handle), _changed_words(way, value))

    def after(self, handle: str, way: Way, value: str) -> Terms:
        """A person's terms as they would be after a change. Raises BadInput, NotFound."""
        person = self._people.person(handle)
        _check_customer(person, way, value)
        return _changed(person.terms, way, value)

    async def tell_why(self, session: Session, *, tell: bool) -> None:
        terms = self._people.person(session.person).terms
        self._people.set_terms(session.person, msgspec.structs.replace(terms, tell_why=tell))

    def _said(self, clause: Clause) -> str:
        return sentence(clause, self._name)


# -- words


def sentence(clause: Clause, name: Callable[[str], str]) -> str:
    """A clause as a sentence, with companies as they call themselves."""
    return clause_sentence(named(clause, name), SPOKEN)


def title(terms: Terms) -> str:
    if terms.preset not in TITLES:
        return SPOKEN.say("Terms of your own")
    title = SPOKEN.say(TITLES[terms.preset])
    if terms.clauses == PRESETS[terms.preset].clauses:
        return title
    return SPOKEN.say("%(preset)s, with changes of your own", preset=title)


def _check_customer(person: Person, way: Way, value: str) -> None:
    """Raises NotFound where a change is about a company at which the person claims nothing."""
    about = _hidden(value)[0] if way == "hide" else _apart(value) if way == "apart" else ""
    if way in {"hide", "apart"} and value != "*" and about not in person.orgs:
        raise NotFound("you are no customer there")


def _changed(terms: Terms, way: Way, value: str) -> Terms:
    if way == "preset":
        return choosing.begun_from(terms, value)
    if way == "hide":
        return choosing.hiding(terms, *_hidden(value))
    if way == "apart":
        return choosing.apart(terms, _apart(value))
    return choosing.without(terms, value) if way == "out" else choosing.with_again(terms, value)


def _changed_words(way: Way, value: str) -> str:
    match way:
        case "preset":
            return f"You began your terms from “{TITLES[value]}”."
        case "hide":
            return f"You hid a kind of data from a company: {words.categories([_hidden(value)[1]])}."
        case "apart":
            return "You stopped what you do at one company from being told to another."
        case "out":
            return "You took a sentence out of your terms."
        case "back":
            return "You put a sentence back into your terms."


def _apart(value: str) -> str:
    """A company, or "" for everyone."""
    return "" if value == "*" else value


def _hidden(value: str) -> tuple[str, str]:
    """`shop:purchases` as a company and a kind of data."""
    org, _, category = value.rpartition(":")
    return org, category


def _more(purpose: str, less: Allowed, more: Allowed, texts: tuple[str, str]) -> Iterable[str]:
    """A sentence for what `more` lets a company use beyond `less`."""
    for now_, then, text in zip(less.masks, more.masks, texts, strict=True):
        added = names_in(then & ~now_)
        if added:
            what, why = words.categories(added, SPOKEN), words.purpose(purpose, SPOKEN)
            yield SPOKEN.say(text, what=what, why=why)
