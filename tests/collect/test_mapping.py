"""A mapping is read whole, or refused with an error that names the file, the table and the field."""

from pathlib import Path

import pytest

from rapport.collect import mapping_toml
from rapport.collect.mapping import Field
from rapport.kernel.errors import BadInput

ROOT = Path(__file__).parents[2]
NO_MAPPINGS = {ROOT / "examples" / name for name in ("actions.toml", "declaration.toml")}
EXAMPLES = sorted({*(ROOT / "examples").glob("*.toml")} - NO_MAPPINGS)

MINIMAL = '[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n'


def parse(text: str):
    return mapping_toml.parse(text, "m.toml")


def refusal(text: str) -> BadInput:
    with pytest.raises(BadInput) as raised:
        parse(text)
    assert raised.value.code == "bad_mapping"
    assert raised.value.message.startswith("m.toml")
    return raised.value


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_is_a_mapping(path):
    assert mapping_toml.load(path).name == path.stem


def test_the_retail_mapping_reads_the_columns_of_the_retail_file():
    columns = mapping_toml.load(ROOT / "examples/online_retail.toml").columns()
    assert columns == (
        "Country",
        "CustomerID",
        "Description",
        "InvoiceDate",
        "InvoiceNo",
        "Quantity",
        "StockCode",
        "UnitPrice",
    )


def test_the_smallest_mapping_has_sensible_defaults():
    mapping = parse(MINIMAL)
    assert (mapping.time.zone, mapping.time.required, mapping.file.decimal, mapping.key) == ("UTC", False, ".", "")
    assert mapping.events[0].type == "track"
    assert mapping.events[0].name == Field(value="Seen")


def test_a_mapping_is_named_after_its_file_unless_it_says_otherwise(tmp_path):
    path = tmp_path / "Our CRM (2026).toml"
    path.write_text(MINIMAL)
    assert mapping_toml.load(path).name == "our-crm-2026"
    path.write_text('name = "crm"\n' + MINIMAL)
    assert mapping_toml.load(path).name == "crm"


def test_traits_of_all_events_can_be_added_to_and_replaced_by_an_event():
    mapping = parse(
        '[identifiers]\nuser_id="id"\n[traits]\na="x"\nb="y"\n[[event]]\ntype="identify"\n[event.traits]\nb="z"\nc="w"'
    )
    assert {name: field.column for name, field in mapping.events[0].traits} == {"a": "x", "b": "z", "c": "w"}


def test_events_that_share_type_and_name_are_told_apart_in_message_ids():
    when = "when = { column = 'x', equals = '1' }\n"
    mapping = parse(MINIMAL + when + '[[event]]\nname = "Seen"\n')
    assert [event.label for event in mapping.events] == ["track:Seen", "track:Seen:2"]


