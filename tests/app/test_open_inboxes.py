"""Open inboxes: one look for all of them, told only of what changed, and no more of them than a node can hold."""

import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest

from rapport.app import open_inboxes
from rapport.app.open_inboxes import OF_ALL, OF_ONE, OpenInboxes
from rapport.kernel.errors import Busy, TooMany
from rapport.web.portal.inbox_desk import News


class Post:
    """What came, by person; and how often it was asked of whom."""

    def __init__(self) -> None:
        self.came: dict[str, News] = {}
        self.asked: Counter[str] = Counter()
        self.broken = ""
        self.again = asyncio.Event()

    async def asked_of(self, person: str, times: int) -> None:
        """Until it was asked so often."""
        while self.asked[person] < times:
            self.again.clear()
            await self.again.wait()

    def news_of(self, person: str) -> News:
        self.asked[person] += 1
        self.again.set()
        if person == self.broken:
            raise OSError
        return self.came.get(person, News(0, ""))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_inboxes, "LOOK_SECONDS", 0)


def test_all_windows_of_a_person_are_told_by_one_look_and_others_are_not_woken() -> None:
    async def seen() -> None:
        post = Post()
        house = OpenInboxes(post.news_of)
        with house.opened("ada") as one, house.opened("ada") as two, house.opened("bo") as other:
            assert (one.news, two.news) == (News(0, ""), News(0, ""))
            post.came["ada"] = News(1, "dec_1")
            while one.news.unseen == 0:
                await one.changed(60)
            assert one.news == two.news == News(1, "dec_1")
            await two.changed(60)  # it was told, too: this does not wait
            before, woken = post.asked["bo"], asyncio.ensure_future(other.changed(60))
            await post.asked_of("bo", before + 3)
            assert not woken.done()
            woken.cancel()
            # Each person is asked about once a look, however many windows they have; each window once more, at first.
            assert abs(post.asked["ada"] - 1 - post.asked["bo"]) <= 1

    asyncio.run(seen())


def test_nothing_is_looked_at_once_nobody_has_an_inbox_open() -> None:
    async def seen() -> None:
        post = Post()
        house = OpenInboxes(post.news_of)
        with house.opened("ada"):
            pass
        with house.opened("ada"):
            pass
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        assert post.asked["ada"] == 2  # as each was opened

    asyncio.run(seen())


def test_what_cannot_be_read_now_keeps_nobody_else_waiting_and_is_read_again() -> None:
    async def seen() -> None:
        post = Post()
        house = OpenInboxes(post.news_of)
        with house.opened("ada") as ada, house.opened("bo") as bo:
            post.broken, post.came["bo"] = "ada", News(1, "dec_1")
            while bo.news.unseen == 0:
                await bo.changed(60)
            post.broken, post.came["ada"] = "", News(1, "dec_2")
            while ada.news.unseen == 0:
                await ada.changed(60)

    asyncio.run(seen())


def test_one_person_has_so_many_open_and_all_together_so_many_and_who_closes_one_makes_room() -> None:
    async def seen() -> None:
        house = OpenInboxes(Post().news_of)
        with ExitStack() as windows:
            for _ in range(OF_ONE - 1):
                windows.enter_context(house.opened("ada"))
            with house.opened("ada"):
                with pytest.raises(TooMany) as told:
                    house.expect_place("ada")
                assert (told.value.status, told.value.retry_after) == (429, open_inboxes.AGAIN_S)
                with pytest.raises(TooMany), house.opened("ada"):
                    pass
                house.expect_place("bo")
            house.expect_place("ada")
            for number in range(OF_ALL - OF_ONE + 1):
                windows.enter_context(house.opened(f"person {number}"))
            with pytest.raises(Busy) as told_all:
                house.expect_place("bo")
            assert told_all.value.status == 503
        house.expect_place("bo")

    asyncio.run(seen())
