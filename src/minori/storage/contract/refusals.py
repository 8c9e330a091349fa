"""What every log of refusals passes: the words of `storage.base.RefusalLog`, each as a test.

A driver's tests subclass `RefusalLogContract` and say how one empty log is opened. pytest collects
the subclass; this module needs no test library.
"""

import asyncio

from msgspec.structs import replace

from minori.model.refusal import Level, Refusal, RefusalQuery, Service, UnknownSender
from minori.model.resource import ResourceType
from minori.storage.base import RefusalLog
from minori.storage.contract.refusal_story import (
    ACCOUNT,
    ALL,
    NOW,
    OTHER,
    RefusalStories,
    add,
    everything,
    pages,
    refusal,
    refusals,
    sender,
    story,
)

EXAMPLE = Refusal(
    ACCOUNT,
    2**63 - 1,
    NOW,
    Service.UNIFIED,
    Level.ERROR,
    "tür, 実り",
    ResourceType.LORA_DEVICE,
    "a/b\"\\\x7f%00é'; --",
    "2001:db8::1",
    "Overloaded",
    "実" * 500,
    2**62,
    2**40,
)
"""A refusal with values that a careless mapping would lose."""

NAMELESS = replace(EXAMPLE, time=0, resource_type=None, resource_id=None, address="", size=None)


