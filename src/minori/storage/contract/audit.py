"""What every audit log passes: the words of `storage.base.AuditLog`, each as a test.

A driver's tests subclass `AuditLogContract` and say how one empty log is opened. pytest collects
the subclass; this module needs no test library.
"""

import asyncio

from msgspec.structs import replace

from minori.model.audit import AuditEntry, AuditPlace
from minori.storage.base import AuditLog
from minori.storage.contract.audit_story import (
    NOW,
    OPERATOR,
    OTHER,
    AuditStories,
    asking,
    call,
    calls,
    everything,
    pages,
    story,
)

EXAMPLE = AuditEntry(
    OPERATOR,
    "läge, 実り",
    "2001:db8::1",
    "DELETE",
    "/v1/files/{scope}/{path}",
    "/v1/files/private/a%2F\"\\\x7f%00é'; --",
    2**63 - 1,
    599,
)
"""A call with values that a careless mapping would lose."""


class AuditLogContract(AuditStories):
    """The suite. Every test gets an empty log on an event loop of its own."""

    @story
    async def test_an_entry_comes_back_as_it_was_added(self, log: AuditLog) -> None:
        """Every member, with and without a user."""
        await log.add([EXAMPLE, call(0)])
        assert await everything(log) == [EXAMPLE, call(0)]

    @story
    async def test_the_newest_come_first_whatever_the_order_of_adding(self, log: AuditLog) -> None:
        """A call that took long is added after calls that came in later."""
        await log.add(calls([NOW + 1, NOW + 3]))
        await log.add(calls([NOW + 2, NOW, NOW + 4]))
        assert [entry.time - NOW for entry in await everything(log)] == [4, 3, 2, 1, 0]

    @story
    async def test_of_one_millisecond_what_was_added_later_is_the_newer(self, log: AuditLog) -> None:
        """Within one call of `add` and beyond it."""
        first, second, third = calls([NOW] * 3)
        await log.add([first, second])
        await log.add([third])
        assert await everything(log) == [third, second, first]

    @story
    async def test_equal_entries_are_all_kept(self, log: AuditLog) -> None:
        """A program may do the same thrice within a millisecond."""
        await log.add([call(NOW)] * 3)
        await log.add([call(NOW)])
        assert await everything(log) == [call(NOW)] * 4

    @story
    async def test_an_operator_sees_only_his_own(self, log: AuditLog) -> None:
        """Even if the id of one begins with that of another."""
        mine, others, longer = call(NOW), call(NOW, operator=OTHER), call(NOW, operator=f"{OPERATOR}1")
        await log.add([mine, others, longer])
        assert await everything(log) == [mine]
        assert await everything(log, OTHER) == [others]
        assert await everything(log, "OP0000000009") == []

    @story
    async def test_from_and_to_are_both_included(self, log: AuditLog) -> None:
        """In milliseconds."""
        await log.add(calls(range(NOW, NOW + 6)))
        page = await log.page(asking(first=NOW + 1, last=NOW + 3))
        assert [entry.time - NOW for entry in page.entries] == [3, 2, 1]
        assert list((await log.page(asking(first=NOW + 3, last=NOW + 1))).entries) == []

    @story
    async def test_a_kind_is_compared_exactly(self, log: AuditLog) -> None:
        """Neither a prefix nor a pattern."""
        kinds = ["/v1/sims", "/v1/sims/{sim_id}", "/v1/SIMS", "/v1/%", "/v1/sims/"]
        await log.add([call(NOW + at, kind=kind) for at, kind in enumerate(kinds)])
        for kind in kinds:
            assert [entry.kind for entry in (await log.page(asking(kind=kind))).entries] == [kind]
        assert list((await log.page(asking(kind="/v1"))).entries) == []

    @story
    async def test_pages_of_any_size_make_up_the_whole(self, log: AuditLog) -> None:
        """With milliseconds of one, two, three and many entries, each exactly once."""
        times = [NOW] * 4 + [NOW + 1] + [NOW + 2] * 2 + [NOW + 3] * 9 + [NOW + 4, NOW + 5] + [NOW + 6] * 3
        await log.add(calls(times))
        whole = await everything(log)
        for limit in range(1, len(times) + 2):
            assert [entry for page in await pages(log, asking(limit=limit)) for entry in page] == whole

    @story
    async def test_pages_of_one_kind_in_a_range_make_up_the_whole_of_it(self, log: AuditLog) -> None:
        """Others in between are in nobody's way."""
        await log.add([call(NOW + at // 3, f"/{at}", kind=f"/v1/{at % 2}") for at in range(40)])
        query = asking(kind="/v1/1", first=NOW + 2, last=NOW + 11)
        whole = list((await log.page(query)).entries)
        assert len(whole) == 15
        for limit in range(1, 17):
            assert [entry for page in await pages(log, replace(query, limit=limit)) for entry in page] == whole

    @story
    async def test_a_page_ends_with_a_whole_millisecond_so_that_its_time_is_a_key(self, log: AuditLog) -> None:
        """Though it has fewer entries than it may."""
        await log.add(calls([NOW, NOW, NOW + 1, NOW + 1, NOW + 2]))
        page = await log.page(asking(limit=4))
        assert [entry.time - NOW for entry in page.entries] == [2, 1, 1]
        assert page.end == AuditPlace(NOW + 1)
        assert [entry.time - NOW for entry in (await log.page(asking(limit=4), page.end)).entries] == [0, 0]

    @story
    async def test_a_millisecond_that_fills_a_page_is_cut_and_goes_on(self, log: AuditLog) -> None:
        """The place says behind which of its entries."""
        entries = calls([NOW] * 5)
        await log.add(entries)
        found = await pages(log, asking(limit=2))
        assert found == [entries[:2:-1], entries[2:0:-1], entries[:1]]

    @story
    async def test_a_page_that_just_fits_is_the_last(self, log: AuditLog) -> None:
        """No key leads to an empty page."""
        await log.add(calls([NOW, NOW, NOW + 1]))
        assert (await log.page(asking(limit=3))).end is None

    @story
    async def test_a_time_alone_means_older_than_it_whether_there_is_such_an_entry_or_not(self, log: AuditLog) -> None:
        """A client may make it up."""
        await log.add(calls([NOW, NOW + 2, NOW + 2, NOW + 4]))
        for time, left in ((9, 4), (4, 3), (3, 3), (2, 1), (1, 1), (0, 0)):
            assert len((await log.page(asking(), AuditPlace(NOW + time))).entries) == left
        assert list((await log.page(asking(), AuditPlace(0))).entries) == []

    @story
    async def test_what_is_added_while_somebody_pages_doubles_nothing_and_hides_nothing(self, log: AuditLog) -> None:
        """Newer entries, and late ones of a millisecond that has been told in part."""
        entries = calls([NOW] * 6)
        await log.add(entries)
        page = await log.page(asking(limit=2))
        await log.add([call(NOW, "/late"), call(NOW + 1, "/new")])
        rest = await pages(log, asking(limit=2))
        seen, end = list(page.entries), page.end
        while end is not None:
            page = await log.page(asking(limit=2), end)
            seen, end = seen + list(page.entries), page.end
        assert seen == entries[::-1]
        assert sum(map(len, rest)) == len(entries) + 2

    @story
    async def test_what_is_too_old_is_forgotten_and_nothing_else(self, log: AuditLog) -> None:
        """Of every operator; the time itself is not too old."""
        await log.add([*calls(range(NOW, NOW + 5)), call(NOW, operator=OTHER), call(NOW + 9, operator=OTHER)])
        assert await log.forget(NOW + 3, 100, 100) == 4
        assert [entry.time - NOW for entry in await everything(log)] == [4, 3]
        assert await everything(log, OTHER) == [call(NOW + 9, operator=OTHER)]
        assert await log.forget(NOW + 3, 100, 100) == 0

    @story
    async def test_of_whoever_has_too_many_the_oldest_are_forgotten(self, log: AuditLog) -> None:
        """Who has fewer loses nothing to the one who has more."""
        mine, theirs = calls([NOW + 1, NOW, NOW, NOW + 2, NOW]), [call(NOW - 9, operator=OTHER)]
        await log.add([*mine, *theirs])
        assert await log.forget(0, 2, 100) == 3
        assert await everything(log) == [mine[3], mine[0]]
        assert await everything(log, OTHER) == theirs
        await log.add(calls([NOW - 1]))
        assert await log.forget(0, 2, 100) == 1
        assert await everything(log) == [mine[3], mine[0]]

    @story
    async def test_forgetting_goes_in_slices_of_any_size(self, log: AuditLog) -> None:
        """A slice that is not full is the last one."""
        for limit in range(1, 13):
            await log.add([*calls([NOW] * 6), *[call(NOW, operator=OTHER)] * 4])
            await log.add([call(NOW + 1, "/a"), call(NOW + 1, "/b")])
            slices = [limit]
            while slices[-1] == limit:
                slices.append(await log.forget(NOW + 1, 1, limit))
            assert (sum(slices[1:]), max(slices)) == (11, limit)
            assert await everything(log) == [call(NOW + 1, "/b")]
            assert await everything(log, OTHER) == []
            assert await log.forget(NOW + 2, 1, 100) == 1

    @story
    async def test_all_of_it_may_be_forgotten_and_a_place_of_before_still_means_the_same(self, log: AuditLog) -> None:
        """Numbers go on where they were: what is added later is never taken for what was told."""
        await log.add(calls([NOW] * 3))
        page = await log.page(asking(limit=2))
        assert await log.forget(NOW + 1, 100, 100) == 3
        assert await everything(log) == []
        await log.add(calls([NOW] * 3))
        assert list((await log.page(asking(), page.end)).entries) == []
        assert len(await everything(log)) == 3

    @story
    async def test_nothing_at_all_may_be_added(self, log: AuditLog) -> None:
        """A service need not ask whether it has anything to say."""
        await log.add([])
        assert await everything(log) == []

    @story
    async def test_a_thousand_entries_of_several_operators_are_added_at_once(self, log: AuditLog) -> None:
        """Order and numbers are each operator's own."""
        entries = [call(NOW, f"/{at}", operator=(OPERATOR, OTHER)[at % 2]) for at in range(1000)]
        await log.add(entries)
        assert await everything(log) == entries[::2][::-1]
        assert await everything(log, OTHER) == entries[1::2][::-1]

    @story
    async def test_entries_that_are_added_at_once_are_all_kept(self, log: AuditLog) -> None:
        """While somebody else forgets and reads."""
        await asyncio.gather(
            *[log.add(calls([NOW] * 10)) for _ in range(20)],
            *[log.forget(NOW, 1000, 10) for _ in range(5)],
            *[log.page(asking(limit=7)) for _ in range(5)],
        )
        assert len(await everything(log)) == 200

    @story
    async def test_a_sound_log_has_no_flaws_and_no_failure(self, log: AuditLog) -> None:
        """Neither empty nor with entries."""
        assert list(await log.flaws()) == []
        await log.add(calls(range(NOW, NOW + 50)))
        assert list(await log.flaws()) == []
        assert log.failure is None
