"""What Lantern Lane promises, and those of its customers who have an account and terms of their own.

Ben wants to be left alone; of the others, many have an account (Alice's is made with her month, `month`). All of
their terms allow `service`, so nobody is missing from it.
"""

from collections.abc import Iterator
from importlib.resources import files

from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.cli.demo.people import ALICE, Shopper, household
from rapport.terms.presets import PRESETS

MOST = 120
_EVERY = 2
_CHOSEN = ("open", "balanced", "alone", "open", "balanced")


def declare(settings: Settings, org: str) -> None:
    """Declare what is in `lantern_lane.toml`, unless the organization has declared something already."""
    promises = embedded.open_promises(settings)
    if promises.standing(org).version == 0:
        promises.put(org, files("rapport.cli.demo").joinpath("lantern_lane.toml").read_bytes(), "toml")


def open_accounts(settings: Settings, org: str, seed: int, households: int, known: int) -> int:
    """Make the accounts that are not there yet (`known` are); return how many there are now."""
    people = embedded.open_people(settings)
    wanted = list(_with_accounts(seed, households))
    for shopper, preset in wanted[known:]:
        claims = [f"{org}:user_id:{shopper.user_id}", f"{org}:email:{shopper.email}"]
        people.set_terms(people.add(claims).handle, PRESETS[preset])
    return max(known, len(wanted))


def _with_accounts(seed: int, households: int) -> Iterator[tuple[Shopper, str]]:
    """Who has an account, and the preset of each, in an order that more households do not change."""
    yield household(seed, ALICE).people[1], "alone"
    made = 1
    for number in range(1, households):
        shopper = household(seed, number).people[0]
        if shopper.user_id is not None and number % _EVERY == 0 and made < MOST:
            yield shopper, _CHOSEN[made % len(_CHOSEN)]
            made += 1
