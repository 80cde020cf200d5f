"""The person's pages about what companies know: which companies, and every fact of one, with where it is from."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rapport.web import words
from rapport.web.forms import whole
from rapport.web.language import SPOKEN
from rapport.web.portal.visit import Visit

FACTS = 100
"""Facts on one page: a company may keep thousands."""
MOST_ASKED = 100
_TO_YOU = {
    "Who they are": "Who you are",
    "How to reach them": "How to reach you",
    "What they have with us": "What you have there",
    "What they like and do": "What you like and do",
    "Delicate": "Delicate",
    "Everything else": "Everything else",
}
_DONE = ("corrected", "taken_back")
Fact = tuple[str, Any]


async def companies(visit: Visit) -> Response:
    return visit.answer("companies.html", await visit.desk.companies(visit.session), section="known")


async def known(visit: Visit) -> Response:
    content = await visit.desk.known(visit.session, visit.request.path_params["org"])
    if content is None:
        return visit.absent()
    done, first = visit.asked("done", 20), whole(visit.asked("from"), 9) or 0
    asked = {"q": visit.asked("q", MOST_ASKED), "source": visit.asked("source", MOST_ASKED)}
    sections = _own_sections(_found(content.traits, **asked))
    count = sum(len(facts) for _, facts in sections)
    onward = {**{name: text for name, text in asked.items() if text}, "from": first + FACTS}
    shown = {
        "sections": _part(sections, first, FACTS),
        "count": count,
        "first": first,
        "further": f"{visit.request.url.path}?{urlencode(onward)}" if first + FACTS < count else "",
        "happened": _done_by_you,
        "sources": sorted({one["source"] for one in content.traits.values()}),
        **asked,
    }
    return visit.answer("known.html", content, section="known", done=done if done in _DONE else "", **shown)


def _found(traits: Mapping[str, Any], q: str, source: str) -> dict[str, Any]:
    """Those whose name or a value has a text in it, and whose value that is shown, or one beside it, is a source's."""
    wanted = q.casefold()
    return {
        name: fact
        for name, fact in traits.items()
        if (not wanted or wanted in words.label(name).casefold() or _says(fact, wanted))
        and (not source or source in {fact["source"], *(one["source"] for one in fact["others"])})
    }


def _says(fact: Mapping[str, Any], wanted: str) -> bool:
    return any(wanted in str(one["value"]).casefold() for one in (fact, *fact["others"]))


def _part(sections: list[tuple[str, list[Fact]]], first: int, most: int) -> list[tuple[str, list[Fact]]]:
    """Some facts of all, under their headings."""
    part = []
    for heading, facts in sections:
        if some := facts[max(0, first) : max(0, first + most)]:
            part.append((heading, some))
        first -= len(facts)
    return part


def _own_sections(traits: Mapping[str, Any]) -> list[tuple[str, list[Fact]]]:
    """The console's headings, said to the person themselves; each fact says by which name it is corrected."""
    named = {
        name: fact if isinstance(fact["value"], list) else {**fact, "correct": name} for name, fact in traits.items()
    }
    return [(SPOKEN.say(_TO_YOU[heading]), facts) for heading, facts in words.sections(named)]


def _done_by_you(name: str) -> str:
    return SPOKEN.say("Said who you are") if name == "identify" else words.happened(name)
