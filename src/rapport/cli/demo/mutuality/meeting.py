"""The acts in which terms and promises meet, or do not."""

import html
import re
from typing import Any

from rapport.cli.demo.mutuality.companies import BOOKSHOP, COMPANIES, GROCER, HER, INSURER, NEIGHBOUR, Company, events
from rapport.cli.demo.mutuality.stage import Answer, Stage
from rapport.cli.demo.mutuality.telling import Telling

STRANGER = "email:nobody@example.com"
_LOOK = re.compile(r"<details>(.*?)</details>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def known_by_three(stage: Stage, telling: Telling) -> None:
    telling.step("Three companies know Ada, each by itself")
    telling.say(f"A node of its own answers at {stage.url}. Commands without another --data speak of")
    telling.say(f"{stage.data}")
    for company in COMPANIES:
        stage.open_company(company.org)
        stage.send(company.org, events(company, "first"))
    for company in COMPANIES:
        stage.until_known(company.org, HER, 1 + len(company.days))
        stage.until_known(company.org, NEIGHBOUR, 1)
        view = stage.read(company.org, HER, "service").json
        told = str(view)
        telling.check(
            f"{company.called} sees what she did there, and nothing from elsewhere",
            view["events"]["total"] == 1 + len(company.days)
            and view["elsewhere"] == []
            and not any(other.number in told for other in COMPANIES if other is not company),
            view,
        )


def promises(stage: Stage, telling: Telling) -> None:
    telling.step("Each declares what it promises")
    for company in COMPANIES:
        stage.rapport("declaration", "put", company.org, f"{company.org}.toml")


def terms(stage: Stage, telling: Telling) -> str:
    telling.step("Ada says on what terms: one preset, for everyone")
    claims = [word for company in COMPANIES for word in ("--claim", f"{company.org}:user_id:{company.number}")]
    claims += [word for company in COMPANIES for word in ("--claim", f"{company.org}:{HER}")]
    person: str = stage.rapport_json("person", "add", *claims)["person"]
    stage.rapport("person", "terms", person, "--preset", "open")
    return person


def let_in(stage: Stage, telling: Telling) -> None:
    telling.step("The grocer earns it, and is let in")
    view = stage.read("grocer", HER, "offers")
    telling.check("the grocer may read for offers", view.status == 200, view.body)
    _sees_elsewhere(telling, view, GROCER)
    telling.check("it knows her, and leaves a receipt", view.json["receipt"].startswith("rcp_"))


def _sees_elsewhere(telling: Telling, view: Answer, company: Company) -> None:
    """What she did at the other two is there, and nothing tells where."""
    elsewhere: list[dict[str, Any]] = view.json["elsewhere"]
    bought = {item["name"] for entry in elsewhere for item in entry.get("items", [])}
    for entry in elsewhere:
        what = ", ".join(item["name"] for item in entry.get("items", [])) or entry["what"]
        telling.say(f"elsewhere: {what}, {entry.get('amount', 0):.2f} {entry.get('currency', '')}".rstrip())
    others = [other for other in COMPANIES if other is not company]
    telling.check(
        f"{company.called} also sees what she bought at the other two",
        bought == {what for other in others for _, _, what, _ in other.days},
        elsewhere,
    )
    told = view.body.decode()
    telling.check(
        "and nothing says where that was",
        not any(secret in told for other in others for secret in (other.org, other.number)),
        told,
    )


def refused(stage: Stage, telling: Telling) -> None:
    telling.step("The insurer passes on what it learns, and is shut out of everything")
    for purpose in ("offers", "service"):
        as_unknown(stage, telling, INSURER, purpose)
    telling.step("The bookshop gives nothing for it, and is refused what it asks for")
    as_unknown(stage, telling, BOOKSHOP, "offers")
    served = stage.read("bookshop", HER, "service")
    telling.check("to serve her, it still sees what she did there", served.status == 200, served.body)


def as_unknown(stage: Stage, telling: Telling, company: Company, purpose: str) -> None:
    """What a company is answered about her is, to the byte, what it is answered about a stranger."""
    hers = stage.read(company.org, HER, purpose)
    strangers = stage.read(company.org, STRANGER, purpose)
    telling.check(
        f"for {purpose}, {company.called} is answered as if it had never known her", _alike(hers, strangers), hers
    )


def _alike(one: Answer, other: Answer) -> bool:
    return one.status == 404 and one == other


def changed_promise(stage: Stage, telling: Telling) -> None:
    telling.step("The bookshop changes its promise, and is let in")
    stage.rapport("declaration", "put", "bookshop", "bookshop-better.toml")
    view = stage.read("bookshop", HER, "offers")
    telling.check("the next read is answered", view.status == 200, view.body)
    _sees_elsewhere(telling, view, BOOKSHOP)


def agreed(stage: Stage, telling: Telling, person: str) -> None:
    telling.step("What was agreed is recorded, alike for Ada and for the company")
    active = _agreements(stage, person)
    offers = {org for org, agreed in active.items() if "offers" in {each["purpose"] for each in agreed["purposes"]}}
    telling.check("there are agreements with the grocer and the bookshop", offers == {"grocer", "bookshop"}, active)
    telling.check("and none with the insurer", "insurer" not in active, active)
    shown = stage.rapport("agreement", "show", active["bookshop"]["agreement"])
    telling.check("both sides' signatures are good", "both are good" in shown, shown)


def _agreements(stage: Stage, person: str) -> dict[str, Any]:
    """A person's active agreements by organization."""
    listed = stage.rapport_json("agreement", "list", "--person", person)
    return {each["org"]: each for each in listed if each["status"] == "active"}


def told_why(stage: Stage, telling: Telling, person: str) -> None:
    telling.step("Ada opens her page, and reads who asked and what they got")
    looks = [_words(look) for look in _LOOK.findall(stage.her_page(person, "/me/asked"))]
    for look in looks:
        telling.say(look.partition(".")[0] + ".")
    refused = [look for look in looks if "got nothing" in look]
    told = {name: " ".join(look for look in refused if look.startswith(name)) for name in ("Quire", "Harbour")}
    telling.check("every look is there, given or refused", (len(looks), len(refused)) == (6, 3), looks)
    telling.check(
        "she reads that the bookshop would have had to give something, and to keep it for less long",
        "does not give a discount of at least 5 %" in told["Quire"] and "longer than 730 days" in told["Quire"],
        told,
    )
    telling.check("and that the insurer passes it on to others", "passes it on to others" in told["Harbour"], told)


def _words(page: str) -> str:
    """The words of a piece of a page."""
    return " ".join(html.unescape(_TAG.sub(" ", page)).split()).replace(" .", ".")


def locked(stage: Stage, telling: Telling, person: str) -> None:
    telling.step("Ada locks; it bites on the next read; and she unlocks")
    readable = (GROCER, BOOKSHOP)
    before = {company.org: _lasting(stage.read(company.org, HER, "service", aloud=False)) for company in readable}
    stage.rapport("person", "lock", person, aloud=False)
    for company in readable:
        as_unknown(stage, telling, company, "service")
    neighbour = stage.read("grocer", NEIGHBOUR, "service")
    telling.check("her neighbour is known as before", neighbour.status == 200, neighbour.body)
    ended = _agreements(stage, person)
    telling.check("what was agreed has ended", not ended, ended)
    stage.rapport("person", "unlock", person, aloud=False)
    after = {company.org: _lasting(stage.read(company.org, HER, "service", aloud=False)) for company in readable}
    telling.check("unlocked, exactly what was readable before is readable again", after == before, after)


def _lasting(answer: Answer) -> Any:
    """An answer but for what every look changes."""
    return {name: value for name, value in answer.json.items() if name not in {"receipt", "as_of"}}
