"""What every entry store passes when it is written to: identity, times, overwriting, deleting, metadata."""

import asyncio

from minori.codec.entry import encode_row
from minori.model.entry import MAX_TIME, DataEntry, EntryWrite, TimeRange, Written
from minori.model.resource import ATTRIBUTE_NAMES, ResourceMetadata, ResourceType
from minori.storage.base import EntryStore, StoreStatus
from minori.storage.contract.entry_story import (
    METER,
    OPERATOR,
    EntryStoreStories,
    arriving,
    category_times,
    contents,
    dated,
    fill,
    metadata,
    meter,
    naming,
    put_all,
    put_one,
    story,
)


class EntryWritesContract(EntryStoreStories):
    """The part of the suite that asks what a write leaves behind."""

    @story
    async def test_a_confirmed_entry_is_visible_to_every_read(self, store: EntryStore) -> None:
        """As soon as the future is done."""
        write = arriving(5, "text", category="plant")
        assert await put_one(store, write) == Written(5, overwrote=False)
        row = encode_row(write.entry)
        span = TimeRange()
        assert await store.get(METER, 5) == row
        assert list((await store.query(METER, span)).rows) == [row]
        assert list((await store.query_category(OPERATOR, "plant", span)).rows) == [(METER, row)]
        assert list((await store.resources(OPERATOR, None, None, 1)).resources) == [ResourceMetadata(METER, 5, ())]

    @story
    async def test_what_is_added_says_at_once_where_it_landed(self, store: EntryStore) -> None:
        """And is visible once that is confirmed, whoever else it is confirmed with."""
        added = [store.add(write) for write in (arriving(5, "a"), arriving(5, "b"), dated(5, "c"), dated(9, "d"))]
        landed = [(5, False), (6, False), (5, True), (9, False)]
        assert [(written.time, written.overwrote) for written, _ in added] == landed
        for _, confirmation in added:
            await confirmation.durable()
        assert await contents(store) == {5: "c", 6: "b", 9: "d"}

    @story
    async def test_what_is_added_and_what_is_put_keep_their_order(self, store: EntryStore) -> None:
        """Of one time the later stands."""
        put = store.put(dated(5, "a"))
        (_, first), again = store.add(dated(5, "b")), store.put(dated(5, "c"))
        (_, last) = store.add(dated(6, "d"))
        for confirmation in (first, last):
            await confirmation.durable()
        assert [(await future)[0].overwrote for future in (put, again)] == [False, True]
        assert await contents(store) == {5: "c", 6: "d"}

    @story
    async def test_rows_have_the_form_of_the_codec(self, store: EntryStore) -> None:
        """Whatever the content is made of."""
        for time, content in enumerate(("", "\0", '{"a":"é\\n実り"}', '"\\\n', "\U0001f33e", "x" * 100_000)):
            entry = DataEntry(METER, time, content, "application/json", "plän/t 1")
            await store.put(EntryWrite(entry, time, exact=True))
            assert await store.get(METER, time) == encode_row(entry)

    @story
    async def test_the_first_and_the_last_millisecond_can_be_written(self, store: EntryStore) -> None:
        """Times run from 0 to `MAX_TIME`."""
        await fill(store, [0, MAX_TIME])
        assert list(await contents(store)) == [0, MAX_TIME]
        assert await store.delete(METER, 0)
        assert await store.delete(METER, MAX_TIME)

    @story
    async def test_operators_never_see_each_others_entries(self, store: EntryStore) -> None:
        """Even if all else is equal, and one name begins with the other."""
        mine, theirs = meter("1", account="OP1"), meter("1", account="OP10")
        await put_all(store, arriving(1, "mine", mine, "c"), arriving(1, "theirs", theirs, "c"))
        assert await contents(store, mine) == {1: "mine"}
        assert not await store.delete(meter("1", account="OP"), 1)
        assert await store.delete(mine, 1)
        assert await contents(store, theirs) == {1: "theirs"}
        assert not (await store.query_category("OP1", "c", TimeRange())).rows
        (kept,) = (await store.query_category("OP10", "c", TimeRange())).rows
        assert kept[0] == theirs
        assert [known.resource for known in (await store.resources("OP1", None, None, 9)).resources] == [mine]

    @story
    async def test_the_type_is_part_of_the_identity(self, store: EntryStore) -> None:
        """One id may be that of six resources."""
        for kind in ResourceType:
            await store.put(dated(1, kind.value, meter("1", kind)))
        for kind in ResourceType:
            assert await contents(store, meter("1", kind)) == {1: kind.value}

    @story
    async def test_an_exact_write_replaces_the_entry_of_its_time(self, store: EntryStore) -> None:
        """The second one says that it overwrote."""
        assert await put_one(store, dated(5, "old")) == Written(5, overwrote=False)
        assert await put_one(store, dated(5, "new")) == Written(5, overwrote=True)
        assert await contents(store) == {5: "new"}

    @story
    async def test_an_exact_write_replaces_what_the_server_placed(self, store: EntryStore) -> None:
        """Who chose the time of the old entry does not matter."""
        assert await put_all(store, arriving(5, "a"), arriving(5, "b")) == [5, 6]
        assert await put_one(store, dated(6, "c")) == Written(6, overwrote=True)
        assert await contents(store) == {5: "a", 6: "c"}

    @story
    async def test_an_exact_write_between_others_overwrites_nothing(self, store: EntryStore) -> None:
        """Its time was free, though later ones were taken."""
        await fill(store, [4, 6])
        assert await put_one(store, dated(5)) == Written(5, overwrote=False)

    @story
    async def test_an_overwritten_entry_leaves_its_category(self, store: EntryStore) -> None:
        """For another, for none, for the same, and comes in from none."""
        for category, found in (("a", [5]), ("b", []), (None, []), ("a", [5]), ("a", [5])):
            await store.put(dated(5, category=category))
            assert await category_times(store, "a") == found
            assert await category_times(store, "b") == ([5] if category == "b" else [])

    @story
    async def test_a_burst_in_one_millisecond_takes_the_next_ones_in_order(self, store: EntryStore) -> None:
        """None of them is lost, waited for or not."""
        together = [arriving(5, str(number)) for number in range(4)]
        assert await put_all(store, *together) == [5, 6, 7, 8]
        for number in (4, 5):
            assert (await put_one(store, arriving(5, str(number)))).time == 5 + number
        assert await contents(store) == {5: "0", 6: "1", 7: "2", 8: "3", 9: "4", 10: "5"}

    @story
    async def test_the_next_free_millisecond_may_be_a_gap(self, store: EntryStore) -> None:
        """Between times that senders gave."""
        await fill(store, [10, 12, 13])
        assert await put_all(store, arriving(10), arriving(10), arriving(12), arriving(10)) == [11, 14, 15, 16]

    @story
    async def test_a_clock_that_goes_back_is_followed(self, store: EntryStore) -> None:
        """The receipt counts, not the newest entry."""
        assert await put_all(store, arriving(100), arriving(50), arriving(50), arriving(100)) == [100, 50, 51, 101]

    @story
    async def test_an_explicit_time_ahead_of_the_clock_moves_nobody(self, store: EntryStore) -> None:
        """Until the clock gets there."""
        await store.put(dated(1_000))
        assert await put_all(store, arriving(10), arriving(10), arriving(999), arriving(999)) == [10, 11, 999, 1001]

    @story
    async def test_an_explicit_time_within_a_burst_is_kept_clear_of(self, store: EntryStore) -> None:
        """Right behind it, in front of it and further on."""
        await put_all(store, arriving(5), arriving(5), dated(7), dated(4), dated(9))
        assert await put_all(store, arriving(5), arriving(4), arriving(9)) == [8, 10, 11]

    @story
    async def test_a_deleted_time_is_free_again(self, store: EntryStore) -> None:
        """At the start, in the middle and at the end of a burst."""
        for gone in (5, 7, 9):
            resource = meter(str(gone))
            await put_all(store, *[arriving(5, "old", resource)] * 5)
            assert await store.delete(resource, gone)
            assert await put_all(store, *[arriving(5, "new", resource)] * 2) == [gone, 10]

    @story
    async def test_resources_do_not_move_each_others_times(self, store: EntryStore) -> None:
        """A millisecond is taken within one resource."""
        writes = [arriving(5, resource=meter(name)) for name in ("a", "b", "a", "b")]
        assert await put_all(store, *writes) == [5, 5, 6, 6]

    @story
    async def test_writes_keep_their_order(self, store: EntryStore) -> None:
        """The last of many exact writes stands, though none waited for the one before it."""
        await put_all(store, *[dated(number % 3, str(number), category=str(number)) for number in range(30)])
        assert await contents(store) == {0: "27", 1: "28", 2: "29"}
        assert [time for number in range(30) for time in await category_times(store, str(number))] == [0, 1, 2]

    @story
    async def test_a_delete_comes_after_the_writes_before_it(self, store: EntryStore) -> None:
        """And before those that follow, whether they were confirmed or not."""
        first = store.put(dated(5, "old", category="c"))
        assert await store.delete(METER, 5)
        assert await first == (Written(5, overwrote=False),)
        assert await category_times(store, "c") == []
        assert await put_one(store, dated(5, "new")) == Written(5, overwrote=False)
        assert await contents(store) == {5: "new"}

    @story
    async def test_a_write_comes_after_the_deletes_before_it(self, store: EntryStore) -> None:
        """It finds the time free, though the delete is not yet confirmed."""

        async def again() -> list[Written]:
            return [(await written)[0] for written in (store.put(dated(5, "new")), store.put(arriving(6, "new")))]

        await fill(store, [5, 6])
        first, second, written = await asyncio.gather(store.delete(METER, 5), store.delete(METER, 6), again())
        assert (first, second) == (True, True)
        assert written == [Written(5, overwrote=False), Written(6, overwrote=False)]
        assert await contents(store) == {5: "new", 6: "new"}

    @story
    async def test_a_cancelled_future_does_not_stop_the_write(self, store: EntryStore) -> None:
        """Nor those that share its commit."""
        sent = [store.put(arriving(5, str(number))) for number in range(3)]
        sent[1].cancel()
        await sent[0]
        await sent[2]
        await store.put(arriving(9, "3"))
        assert await contents(store) == {5: "0", 6: "1", 7: "2", 9: "3"}

    @story
    async def test_delete_says_whether_there_was_an_entry(self, store: EntryStore) -> None:
        """A second delete finds none, nor does one of an unknown resource or time."""
        await fill(store, [4, 5, 6])
        assert await store.delete(METER, 5)
        assert not await store.delete(METER, 5)
        assert not await store.delete(METER, 7)
        assert not await store.delete(meter("unknown"), 4)
        assert list(await contents(store)) == [4, 6]
        assert await store.get(METER, 5) is None

    @story
    async def test_a_deleted_entry_leaves_its_category(self, store: EntryStore) -> None:
        """And the others stay in theirs; nor does it pass its category on to the next entry of its time."""
        await put_all(store, dated(4, category="a"), dated(5, category="a"), dated(6, category="b"))
        await store.delete(METER, 5)
        for _ in range(2):
            assert await category_times(store, "a") == [4]
            assert await category_times(store, "b") == [6]
            await store.put(dated(5))

    @story
    async def test_metadata_outlives_every_entry(self, store: EntryStore) -> None:
        """The resource has sent data."""
        await store.put(naming(["a"]))
        await store.delete(METER, 1)
        assert await metadata(store) == ResourceMetadata(METER, 1, ("a",))
        await store.put(naming(["b"], received=2))
        assert await metadata(store) == ResourceMetadata(METER, 2, ("a", "b"))

    @story
    async def test_the_last_modified_time_is_the_newest_receipt(self, store: EntryStore) -> None:
        """It never goes back, and the entry's own time does not matter."""
        for received, shown in ((5, 5), (7, 7), (6, 7), (8, 8)):
            await store.put(EntryWrite(DataEntry(METER, 1_000, "1", "text/plain"), received, exact=True))
            known = await metadata(store)
            assert known is not None
            assert known.last_modified_time == shown

    @story
    async def test_attribute_names_only_grow(self, store: EntryStore) -> None:
        """Sorted, each once, from confirmed and from waiting writes."""
        for names, shown in ((["b"], ("b",)), ([], ("b",)), (["c", "a", "b"], ("a", "b", "c"))):
            await store.put(naming(names))
            assert await metadata(store) == ResourceMetadata(METER, 1, shown)
        await put_all(store, naming(["é"]), naming(["d"], received=2), naming(["e", "d"]))
        assert await metadata(store) == ResourceMetadata(METER, 2, ("a", "b", "c", "d", "e", "é"))

    @story
    async def test_attribute_names_are_capped(self, store: EntryStore) -> None:
        """The first `ATTRIBUTE_NAMES` that came are kept."""
        await store.put(naming(["z", *map(str, range(ATTRIBUTE_NAMES - 2))]))
        await store.put(naming(["y", "x"]))
        await store.put(naming(["w"], received=2))
        names = tuple(sorted(["z", "y", *map(str, range(ATTRIBUTE_NAMES - 2))]))
        assert await metadata(store) == ResourceMetadata(METER, 2, names)

    @story
    async def test_every_resource_has_metadata_of_its_own(self, store: EntryStore) -> None:
        """Nobody's names show up beside another one's."""
        await put_all(store, naming(["a"], 1, meter("1")), naming(["b"], 2, meter("11")))
        assert await metadata(store, meter("1")) == ResourceMetadata(meter("1"), 1, ("a",))
        assert await metadata(store, meter("11")) == ResourceMetadata(meter("11"), 2, ("b",))
        assert await metadata(store, meter("unknown")) is None

    @story
    async def test_nothing_waits_once_everything_is_confirmed(self, store: EntryStore) -> None:
        """The status of a store that is well."""
        assert store.status() == StoreStatus(0, 0, None)
        await put_all(store, arriving(5), arriving(5))
        await store.delete(METER, 5)
        assert store.status() == StoreStatus(0, 0, None)
