"""Content: placeholders read and filled, from what may be read alone, escaped for where they stand."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.catalogue import Catalogue, Rendered, Unrendered
from rapport.decide.content import template
from rapport.decide.languages import chosen, spoken_by, tag_of
from rapport.decide.rulebook import Rulebook
from rapport.decide.saying import MOST_SAID, doubtful, spoken
from rapport.decide.traits import expressed
from rapport.decide.wishes import action, wish_of
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import Facts, Series
from rapport.kernel.times import DAY
from tests.decide.acting import fault_of, made, saying, texts, wishes

NOW = 20_000 * DAY
ADA = Facts({"name": "Ada", "plan": "gold", "visits": 3, "spent": 12.5, "vip": True, "blank": " ", "tags": ["a", 2]})


def said(text: str, facts: Facts = ADA, channel: str = "inbox", part: str = "text", **parts: str) -> str | None:
    """What it says, None where it cannot."""
    ready = Catalogue([saying(text, channel, **parts)]).ready["saying"]
    message = ready.rendered(ready.fill(facts, NOW), NOW, channel)
    return message.parts[part] if isinstance(message, Rendered) else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {traits.name}!", "Hello Ada!"),
        ('Hello {traits.nick or traits.name or "there"}!', "Hello Ada!"),
        ('Hello {traits.nick or "there"}!', "Hello there!"),
        ("Hello {traits.nick}!", None),
        ("{{traits.name}} {{{traits.name}}}", "{traits.name} {Ada}"),
        ('{traits.nick or "a } or { or b"}', "a } or { or b"),
        ('{traits.nick or "it\\"s"}', 'it"s'),
        ("{traits.visits} visits, {traits.spent} spent", "3 visits, 12.50 spent"),
        ('{traits.vip ? "dear" : "hi"}', "dear"),
        ("{traits.vip}", None),
        ("a{traits.nick or ''}b", "ab"),
        ('a{has(traits.nick) ? traits.nick + "!" : ""}b', "ab"),
        ("a{traits.blank}b", None),
        ("a{traits.blank or traits.blank}b", None),
        ("a{traits.blank or '?'}b", "a?b"),
        ('{traits.vip or "x"}', "x"),
        ("{traits.tags}", "a, 2"),
        ("{traits.tags[0]}{traits.tags[7] or 0}", "a0"),
        ('{count("Order")}', "0"),
        ('{last("Order") or "never"}', "never"),
        ("{traits.name / 2 or 'odd'}", "odd"),
        ("no placeholder", "no placeholder"),
        ("{traits.or or traits.name}", "Ada"),
    ],
)
def test_a_placeholder_says_the_first_that_gives_something(text: str, expected: str | None) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{traits.name", "no end"),
        ("{traits.{name}}", "no end"),
        ("a } b", "written }}"),
        ("{}", "says nothing"),
        ("{ or traits.name}", "says nothing"),
        ("{traits.name or }", "says nothing"),
        ("{name}", "nothing called name"),
        ("{traits.name || traits.nick}", "true or false"),
        ("{has(traits.name)}", "true or false"),
        ('{traits.name or "there}', "no end"),
        ("{since(traits.born)}", ""),
        ("{“name”}", "straight quotes"),
        ("{traits.name}" * 51, "at most 50"),
    ],
)
def test_a_placeholder_that_cannot_be_read_is_told(text: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        template(text, "text", "content.inbox.en.text")
    assert caught.value.code == "bad_placeholder"
    assert caught.value.field == "content.inbox.en.text"
    assert why in caught.value.message


# -- what is withheld


SECRET = "s3cr3t"
secrets = st.sampled_from((SECRET, f"{SECRET} & more", [SECRET], {"in": SECRET}, f"{SECRET}{'x' * 600}"))


@given(wishes(), st.dictionaries(st.sampled_from(("name", "plan", "vip", "a", "tags")), secrets))
def test_no_placeholder_ever_says_what_is_withheld(wish: dict[str, Any], withheld: dict[str, Any]) -> None:
    """What the gate withholds is not in the facts; nothing that is said with them holds anything of it, and what is
    said is what would be if it had never been."""
    ready = Catalogue([action("acme", "any", wish_of(wish))]).ready["any"]
    seen = Facts({"visits": 2})
    for channel in ready.action.content:
        message = ready.rendered(seen, NOW, channel)
        assert SECRET not in repr(message)
        whole = Facts({**seen.traits, **withheld})
        if not set(withheld) & ready.dependencies.traits:
            assert ready.rendered(whole, NOW, channel) == message


def test_why_something_is_not_said_holds_no_value() -> None:
    facts = Facts({"name": {"secret": SECRET}, "a": SECRET, "b": 0})
    for text in ("{traits.name}", "{traits.a / traits.b}", "{traits.name.secret.more}"):
        ready = Catalogue([saying(text)]).ready["saying"]
        message = ready.rendered(facts, NOW, "inbox")
        assert isinstance(message, Unrendered)
        assert message.place == text
        assert SECRET not in message.reason


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.none().map(lambda _: 10**5000)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
facts_of_any = st.builds(
    Facts,
    st.dictionaries(st.sampled_from(("name", "plan", "vip", "tags", "a", "b", "locale", "language")), values),
    st.dictionaries(
        st.just("Order"), st.lists(values, max_size=3).map(lambda v: Series(tuple(range(len(v))), {"total": v}))
    ),
    st.dictionaries(st.just("email"), st.lists(st.text(), max_size=3)),
    st.dictionaries(st.just("score"), values),
)


@given(texts, facts_of_any)
def test_whatever_is_known_of_a_customer_a_text_is_said_or_is_not(text: str, facts: Facts) -> None:
    one = (
        made(
            content={"inbox": {"en": text}, "web": {"en": {"text": "x", "html": f"<p>{text}"}}},
            language=None,
            caps=None,
        )
        if "<" not in text
        else saying(text)
    )
    ready = Catalogue([one]).ready[one.id]
    for channel in one.content:
        message = ready.rendered(facts, NOW, channel, spoken_by(facts.traits))
        assert isinstance(message, Rendered | Unrendered)
        ready.excluded(facts, NOW, channel, spoken_by(facts.traits))


@given(wishes(), facts_of_any)
def test_what_is_taken_to_be_sayable_to_anybody_is(wish: dict[str, Any], facts: Facts) -> None:
    """A candidate is not rendered where that is certain beforehand; whoever is one can be told."""
    ready = Catalogue([action("acme", "any", wish_of({**wish, "place": None, "valid": {}}))]).ready["any"]
    memo: dict[int, Any] = {}
    for channel in ready.action.content:
        out = ready.excluded(facts, NOW, channel, memo=memo)
        message = ready.rendered(facts, NOW, channel)
        expected = None if isinstance(message, Rendered) else ("content", f"{message.place}: {message.reason}")
        assert out == expected
        assert ready.rendered(facts, NOW, channel, memo=memo) == ready.rendered(facts, NOW, channel)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello.", ()),
        ("Hello {traits.name or 'you'}", ()),
        ("Hello {traits.name or ''}", ()),
        ("{traits.name or ''}", None),
        ("Hello {traits.name} {traits.nick or 1}", ("{traits.name}",)),
        ("Hello {traits.name or 1 / 0}", ("{traits.name or 1 / 0}",)),
    ],
)
def test_it_is_known_beforehand_on_what_it_hangs_whether_a_text_is_said(
    text: str, expected: tuple[str, ...] | None
) -> None:
    found = doubtful(template(text, "text", "f"), "plain", 2_000)
    assert (None if found is None else tuple(place.text for place in found)) == expected
    assert doubtful(template(text, "text", "f"), "plain", 3) is None


@given(values)
def test_whatever_is_said_of_a_value_is_one_short_line(value: Any) -> None:
    line = spoken(value, "de")
    assert len(line) <= MOST_SAID
    assert not set(line) & set("\n\r\t\x00\u202e\u2066\ud800\u2028")
    line.encode()


# -- escaped for where it stands

EVIL = Facts({"name": '"><script>alert(1)</script>&', "path": "../../x?y#z", "line": "a\r\nBcc: b@c"})


def test_what_a_customer_says_is_text_in_html_and_no_tag() -> None:
    text = said("x", EVIL, "email", "html", html="<p>{traits.name}</p>")
    assert text == "<p>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;</p>"


def test_between_tags_is_anywhere_but_in_a_tag() -> None:
    for html in (
        "{traits.name}",
        "a < {traits.name}",
        "<b>x</b> {traits.name}",
        "&amp; {traits.name}<br>",
        "<p>&{traits.name}",
        "&#{traits.name}",
    ):
        assert "&lt;script&gt;" in (said("x", EVIL, "email", "html", html=html) or "")


def test_plain_text_is_not_escaped() -> None:
    assert said("{traits.name}", EVIL) == EVIL.traits["name"]


def test_what_a_customer_says_leads_no_link_elsewhere() -> None:
    link = said("x", EVIL, part="link", link="https://acme.example/{traits.path}?n={traits.name}")
    assert link is not None
    assert link.startswith("https://acme.example/..%2F..%2Fx%3Fy%23z?n=%22%3E%3C")


def test_a_subject_stays_one_line() -> None:
    ready = Catalogue([saying("x", "email", subject="About {traits.line}")]).ready["saying"]
    message = ready.rendered(EVIL, NOW, "email")
    assert isinstance(message, Rendered)
    assert message.parts["subject"] == "About a Bcc: b@c"


@pytest.mark.parametrize(
    "html",
    [
        "<p class='{traits.name}'>",
        "<a href={traits.name}>x</a>",
        "<{traits.name}>",
        "</{traits.name}>",
        "<b {traits.name}>x</b>",
        "<script>var x = '{traits.name}'</script>",
        "<SCRIPT>{traits.name}",
        "<style>p {{ color: {traits.name} }}</style>",
        "<!-- {traits.name} -->",
        "<!{traits.name}>",
        "<?{traits.name}>",
        "<p {{}} {traits.name}",
    ],
)
def test_in_html_a_placeholder_stands_between_tags_alone(html: str) -> None:
    with pytest.raises(BadInput) as caught:
        saying("x", "email", html=html)
    assert caught.value.code == "bad_placeholder"
    assert "tag" in caught.value.message


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "{traits.url}",
        "//evil.example",
        "/\\evil",
        "https://",
        "https://{traits.h}/",
        "ftp://x/",
        "https://a{traits.h}",
    ],
)
def test_a_link_says_itself_where_it_leads(link: str) -> None:
    with pytest.raises(BadInput) as caught:
        saying("x", link=link)
    assert (caught.value.code, caught.value.field) == ("bad_link", "content.inbox.en.link")


@given(st.text())
def test_any_html_is_read_or_refused(html: str) -> None:
    for text in (html, f"{html}{{traits.name}}"):
        fault = fault_of(partial(template, text, "html", "f"))
        assert fault is None or fault.code == "bad_placeholder"


def test_what_grows_too_long_when_filled_is_not_said() -> None:
    ready = Catalogue([saying(f"{'x' * 180}{{traits.long}}", "watch")]).ready["saying"]
    message = ready.rendered(Facts({"long": "y" * 400}), NOW, "watch")
    assert isinstance(message, Unrendered)
    assert message.place == "text"
    assert isinstance(ready.rendered(Facts({"long": "y"}), NOW, "watch"), Rendered)


# -- languages


@pytest.mark.parametrize(
    ("available", "wanted", "default", "expected"),
    [
        (("de-AT", "en"), ("de-AT",), "", "de-AT"),
        (("de", "en"), ("de-AT",), "", "de"),
        (("de-AT", "en"), ("de",), "", "de-AT"),
        (("de-AT", "en"), ("de-CH",), "", "de-AT"),
        (("fr", "en"), ("it", "fr"), "", "fr"),
        (("fr", "de", "en"), ("it",), "de", "de"),
        (("fr", "en-GB"), ("it",), "", "en-GB"),
        (("fr", "de"), ("it",), "", "fr"),
        (("no", "en"), ("nb-NO",), "", "no"),
        (("zh-Hans", "zh-Hant"), ("zh-Hant-TW",), "", "zh-Hant"),
        (("fr",), (), "", "fr"),
    ],
)
def test_the_customers_language_then_the_default_then_english_then_the_first(
    available: tuple[str, ...], wanted: tuple[str, ...], default: str, expected: str
) -> None:
    assert chosen(available, wanted, default) == expected


def test_what_sources_call_a_language_is_read() -> None:
    assert spoken_by({"locale": "de_at.UTF-8", "language": "nb"}) == ("nb", "de-AT")
    assert spoken_by({"language": ["fr", 3, None, "!!"]}) == ("fr",)
    assert spoken_by({"language": "German", "locale": {"x": 1}}) == ()
    assert tag_of("ZH-hant-tw") == "zh-Hant-TW"


def test_numbers_are_written_as_the_language_does() -> None:
    one = made(content={"inbox": {"en": "{traits.spent}", "de": "{traits.spent}"}}, language=None, caps=None)
    ready = Catalogue([one]).ready["boiler"]
    for language, expected in (("en", "12.50"), ("de", "12,50")):
        message = ready.rendered(ADA, NOW, "inbox", (language,))
        assert isinstance(message, Rendered)
        assert message.parts["text"] == expected


def test_computed_traits_can_be_said() -> None:
    computation = Rulebook((), [expressed("acme", "score", "traits.visits * 2", "service")]).computation
    ready = Catalogue([saying("{computed.score}")], computation).ready["saying"]
    assert "visits" in ready.dependencies.traits
    message = ready.rendered(ready.fill(ADA, NOW), NOW, "inbox")
    assert isinstance(message, Rendered)
    assert message.parts["text"] == "6"