WRONG = [
    ("no TOML", "a = ", "is not TOML"),
    ("a number without end", "a = " + "9" * 5_000, "is not TOML"),
    ("nothing", "", "identifiers must name at least one column"),
    ("no events", '[identifiers]\nuser_id = "id"\n', "needs at least one [[event]]"),
    ("an unknown table", MINIMAL + "[trait]\n", "m.toml: trait is not known here; did you mean 'traits'?"),
    ("a typo at the top", "nmae = 'x'\n" + MINIMAL, "nmae is not known here; did you mean 'name'?"),
    ("a typo in a table", "[time]\nzon = 'UTC'\n" + MINIMAL, "time.zon is not known here; did you mean 'zone'?"),
    ("a typo in an event", MINIMAL + "grup_by = 'x'\n", "event[1].grup_by is not known here; did you mean 'group_by'?"),
    ("a typo in a field", MINIMAL + "[event.properties]\na = { colum = 'x' }", "did you mean 'column'?"),
    ("capitals", MINIMAL + "Skip = true", "did you mean 'skip'?"),
    ("a wrong kind", MINIMAL + "skip = 'yes'", "event[1].skip is a text; it must be true or false"),
    ("a wrong kind of table", "time = 3\n" + MINIMAL, "time is a whole number; it must be a table"),
    ("one event", '[identifiers]\nuser_id = "id"\n[event]\nname = "x"', "must be written as [[event]]"),
    ("an unknown type", MINIMAL + 'type = "trck"', "one of alias, group, identify, page, screen, track; did you mean"),
    ("an event without a name", '[identifiers]\nuser_id = "id"\n[[event]]\n', "event[1].name is missing"),
    ("an identify with a name", MINIMAL + 'type = "identify"', "name does not go with type = 'identify'"),
    ("an empty name", '[identifiers]\nuser_id = "id"\n[[event]]\nname = " "', "name is empty"),
    ("no key", '[identifiers]\nemail = "e"\n[[event]]\nname = "x"', "key must say which identifier keys a record"),
    ("a key that is not there", "key = 'crm_id'\n" + MINIMAL, "key is 'crm_id'; it must be one of user_id"),
    ("an odd identifier", '[identifiers]\n"User Id" = "id"\n[[event]]\nname = "x"', "is no identifier type"),
    ("an identifier that is constant", '[identifiers]\nuser_id = { value = "x" }', "value cannot stand here"),
    ("two sources of a value", MINIMAL + "[event.properties]\na = { column = 'x', value = 1 }", "exactly one of"),
    ("no source of a value", MINIMAL + "[event.properties]\na = { type = 'text' }", "it has none"),
    ("a number for a column", MINIMAL + "[event.properties]\na = 3", "a constant is written { value = 3 }"),
    ("a list for a constant", MINIMAL + "[event.properties]\na = { value = [] }", "must be a text, a number"),
    ("an infinite constant", MINIMAL + "[event.properties]\na = { value = inf }", "which no event can hold"),
    (
        "an unknown category",
        MINIMAL + "[event.traits]\na = { column='x', category='contct' }",
        "did you mean 'contact'?",
    ),
    (
        "a category of a property",
        MINIMAL + "[event.properties]\na = { column='x', category='name' }",
        "cannot stand here",
    ),
    ("a type of a sum", MINIMAL + "[event.properties]\na = { sum = 'x', type = 'number' }", "there is no column here"),
    (
        "decimals of a text",
        MINIMAL + "[event.properties]\na = { column = 'x', decimals = 2 }",
        "goes with compute, sum",
    ),
    ("a sum in a list", MINIMAL + "[event.lists.l]\na = { sum = 'x' }", "needs fields of one line each"),
    ("an empty list", MINIMAL + "[event.lists.l]\n", "needs fields of one line each"),
    ("a list that is a property", MINIMAL + "[event.properties]\nl='x'\n[event.lists.l]\na='x'", "is a property too"),
    ("division", MINIMAL + "[event.properties]\na = { sum = 'x / y' }", "'x / y' cannot stand in"),
    ("a call", MINIMAL + "[event.properties]\na = { sum = 'open(x)' }", "cannot stand in"),
    ("an attribute", MINIMAL + "[event.properties]\na = { sum = 'x.y' }", "cannot stand in"),
    ("half an expression", MINIMAL + "[event.properties]\na = { sum = 'x *' }", "cannot be read"),
    ("no column to compute", MINIMAL + "[event.properties]\na = { compute = '1 + 2' }", "names no column"),
    ("no condition", MINIMAL + "when = { column = 'x' }", "needs one of equals, one_of"),
    ("a condition on nothing", MINIMAL + "when = { equals = 'x' }", "column is missing"),
    ("a bound that is no number", MINIMAL + "when = { column = 'x', above = 'y' }", "above must be a number"),
    ("skipping everything", '[identifiers]\nuser_id = "id"\n[[event]]\nskip = true', "would leave out every line"),
    ("a group without its id", '[identifiers]\nuser_id = "id"\n[[event]]\ntype = "group"', "group_id is missing"),
    ("an alias without its id", '[identifiers]\nuser_id = "id"\n[[event]]\ntype = "alias"', "previous_id is missing"),
    ("a stray group id", MINIMAL + "group_id = 'x'", "belongs to type = 'group' alone"),
    ("two ids", MINIMAL + "group_by = 'x'\nmessage_id = 'y'", "message_id cannot stand beside group_by"),
    ("an unknown zone", "[time]\nzone = 'Europe/Londn'\n" + MINIMAL, "did you mean 'Europe/London'?"),
    ("a zone that climbs", "[time]\nzone = '../etc/passwd'\n" + MINIMAL, "which is no time zone"),
    ("a format without marks", "[time]\nformats = 'DD/MM/YYYY'\n" + MINIMAL, "written like %d/%m/%Y %H:%M"),
    ("a format without a year", "[time]\nformats = ['%d/%m']\n" + MINIMAL, "has no year"),
    ("a format of nothing", "[time]\nformats = ['%Y %q']\n" + MINIMAL, "is no format of times"),
    ("two times", "[time]\ncolumn = 'x'\nvalue = 2026-01-01\n" + MINIMAL, "has both a column and a value"),
    ("no time", "[time]\nvalue = 'yesterday'\n" + MINIMAL, "is no time such as"),
    ("equal marks", "[file]\ndecimal = ','\nthousands = ','\n" + MINIMAL, "they must differ"),
    ("a long delimiter", "[file]\ndelimiter = '||'\n" + MINIMAL, "must be one character"),
    ("an unknown encoding", "[file]\nencoding = 'utf8'\n" + MINIMAL, "did you mean 'utf-8'?"),
    ("a bad name", "name = 'Our CRM'\n" + MINIMAL, "a name is lower-case letters"),
]


@pytest.mark.parametrize(("text", "said"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_mapping_that_is_wrong_is_refused_and_says_where(text, said):
    assert said in refusal(text).message


def test_an_error_names_the_field_for_machines():
    assert refusal(MINIMAL + "[event.properties]\nrevenue = { sum = 'a /' }").field == "event[1].properties.revenue.sum"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "is not UTF-8"), (b"x" * 2_000_000, "no settings file"), (None, "cannot be read")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, said):
    path = tmp_path / "m.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        mapping_toml.load(path)
