"""What every catalog passes: its journal, through which a server sees what other processes change."""

import asyncio

from minori.model.registry import Group, Session, Sim
from minori.storage.base import JOURNAL_CHANGES, Catalog, Changes, Insert, Noted, Put, Remove
from minori.storage.contract.catalog_story import CatalogStories, is_refused, story

GROUP = Group("g", "OP1", {"name": "läge"}, {"SoracomHarvest": {"enabled": True, "none": None}}, 1, 1)


def _told(changes: Changes) -> set[tuple[type, str]]:
    assert changes.noted is not None
    return {(one.kind, one.key) for one in changes.noted}


class JournalContract(CatalogStories):
    """The suite of `Catalog.changes`."""

    @story
    async def test_a_new_catalog_has_no_changes(self, catalog: Catalog) -> None:
        """Who has seen nothing reads everything once, even where there is nothing."""
        assert await catalog.changes(None, 10) == Changes(0, None)
        assert await catalog.changes(0, 10) == Changes(0, [])

    @story
    async def test_a_change_is_told_once_with_the_record_as_it_is(self, catalog: Catalog) -> None:
        """Mappings and missing values included."""
        before = await catalog.changes(None, 10)
        await catalog.apply(Insert(GROUP))
        told = await catalog.changes(before.sequence, 10)
        assert told.noted == [Noted(Group, "g", GROUP)]
        assert await catalog.changes(told.sequence, 10) == Changes(told.sequence, [])

    @story
    async def test_every_kind_of_change_is_told(self, catalog: Catalog) -> None:
        """A removed record is told with its key alone."""
        await catalog.apply(Insert(Session("a", "1")), Put(Session("b", "1")))
        middle = await catalog.changes(0, 10)
        assert _told(middle) == {(Session, "a"), (Session, "b")}
        await catalog.apply(Remove(Session("a", "1")))
        assert (await catalog.changes(middle.sequence, 10)).noted == [Noted(Session, "a", None)]

    @story
    async def test_a_record_is_told_as_it_is_now(self, catalog: Catalog) -> None:
        """Whoever comes late is told the last of several values, and no other."""
        await catalog.apply(Put(Session("a", "1")))
        await catalog.apply(Put(Session("a", "2")))
        told = await catalog.changes(0, 10)
        assert told.noted is not None
        assert {(one.key, one.record) for one in told.noted} == {("a", Session("a", "2"))}

    @story
    async def test_records_of_several_classes_are_told_together(self, catalog: Catalog) -> None:
        """The same key in two classes is two records."""
        sim = Sim("same", "1", "OP1", None, "active", {}, 1, 1)
        await catalog.apply(Insert(Session("same", "1")), Insert(sim))
        assert _told(await catalog.changes(0, 10)) == {(Session, "same"), (Sim, "same")}

    @story
    async def test_a_refused_transaction_is_not_told(self, catalog: Catalog) -> None:
        """Neither is any part of it."""
        await catalog.apply(Insert(Session("a", "1")))
        at = (await catalog.changes(0, 10)).sequence
        assert await is_refused(catalog, Insert(Session("b", "1")), Insert(Session("a", "1")))
        assert await catalog.changes(at, 10) == Changes(at, [])

    @story
    async def test_pages_of_changes_make_up_the_whole(self, catalog: Catalog) -> None:
        """Of any size; the last one says that it is."""
        keys = [f"{number:02}" for number in range(7)]
        await catalog.apply(*[Insert(Session(key, "1")) for key in keys])
        for limit in range(1, 9):
            told, at, more = set[str](), 0, True
            while more:
                changes = await catalog.changes(at, limit)
                assert changes.noted is not None
                assert 1 <= len(changes.noted) <= limit
                told |= {one.key for one in changes.noted}
                at, more = changes.sequence, changes.more
            assert told == set(keys)

    @story
    async def test_a_follower_that_is_ahead_of_the_journal_reads_everything(self, catalog: Catalog) -> None:
        """Its numbers are those of another database, such as the one before a backup was put back."""
        await catalog.apply(Insert(Session("a", "1")))
        assert await catalog.changes(2, 10) == Changes(1, None)

    @story
    async def test_the_journal_keeps_its_newest_changes_and_says_what_it_has_forgotten(self, catalog: Catalog) -> None:
        """One change too many, and whoever had seen none has to read everything."""
        await catalog.apply(*[Put(Session(f"{number}", "1")) for number in range(JOURNAL_CHANGES)])
        assert len(_told(await catalog.changes(0, JOURNAL_CHANGES))) == JOURNAL_CHANGES
        await catalog.apply(Put(Session("last", "1")))
        assert await catalog.changes(0, 10) == Changes(JOURNAL_CHANGES + 1, None)
        assert len(_told(await catalog.changes(1, JOURNAL_CHANGES))) == JOURNAL_CHANGES
        assert _told(await catalog.changes(JOURNAL_CHANGES, 10)) == {(Session, "last")}

    @story
    async def test_changes_made_at_once_are_all_told(self, catalog: Catalog) -> None:
        """However they are interleaved with the reading."""
        told, at = set[str](), 0

        async def follow() -> None:
            nonlocal at
            while len(told) < 2 * 50:
                changes = await catalog.changes(at, 7)
                told.update(key for _, key in _told(changes))
                at = changes.sequence
                await asyncio.sleep(0)

        async def write(name: str) -> None:
            for number in range(50):
                await catalog.apply(Put(Session(f"{name}{number}", "1")))

        async with asyncio.timeout(20):
            await asyncio.gather(follow(), write("a"), write("b"))
