"""Actions and deciding on the console: the catalogue for all, changes for who answers for them, and what would be done
for one customer for who sees customers."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from rapport.decide.decision import Manner
from rapport.decide.kinds import KINDS
from rapport.decide.wishes import action, wish_of
from rapport.web.console import action_form, manner
from rapport.web.console.actions_desk import VERSIONS
from tests.decide.acting import wishes
from tests.web.console.sample_actions import HOSTILE, LONG
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import Page, Visitor

AREA, EDIT = "/console/actions", "/console/edit/action"
HELP = f"{AREA}/help_after_refund"
WRITTEN = {
    "version": "0",
    "name": "thank_you",
    "kind": "thank",
    "purpose": "service",
    "expression": "",
    "m0.channel": "inbox",
    "m0.language": "en",
    "m0.heading": "",
    "m0.text": "Thank you, {traits.firstName or 'friend'}.",
    "m0.link": "",
    "m0.html": "",
}


def text_of(response):
    return " ".join(Page(response.text).text.split())


# -- the catalogue


def test_all_actions_are_listed_with_what_they_are_worth_to_both_and_how_often_they_were_chosen():
    browser = Visitor()
    page = Page(browser.get(AREA).text)
    assert page.only_its_own()
    assert {link for link in page.links() if link.startswith(f"{AREA}/")} == {
        f"{AREA}/{name}" for name in browser.desk.actions.all
    }
    text = " ".join(page.text.split())
    assert "to the customer £2.80to the company £0.85 1,204 chosen, 1,190 delivered" in text
    assert "Silence always there" in text
    assert "2,310 chosen of late" in text
    assert "over since" in text


def test_of_many_versions_the_newest_are_told_and_how_many_there_were_before():
    browser = Visitor()
    last = browser.desk.actions.all["help_after_refund"]
    newest = [
        msgspec.structs.replace(last, version=number, cost=number) for number in range(500, 500 - VERSIONS - 1, -1)
    ]
    browser.desk.actions.versions["help_after_refund"] = tuple(newest)
    text = text_of(browser.get(HELP))
    assert "Version 481, " in text
    assert "Version 480, " not in text
    assert "And 480 earlier ones" in text
    assert "the first" not in text
    browser.desk.actions.versions["help_after_refund"] = (last, msgspec.structs.replace(last, version=1))
    assert "the first" in text_of(browser.get(HELP))


@pytest.mark.parametrize("do", ["save", "more", "preview"])
@pytest.mark.parametrize("version", ["1", "x", None])
@pytest.mark.parametrize("left_out", [("name",), ("purpose",), tuple(WRITTEN)])
def test_a_form_that_leaves_out_what_the_page_does_not_is_told_what_is_wrong(do, version, left_out):
    fields = {name: said for name, said in WRITTEN.items() if name not in left_out and name != "version"}
    response = Visitor().post(EDIT, **fields, do=do, **({} if version is None else {"version": version}))
    assert response.status_code in (200, 303, 400, 404, 409)


def test_nothing_yet_offers_things_that_sell_nothing():
    browser = Visitor(SampleDesk(empty=True))
    page = browser.get(AREA)
    assert "No action yet" in text_of(page)
    starters = [link for link in Page(page.text).links() if link.startswith(f"{EDIT}?")]
    assert len(starters) >= 4
    for link in starters:
        form = browser.get(link)
        assert form.status_code == 200
        assert (
            "within(" in form.text
            or "count(" in form.text
            or "sum(" in form.text
            or "traits." in form.text
            or "last(" in form.text
        )


def test_one_action_tells_all_that_it_declares_and_what_each_version_changed():
    text = text_of(Visitor().get(HELP))
    assert "To the customer£2.80 10 minutes saved, at £0.20 each; being help counts £0.80" in text
    assert "To the company£0.85 Value £0.50, cost £0.05; being help counts £0.40" in text
    assert "Your money is on its way" in text
    assert "Ihr Geld ist unterwegs" in text
    assert "email in English, which interrupts" in text
    assert "at most1 a month" in text
    assert "the event “Order Refunded”" in text
    assert "Version 2" in text
    assert "changed value and caps" in text
    assert Visitor().get(f"{AREA}/nothing").status_code == 404


# -- guard-rails


def test_it_tells_what_starts_it_and_how_often_that_was():
    text = text_of(Visitor().get(HELP))
    assert "the event “Order Refunded”" in text
    assert "it started 1,350 decisions by itself, and was chosen in 1,204" in text
    assert "it started nothing" in text_of(Visitor().get(f"{AREA}/thank_first_order"))
    assert "whoever asks for a decision" in text_of(Visitor().get(f"{AREA}/{LONG}"))


def test_what_starts_it_is_said_in_words():
    triggers = [{"left": "gold"}, {"daily": "18:00", "days": ["fri"]}, {"daily": "09:00", "zone": "Europe/Berlin"}]
    content = {"inbox": {"en": "Hello."}}
    wish = {"kind": "inform", "purpose": "service", "content": content, "triggers": [*triggers, {"entered": "new"}]}
    assert list(action_form.in_words(action("demo", "hello", wish_of(wish)))) == [
        "leaving the audience gold",
        "the time: 18:00 on Fri, where the customer is",
        "the time: 09:00 every day, in Europe/Berlin",
        "entering the audience new",
    ]


def test_what_was_switched_off_says_why_and_with_which_figures_and_comes_on_again_for_a_reason():
    browser = Visitor()
    assert "switched off: it harms" in text_of(browser.get(AREA))
    text = text_of(browser.get(f"{AREA}/{LONG}"))
    assert "Switched off, for it harms" in text
    assert "to the customer, each time −£0.41 −£0.70 to −£0.12; 1,190 got it, 2,310 were left alone" in text
    nothing = browser.post(f"{AREA}/{LONG}/on", reason="  ")
    assert nothing.status_code == 400
    assert "Say why it is switched on again" in text_of(nothing)
    done = browser.post(f"{AREA}/{LONG}/on", reason=HOSTILE)
    assert (done.status_code, done.headers["location"]) == (303, f"{AREA}/{LONG}?done=on")
    again = browser.get(f"{AREA}/{LONG}")
    assert "Switched on again" in text_of(again)
    assert HOSTILE not in again.text
    assert HOSTILE in text_of(again)
    assert browser.post(f"{AREA}/{LONG}/on", reason="once more").status_code == 409


def test_harm_that_was_left_on_says_by_whose_wish_and_may_be_looked_at_and_left():
    browser = Visitor()
    text = text_of(browser.get(f"{AREA}/inform_care"))
    assert "It harms, and was left on" in text
    assert "you decide without guard-rails" in text
    assert browser.post(f"{AREA}/inform_care/on", reason="we know").status_code == 303
    assert "Switched on again" in text_of(browser.get(f"{AREA}/winter_2025"))


def test_that_guard_rails_switch_by_themselves_is_a_tick():
    browser = Visitor()
    form = manner.filled(browser.desk.actions.kept_manner)
    assert form["guard_rails"] == "yes"
    del form["guard_rails"]
    assert browser.post("/console/manner", **form).status_code == 303
    assert browser.desk.actions.kept_manner.guard_rails is False
    assert 'name="guard_rails" value="yes">' in browser.get("/console/manner").text


# -- writing one


def test_an_action_is_written_changed_and_removed():
    browser = Visitor()
    saved = browser.post(
        EDIT,
        **WRITTEN,
        do="save",
        benefit="minutes_saved",
        gain="1.5",
        value="-2",
        per_week="1",
        caps="inbox: 1 a month",
    )
    assert (saved.status_code, saved.headers["location"]) == (303, f"{AREA}/thank_you?done=saved")
    one = browser.desk.actions.all["thank_you"]
    assert (one.eligible, one.benefit.minutes, one.value, one.caps.per_week) == ("true", 1.5, -2.0, 1)
    assert one.caps.channels["inbox"].per_month == 1
    form = browser.get(f"{EDIT}?name=thank_you")
    assert "Change thank_you" in form.text
    again = browser.post(EDIT, **{**WRITTEN, "version": "1"}, do="save", cost="0.5")
    assert again.status_code == 303
    assert browser.desk.actions.all["thank_you"].version == 2
    assert browser.post(f"{AREA}/thank_you/delete").headers["location"] == f"{AREA}?done=deleted"
    assert "thank_you" not in browser.desk.actions.all


@pytest.mark.parametrize("name", sorted(SampleDesk().actions.all))
def test_what_the_form_says_of_an_action_asks_for_the_same_one(name):
    one = SampleDesk().actions.all[name]
    again = action(one.org, one.id, action_form.wished(action_form.filled(one)))
    assert msgspec.structs.replace(again, version=one.version, at=one.at) == one


@given(wishes())
def test_what_the_form_says_of_any_action_asks_for_the_same_one(wish: dict[str, Any]) -> None:
    one = action("acme", "any", wish_of(wish))
    form = {name: said.replace("\n", "\r\n") for name, said in action_form.filled(one).items()}  # as browsers send it
    assert action("acme", "any", action_form.wished(form)) == one


@pytest.mark.parametrize(
    ("wrong", "said", "at"),
    [
        ({"name": "silence"}, "is an action of every organization", "name"),
        ({"name": "no spaces"}, "letters, digits", "name"),
        ({"kind": "shout"}, "is no kind of action", ""),
        ({"m0.text": ""}, "channel", "m0.text"),
        ({"m0.channel": ""}, "Choose the channel", "m0.channel"),
        ({"m0.channel": "sms", "m0.heading": "Hello"}, "title", "m0.heading"),
        ({"m0.channel": "email"}, "subject", "m0.heading"),
        ({"m0.text": "{traits.}"}, "", "m0.text"),
        ({"m0.language": "klingon language"}, "language", "m0.language"),
        ({"benefit": "minutes_saved", "gain": "many"}, "is no number", "gain"),
        ({"gain": "nan", "benefit": "discount"}, "is no number", "gain"),
        ({"value": "1e308"}, "a number from", "value"),
        ({"cost": "-1"}, "a number from", "cost"),
        ({"per_day": "3", "per_week": "1"}, "can never be", "per_day"),
        ({"per_day": "often"}, "whole number", "per_day"),
        ({"caps": "email twice"}, "is no limit", "caps"),
        ({"triggers": "when it rains"}, "starts nothing", "triggers"),
        ({"triggers": "daily 25:00"}, "time of the day", "triggers"),
        ({"from": "tomorrow"}, "a time is written", "from"),
        ({"from": "2026-12-02", "until": "2026-12-01"}, "ends before", "until"),
        ({"countries": "Atlantis"}, "two capital letters", "countries"),
        ({"lat": "1"}, "all of lat, lon and km", "countries"),
        ({"version": "x"}, "Open the page again", ""),
        ({"name": "help_after_refund"}, "already one called", "name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_on_the_form_with_all_that_was_typed(wrong, said, at):
    browser = Visitor()
    response = browser.post(EDIT, **{**WRITTEN, **wrong}, do="save")
    assert response.status_code in (400, 409)
    page = Page(response.text)
    assert said.lower() in " ".join(page.text.split()).lower()
    assert {name["name"] for _, name in page.elements if name.get("aria-invalid") == "true"} == ({at} if at else set())
    for value in wrong.values():
        assert not value or value in page.values("value") or value in page.text
    assert "thank_you" not in browser.desk.actions.all


def test_a_wrong_expression_is_pointed_at_and_a_right_one_counted():
    browser = Visitor()
    wrong = browser.post(EDIT, **{**WRITTEN, "expression": 'traits.plan = "gold"'}, do="preview")
    assert wrong.status_code == 400
    assert "<mark>=</mark>" in wrong.text
    assert browser.post(EDIT, **{**WRITTEN, "expression": "traits.plan =="}, do="save").status_code == 400
    tried = browser.post(EDIT, **{**WRITTEN, "expression": 'traits.plan == "gold"'}, do="preview")
    assert "4,120 in." in text_of(tried)


def test_room_is_made_for_another_message_without_losing_what_is_written():
    browser = Visitor()
    more = Page(browser.post(EDIT, **WRITTEN, do="more").text)
    assert {"m0.text", "m1.text"} <= set(more.values("name"))
    assert "m2.text" not in more.values("name")
    assert WRITTEN["m0.text"] in more.text


# -- one customer


def test_a_preview_says_to_a_customer_what_they_would_read_and_whether_they_would_get_it():
    browser = Visitor()
    text = text_of(browser.get(f"{HELP}/preview?customer=email:a@b.cc"))
    assert "Hello Ada, your refund arrives within five days." in text
    assert "Receipt rcp_1" in text
    assert "over since" in text_of(browser.get(f"{AREA}/winter_2025"))
    assert "would not get it now" in text_of(browser.get(f"{AREA}/winter_2025/preview?customer=email:a@b.cc"))
    assert browser.get(f"{HELP}/preview?customer=email:nobody@b.cc").status_code == 404
    assert browser.get(f"{HELP}/preview?customer=email:family@b.cc").status_code == 409
    other = text_of(browser.get(f"{AREA}/offer_matching_lamp/preview?customer=email:a@b.cc"))
    assert "offer_matching_lamp is for offers, and you are looking for service" in other


def test_a_decision_is_tried_and_told_with_both_sides_apart():
    browser = Visitor()
    page = browser.get("/console/decide?customer=email:a@b.cc&channel=inbox&device=phone&country=gb")
    text = text_of(page)
    assert "The ranking" in text
    assert "help_after_refund" in text
    assert "The customer" in text
    assert "The company" in text
    assert "traits.plan is gold" in text
    assert "it does not make sense" in text or "eligible" in text
    assert "product" in text
    assert "Its propensity is" in text
    assert "One that cannot be read" in text
    (wish,) = browser.desk.actions.trials
    assert (wish.purpose, wish.deliver, wish.context.device, wish.context.place.country) == (
        "service",
        False,
        "phone",
        "GB",
    )
    drawn = [attributes for tag, attributes in Page(page.text).elements if tag == "rect"]
    assert drawn
    assert all(float(one["x"]) >= 0 and float(one["x"]) + float(one["width"]) <= 1_000.1 for one in drawn)


def test_silence_is_explained():
    browser = Visitor()
    browser.desk.actions.held_out = True
    text = text_of(browser.get("/console/decide?customer=email:a@b.cc&channel=inbox"))
    assert "Silence This customer is left alone by lot" in text
    browser = Visitor(SampleDesk(empty=True))
    text = text_of(browser.get("/console/decide?customer=email:a@b.cc&channel=inbox"))
    assert "There is nothing to do for this purpose" in text
    assert "There is no action for service" in text


def test_who_cannot_be_decided_for_is_said_on_the_form():
    browser = Visitor()
    assert browser.get("/console/decide?customer=email:nobody@b.cc").status_code == 404
    assert browser.get("/console/decide?customer=email:family@b.cc").status_code == 409
    wrong = browser.get("/console/decide?customer=ada")
    assert wrong.status_code == 400
    assert "asked for by type:value" in text_of(wrong)


# -- how it is decided


def test_how_it_is_decided_is_said_and_changed():
    browser = Visitor()
    form = {
        "version": "2", "weight": "70", "holdout": "10", "quiet_from": "21:00", "quiet_until": "07:30", "zone": "",
        "per_week": "2", "channels": "email: 1 a week\nsms 1 per month", "weary": "1.5", "days": "14",
    }  # fmt: skip
    assert browser.post("/console/manner", **form).headers["location"] == "/console/manner?saved=yes"
    kept = browser.desk.actions.kept_manner
    assert (kept.weight, kept.holdout, kept.days) == (0.7, 0.1, 14)
    assert (kept.policy.quiet, kept.policy.zone, kept.policy.weary) == ("21:00-07:30", "UTC", 1.5)
    assert kept.policy.limits.per_week == 2
    assert (kept.policy.channels["email"].per_week, kept.policy.channels["sms"].per_month) == (1, 1)
    assert "email: 1 a week" in browser.get("/console/manner").text


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"weight": "100"}, "weight"), ({"weight": ""}, "weight"), ({"holdout": "50"}, "holdout"),
        ({"days": "0"}, "days"),
        ({"quiet_from": "21:00", "quiet_until": ""}, "quiet_from"), ({"zone": "Mars/Base"}, "zone"),
        ({"channels": "pigeon: 1 a day"}, "channels"), ({"weary": "-1"}, "weary"), ({"weight": "inf"}, "weight"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_way_of_deciding_is_said_where_it_is(wrong, at):
    browser = Visitor()
    form = {"version": "2", "weight": "50", "holdout": "5", "days": "7", **wrong}
    response = browser.post("/console/manner", **form)
    assert response.status_code == 400
    page = Page(response.text)
    assert {one["name"] for _, one in page.elements if one.get("aria-invalid") == "true"} == {at}
    assert browser.desk.actions.kept_manner.version == 2


def test_a_way_of_deciding_that_changed_meanwhile_is_not_overwritten():
    browser = Visitor()
    form = {"version": "1", "weight": "50", "holdout": "5", "days": "7"}
    assert browser.post("/console/manner", **form).status_code == 409
    assert browser.desk.actions.kept_manner != Manner()


def test_units_are_shown_with_their_defaults_and_changed():
    browser = Visitor()
    page = Page(browser.get("/console/units").text)
    assert "£0.80" in page.values("placeholder")
    assert {f"kinds.{kind}.customer" for kind in KINDS} <= set(page.values("name"))
    form = {"version": "1", "currency": "eur", "minute": "0.5", "kinds.thank.customer": "3", "kinds.thank.company": ""}
    assert browser.post("/console/units", **form).headers["location"] == "/console/units?saved=yes"
    kept = browser.desk.actions.kept_units
    assert (kept.currency, kept.minute, list(kept.kinds)) == ("EUR", 0.5, ["thank"])
    assert (kept.kinds["thank"].customer, kept.kinds["thank"].company) == (3.0, 0.0)
    for wrong in ({"currency": "pounds"}, {"minute": "-1"}, {"kinds.ask.company": "much"}):
        response = browser.post("/console/units", **{**form, "version": "2", **wrong})
        assert response.status_code == 400
        assert Page(response.text).values("aria-invalid") == ["true"]


def test_an_action_with_a_long_name_and_hostile_words_is_text():
    browser = Visitor()
    for path in (f"{AREA}/{LONG}", f"{EDIT}?name={LONG}", f"{AREA}/{LONG}/preview?customer=email:a@b.cc"):
        page = Page(browser.get(path).text)
        assert page.only_its_own()
        assert "<b>Ümläut</b>" in page.text or "<b>Ümläut</b> </script>" in " ".join(page.values("value"))


def test_of_very_many_candidates_the_best_are_told_and_the_others_counted():
    browser = Visitor()
    actions = browser.desk.actions
    for number in range(70):
        name = f"many_{number:02}"
        actions.all[name] = msgspec.structs.replace(actions.all["inform_care"], id=name)
    page = browser.get("/console/decide?customer=email:a@b.cc&channel=inbox")
    assert page.text.count('class="scale"') == 50
    assert "And 25 more candidates, ranked lower." in text_of(page)