class RefusalLogContract(RefusalStories):
    """The suite. Every test gets an empty log on an event loop of its own."""

    @story
    async def test_a_refusal_comes_back_as_it_was_added(self, log: RefusalLog) -> None:
        """Every member, those that may be absent too."""
        await add(log, EXAMPLE, NAMELESS)
        assert await everything(log) == [EXAMPLE, NAMELESS]

    @story
    async def test_the_newest_come_first_whatever_the_order_of_adding(self, log: RefusalLog) -> None:
        """One that was counted for a minute is added after later ones."""
        await add(log, *refusals([NOW + 1, NOW + 3]))
        await add(log, *refusals([NOW + 2, NOW, NOW + 4]))
        assert [one.time - NOW for one in await everything(log)] == [4, 3, 2, 1, 0]

    @story
    async def test_of_one_millisecond_what_was_added_later_is_the_newer(self, log: RefusalLog) -> None:
        """Equal ones are all kept."""
        first, second, third = refusals([NOW] * 3)
        await add(log, first, second)
        await add(log, third, third)
        assert await everything(log) == [third, third, second, first]

    @story
    async def test_an_account_sees_only_its_own(self, log: RefusalLog) -> None:
        """Even if the name of one begins with that of another, as in the other coverage."""
        mine, others, longer = refusal(NOW), refusal(NOW, account=OTHER), refusal(NOW, account=f"{ACCOUNT}-g")
        await add(log, mine, others, longer)
        assert await everything(log) == [mine]
        assert await everything(log, OTHER) == [others]
        assert await everything(log, f"{ACCOUNT}-g") == [longer]
        assert await everything(log, "OP0000000009") == []

    @story
    async def test_from_and_to_are_both_included(self, log: RefusalLog) -> None:
        """In milliseconds."""
        await add(log, *refusals(range(NOW, NOW + 6)))
        page = await log.page(RefusalQuery(ACCOUNT, first=NOW + 1, last=NOW + 3))
        assert [one.time - NOW for one in page.refusals] == [3, 2, 1]
        assert list((await log.page(RefusalQuery(ACCOUNT, first=NOW + 3, last=NOW + 1))).refusals) == []

    @story
    async def test_service_type_and_id_are_compared_exactly(self, log: RefusalLog) -> None:
        """Each by itself and all together; what has no resource is found without one alone."""
        kinds = [ResourceType.SUBSCRIBER, ResourceType.DEVICE, None]
        ids = ["001", "00", None]
        await add(
            log,
            *[
                refusal(NOW, service=service, kind=kind, resource_id=resource_id)
                for service in Service
                for kind in kinds
                for resource_id in ids
            ],
        )
        for service in (None, *Service):
            for kind in kinds:
                for resource_id in ids:
                    query = RefusalQuery(ACCOUNT, service, kind, resource_id, limit=ALL)
                    expected = [2, 1][service is not None] * [3, 1][kind is not None] * [3, 1][resource_id is not None]
                    assert len((await log.page(query)).refusals) == expected

    @story
    async def test_pages_of_any_size_make_up_the_whole(self, log: RefusalLog) -> None:
        """With milliseconds of one, two and many, each exactly once; a page that just fits is the last."""
        times = [NOW] * 4 + [NOW + 1] + [NOW + 2] * 9 + [NOW + 3, NOW + 4] + [NOW + 5] * 3
        await add(log, *refusals(times))
        whole = await everything(log)
        for limit in range(1, len(times) + 2):
            found = await pages(log, RefusalQuery(ACCOUNT, limit=limit))
            assert [one for page in found for one in page] == whole
            assert len(found) == -(-len(times) // limit)

    @story
    async def test_what_is_added_while_somebody_pages_doubles_nothing_and_hides_nothing(self, log: RefusalLog) -> None:
        """Newer ones, and late ones of a millisecond that has been told in part."""
        entries = refusals([NOW] * 6)
        await add(log, *entries)
        page = await log.page(RefusalQuery(ACCOUNT, limit=2))
        await add(log, refusal(NOW, "late"), refusal(NOW + 1, "new"))
        seen, end = list(page.refusals), page.end
        while end is not None:
            page = await log.page(RefusalQuery(ACCOUNT, limit=2), end)
            seen, end = seen + list(page.refusals), page.end
        assert seen == entries[::-1]

    @story
    async def test_whoever_follows_sees_each_once_whatever_its_time(self, log: RefusalLog) -> None:
        """What is added is behind the newest sequence of a page, though its time may not be."""
        await add(log, *refusals([NOW, NOW + 9]))
        page = await log.page(RefusalQuery(ACCOUNT))
        await add(log, refusal(NOW + 3, "late"), refusal(NOW, "other", OTHER))
        more = await log.page(RefusalQuery(ACCOUNT, after=page.newest))
        assert [one.message for one in more.refusals] == ["late"]
        rest = await log.page(RefusalQuery(ACCOUNT, after=more.newest))
        assert (list(rest.refusals), rest.newest) == ([], 0)

    @story
    async def test_what_is_too_old_is_forgotten_and_nothing_else(self, log: RefusalLog) -> None:
        """Of every account; the time itself is not too old."""
        await add(log, *refusals(range(NOW, NOW + 5)), *refusals([NOW, NOW + 9], OTHER))
        assert await log.forget(NOW + 3, 100, 100) == 4
        assert [one.time - NOW for one in await everything(log)] == [4, 3]
        assert [one.time - NOW for one in await everything(log, OTHER)] == [9]
        assert await log.forget(NOW + 3, 100, 100) == 0

    @story
    async def test_of_whoever_has_too_many_the_oldest_are_forgotten(self, log: RefusalLog) -> None:
        """Who has fewer loses nothing to the one who has more."""
        mine, theirs = refusals([NOW + 1, NOW, NOW, NOW + 2, NOW]), refusals([NOW - 9], OTHER)
        await add(log, *mine, *theirs)
        assert await log.forget(0, 2, 100) == 3
        assert await everything(log) == [mine[3], mine[0]]
        assert await everything(log, OTHER) == theirs

    @story
    async def test_forgetting_goes_in_slices_of_any_size(self, log: RefusalLog) -> None:
        """A slice that is not full is the last one."""
        for limit in range(1, 13):
            await add(log, *refusals([NOW] * 6), *refusals([NOW] * 4, OTHER), *refusals([NOW + 1] * 2))
            slices = [limit]
            while slices[-1] == limit:
                slices.append(await log.forget(NOW + 1, 1, limit))
            assert (sum(slices[1:]), max(slices)) == (11, limit)
            assert [one.time - NOW for one in await everything(log)] == [1]
            assert await log.forget(NOW + 2, 1, 100) == 1

    @story
    async def test_sequences_never_go_back(self, log: RefusalLog) -> None:
        """All of it may be forgotten, and a place of before still means the same."""
        await add(log, *refusals([NOW] * 3))
        page = await log.page(RefusalQuery(ACCOUNT, limit=2))
        assert await log.forget(NOW + 1, 100, 100) == 3
        await add(log, *refusals([NOW] * 3))
        assert list((await log.page(RefusalQuery(ACCOUNT), page.end)).refusals) == []
        assert len((await log.page(RefusalQuery(ACCOUNT, after=page.newest))).refusals) == 3

    @story
    async def test_unknown_senders_are_told_the_latest_first(self, log: RefusalLog) -> None:
        """Every member, with and without a size; of one time in order of their addresses."""
        bare = UnknownSender("2001:db8::9", 1, NOW + 5, 2**40, "http", "TooSlow", None)
        await log.add([], [sender("10.0.0.2", NOW), sender("10.0.0.1", NOW), bare, sender("10.0.0.3", NOW - 1)], ALL)
        found = list(await log.unknown_senders(ALL))
        assert found == [bare, sender("10.0.0.1", NOW), sender("10.0.0.2", NOW), sender("10.0.0.3", NOW - 1)]
        assert list(await log.unknown_senders(2)) == found[:2]

    @story
    async def test_a_sender_that_is_seen_again_is_one_sender(self, log: RefusalLog) -> None:
        """Its first time stays, its counts are added; the rest is that of the later report, which may come first."""
        await log.add([], [sender("10.0.0.1", NOW, 3)], ALL)
        later = UnknownSender("10.0.0.1", NOW + 5, NOW + 9, 4, "tcp", "TooSlow", None)
        await log.add([refusal(NOW)], [later], ALL)
        merged = [UnknownSender("10.0.0.1", NOW, NOW + 9, 7, "tcp", "TooSlow", None)]
        assert list(await log.unknown_senders(ALL)) == merged
        await log.add([], [sender("10.0.0.1", NOW + 1, 1, NOW - 1)], ALL)
        assert list(await log.unknown_senders(ALL)) == [replace(merged[0], first=NOW - 1, count=8)]

    @story
    async def test_of_more_senders_than_are_kept_those_seen_least_recently_are_forgotten(self, log: RefusalLog) -> None:
        """Also in one call."""
        await log.add([], [sender(f"10.0.0.{at}", NOW + at) for at in range(9)], 3)
        await log.add([], [sender("10.0.0.6", NOW + 10), sender("10.0.1.0", NOW)], 3)
        assert [one.address for one in await log.unknown_senders(ALL)] == ["10.0.0.6", "10.0.0.8", "10.0.0.7"]

    @story
    async def test_senders_that_are_not_seen_any_more_are_forgotten(self, log: RefusalLog) -> None:
        """By the time they were seen last; they are not counted."""
        await log.add([], [sender("10.0.0.1", NOW, first=1), sender("10.0.0.2", NOW - 1)], ALL)
        assert await log.forget(NOW, 100, 1) == 0
        assert [one.address for one in await log.unknown_senders(ALL)] == ["10.0.0.1"]

    @story
    async def test_nothing_at_all_may_be_added(self, log: RefusalLog) -> None:
        """A service need not ask whether it has anything to say."""
        await log.add([], [], 1)
        assert await everything(log) == []

    @story
    async def test_refusals_that_are_added_at_once_are_all_kept(self, log: RefusalLog) -> None:
        """While somebody else forgets and reads."""
        await asyncio.gather(
            *[log.add(refusals([NOW] * 10), [sender("10.0.0.1", NOW)], ALL) for _ in range(20)],
            *[log.forget(NOW, 1000, 10) for _ in range(5)],
            *[log.page(RefusalQuery(ACCOUNT, limit=7)) for _ in range(5)],
        )
        assert len(await everything(log)) == 200
        assert [one.count for one in await log.unknown_senders(ALL)] == [20]

    @story
    async def test_a_sound_log_has_no_flaws_and_no_failure(self, log: RefusalLog) -> None:
        """Neither empty nor with refusals."""
        assert list(await log.flaws()) == []
        await log.add(refusals(range(NOW, NOW + 50)), [sender("10.0.0.1", NOW)], ALL)
        assert list(await log.flaws()) == []
        assert log.failure is None
