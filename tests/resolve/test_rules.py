"""The settings of resolution: the file that Rapport brings along, and what is wrong with others."""

import pytest

from rapport.kernel.errors import Misconfigured
from rapport.resolve import default_rules, load_rules
from rapport.resolve.rules import MAX_BYTES, parse_rules

ANY = '[types."*"]\nlevel = 3\ntrusted_level = 3\n'


def test_levels_are_those_of_the_design():
    of = default_rules()
    assert of.level("user_id") == of.level("user_id", trusted=True) == 0
    assert of.level("email", trusted=True) == of.level("loyalty_id", trusted=True) == 2
    assert [of.level(name) for name in ("email", "phone", "anonymous_id", "device_id")] == [3, 3, 3, 3]


def test_limits_are_those_of_the_design():
    of = default_rules()
    assert (of.too_connected, of.records_per_user, of.identifiers_per_record) == (1000, 10_000, 64)
    assert (of.of("email").shared_above, of.of("email").per_customer) == (20, 5)
    assert [name for name in of.types if of.of(name).one_email] == ["phone", "anonymous_id", "device_id"]


def test_what_a_less_trusted_source_says_counts_less_but_for_its_user_ids():
    of = default_rules()
    assert of.level("email", trust=-1) > of.level("email", trust=0) == of.level("email", trust=5)
    assert of.level("email", trust=-7) == of.level("email", trust=-1)
    assert of.level("user_id", trust=-1) == 0


def test_a_type_without_rules_has_those_of_any_other():
    of = default_rules()
    assert of.of("frequent_flyer") == of.of("*")
    assert of.level("frequent_flyer") == 3


def test_an_operators_file_replaces_the_rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(f'blocked = ["N.N. "]\ntoo_connected = 50\n{ANY}')
    of = load_rules(path)
    assert of.too_connected == 50
    assert of.blocks("n.n.")
    assert of.blocks("N.N.")
    assert not of.blocks("nn")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("too_connected = 50", 'types."*"'),
        (f"too_connected = 0\n{ANY}", "too_connected"),
        (f"too_conected = 5\n{ANY}", "too_conected"),
        (f"{ANY}[types.email]\nlevel = 'high'", "types"),
        (f"{ANY}[types.email]\nlevel = 0\ntrusted_level = 0", "types.email.level"),
        (f"{ANY}[types.email]\nlevel = 2\ntrusted_level = 3", "types.email.trusted_level"),
        (f"{ANY}[types.user_id]\nlevel = 1\ntrusted_level = 0", "types.user_id.level"),
        (f"{ANY}[trust]\nlow = 3", "trust"),
        ("too_connected = = 5", "line 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, text, named):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        load_rules(path)
    assert named in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 20_000 + "]" * 20_000, "nests too deep"),
        ("too_connected = " + "9" * 5_000, "is not TOML"),
        ("#" * (MAX_BYTES + 1), "has more than"),
    ],
)
def test_a_hostile_file_is_refused_like_any_other(tmp_path, text, said):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=said):
        load_rules(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_rules(path)


def test_without_trust_listed_all_sources_are_alike():
    assert parse_rules(ANY, "rules").level("email", trust=-3) == 3
