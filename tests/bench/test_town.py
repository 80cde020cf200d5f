"""The simulated town, small: what holds in it whatever is chosen, and the order of the ways to choose."""

import re
from functools import lru_cache

import numpy as np
import pytest

from bench.town import measure, picture, telling, world
from bench.town.living import SILENT, Asked, Came, live
from bench.town.measure import Task
from bench.town.peers import SENSIBLE, Knowing, Random, Rapport, tuned
from bench.town.telling import GREEDY, HARMS, OURS, PEERS, RANDOM, SEGMENTS, Life, Lives
from bench.town.world import ACTS, APART, town
from rapport.decide.priors import Scales

SEEDS = 3


class _Silent:
    def choose(self, asked: Asked) -> int:
        del asked
        return SILENT

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        """Nothing."""


class _Watched(Random):
    """A way that notes what it did."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.did: dict[tuple[int, int], list[int]] = {}
        self.told: list[tuple[int, int]] = []

    def choose(self, asked: Asked) -> int:
        done = super().choose(asked)
        if done != SILENT:
            self.did.setdefault((asked.visit.customer, done), []).append(asked.visit.day)
        return done

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        del done, customer, company
        self.told.append((asked.visit.at, at))


def lives(way: str, harm: float) -> list[Life]:
    return [measure.lived(Task(way, seed, harm, 60, 40)) for seed in range(SEEDS)]


@lru_cache
def sides(way: str, harm: float) -> tuple[float, float]:
    """What a way gives both sides, over the seeds."""
    customer, company = np.mean([life.sides for life in lives(way, harm)], axis=0).tolist()
    return customer, company


@pytest.mark.parametrize("peer", PEERS)
def test_where_contact_harms_customers_are_better_off_with_both_sides_in_view(peer: str) -> None:
    assert sides(OURS, 2.0)[0] > sides(peer, 2.0)[0]


def test_greedy_is_no_straw_man_and_segments_are_tuned() -> None:
    chance, ours = sides(RANDOM, 0.0)[1], sides(OURS, 0.0)[1]
    assert sides(GREEDY, 0.0)[1] > max(1.3 * chance, ours)
    assert sides(SEGMENTS, 0.0)[1] > max(1.3 * chance, ours)


def test_who_knows_all_and_weighs_both_sides_harms_nobody() -> None:
    for harm in (0.0, 2.0):
        found = live(town(1, harm, 50, 20), Knowing(0.5))
        assert (found.given >= 0).all()
        assert not found.left.any()


def test_silence_gives_nothing_and_takes_nothing() -> None:
    found = live(town(1, 2.0, 40, 20), _Silent())
    assert not found.given.any()
    assert not found.contacts


def test_nobody_leaves_where_contact_does_no_harm_and_many_do_where_it_does() -> None:
    def left(harm: float) -> Came:
        return live(town(2, harm, 60, 40), Random(2))

    assert not left(0.0).left.any()
    assert left(2.0).left.mean() > 0.1


def test_a_seed_is_a_town_and_harm_alone_differs() -> None:
    mild, again, strong = (town(5, harm, 30, 10) for harm in (1.0, 1.0, 2.0))
    for one in (again, strong):
        assert one.visits == mild.visits
        assert (one.luck == mild.luck).all()
        assert (one.odds == mild.odds).all()
        assert one.declared == mild.declared
    assert town(6, 1.0, 30, 10).visits != mild.visits


def test_the_same_decisions_come_of_the_same_seed() -> None:
    first, again = (live(town(3, 1.0, 30, 15), Rapport(3, Scales(3.0, 2.5), policy=SENSIBLE)) for _ in range(2))
    assert (first.given == again.given).all()


def test_caps_bind_every_way_and_outcomes_come_late() -> None:
    watched = _Watched(4)
    live(town(4, 0.0, 30, 60), watched)
    for days in watched.did.values():
        assert (np.diff(days) >= APART).all()
    assert watched.told
    assert all(learnt > decided for decided, learnt in watched.told)


def test_segments_never_do_what_the_pilot_saw_lose() -> None:
    rules = tuned(1, 0.0, 60, 40)
    assert rules.ranked
    assert all(ACTS[place].id != "thanks-voucher" for ranked in rules.ranked.values() for place in ranked[:3])


def test_no_trait_tells_who_has_the_rare_taste() -> None:
    found = town(1, 0.0, 2_000, 1)
    by_segment = [found.rare[[trait["plan"] == plan for trait in found.traits]].mean() for plan in world.PLANS]
    assert max(by_segment) < 3 * world.RARE


def test_the_picture_says_its_figures_and_reads_in_the_dark() -> None:
    points = [picture.Point("no harm", "greedy <1>", 80.0, 50.0, False)]
    points += [picture.Point("no harm", f"weight {weight}", 40.0 + weight, 60.0, True) for weight in (0.1, 0.9)]
    drawn = picture.drawn(points)
    assert "greedy &lt;1&gt;: company 80.0, customer 50.0" in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert len(re.findall("<circle", drawn)) == 3


def made_up(company: float) -> Lives:
    """Two seeds of each way, in which Rapport gives the company so much more than the others."""
    lives: Lives = {}
    for harm in HARMS:
        for way in telling.WAYS:
            more = company if way == OURS else 0.0
            lives[way, harm] = [
                Life(
                    np.array([50.0 + (way == OURS), 40.0 + more + seed / 8]),
                    np.zeros((3, 2)),
                    np.zeros(2),
                    0.1,
                    2.0,
                    0.0,
                )
                for seed in range(2)
            ]
    return lives


def test_it_says_where_rapport_loses_and_where_nothing_is_proven() -> None:
    assert telling.losses(made_up(1.0)) == ["- nowhere."]
    lost = telling.losses(made_up(-5.0))
    assert len(lost) == len(HARMS) * len(PEERS)
    assert lost[0] == "- no harm: the company has £5.0 [5.0, 5.0] less than under segments."
    assert all("is not proven" in line for line in telling.losses(made_up(0.0)))


def test_a_page_is_filled_between_its_marks_and_each_way_is_a_row_of_each_harm() -> None:
    lives = made_up(1.0)
    told = telling.told(lives, {(OURS, 0.0): lives[OURS, 0.0]})
    page = telling.filled(telling.filled(f"before {telling.BEGIN} old {telling.END} after", told), told)
    assert page.startswith("before ")
    assert page.endswith(" after")
    assert " old " not in page
    for way in telling.WAYS:
        assert told.count(f"| {way} | 5") >= len(HARMS)


def test_the_page_of_the_town_has_a_place_for_what_comes_out() -> None:
    assert telling.BEGIN in telling.filled(measure.PAGE.read_text("utf-8"), "")
