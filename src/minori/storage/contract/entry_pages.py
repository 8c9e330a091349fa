"""What every entry store passes when it is read in pages: order, bounds, keysets, neighbours."""

from collections.abc import Sequence

from minori.codec.entry import row_time
from minori.model.entry import MAX_TIME, CategoryKey, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.storage.base import EntryStore
from minori.storage.contract.entry_story import (
    METER,
    OPERATOR,
    EntryStoreStories,
    arriving,
    category_times,
    contents,
    dated,
    fill,
    meter,
    put_all,
    put_one,
    story,
    walk,
    walk_category,
)

DIRECTIONS = (True, False)
ODD_IDS = ("\x01", "a", "a\x01", "aa", "ab", "a/b c", "a_1", "A", "é", "\x7f", "\uffee", "\U0001f33e", "b", "9", "10")
"""Ids that a careless encoding would mix up: prefixes of each other, controls, signs, all lengths of UTF-8."""


async def page_times(store: EntryStore, span: TimeRange, after: int | None = None) -> list[int]:
    """The times of one page."""
    return [row_time(row) for row in (await store.query(METER, span, after)).rows]


async def page_places(store: EntryStore, category: str, span: TimeRange, after: CategoryKey | None = None) -> list[str]:
    """The times and ids of one page of a category, joined by a colon."""
    page = await store.query_category(OPERATOR, category, span, after)
    return [f"{row_time(row)}:{resource.id}" for resource, row in page.rows]


async def ids(store: EntryStore, kind: ResourceType | None, after: tuple[ResourceType, str] | None = None) -> list[str]:
    """The ids of one long page of resources."""
    page = await store.resources(OPERATOR, kind, after, 1000)
    assert not page.more
    return [known.resource.id for known in page.resources]


def in_order(resources: Sequence[Resource]) -> list[Resource]:
    """Resources by type and id, in order of UTF-8 bytes."""
    return sorted(resources, key=lambda resource: (resource.type.encode(), resource.id.encode()))


class EntryPagesContract(EntryStoreStories):
    """The part of the suite that asks what a page shows."""

    @story
    async def test_a_page_is_read_from_either_end(self, store: EntryStore) -> None:
        """Newest first, or oldest first, in whatever order the entries came."""
        await fill(store, [3, 1, 256, 2, 65_536])
        assert await page_times(store, TimeRange(descending=True)) == [65_536, 256, 3, 2, 1]
        assert await page_times(store, TimeRange(descending=False)) == [1, 2, 3, 256, 65_536]

    @story
    async def test_both_ends_of_a_range_are_included(self, store: EntryStore) -> None:
        """Whether entries lie on them, between them or beyond."""
        taken = [0, 10, 11, 20, 30, MAX_TIME]
        await fill(store, taken)
        edges = (0, 1, 9, 10, 11, 12, 19, 20, 21, 30, 31, MAX_TIME - 1, MAX_TIME)
        for first in edges:
            for last in edges:
                inside = [time for time in taken if first <= time <= last]
                assert await page_times(store, TimeRange(first, last, descending=False)) == inside
                assert await page_times(store, TimeRange(first, last, descending=True)) == inside[::-1]

    @story
    async def test_pages_of_any_limit_make_up_the_whole(self, store: EntryStore) -> None:
        """The last page is known for the last one, full or not; bounds hold on every page."""
        await fill(store, [1, 2, 3, 5, 8, 13, 21])
        for limit in range(1, 9):
            for descending in DIRECTIONS:
                order = -1 if descending else 1
                assert await walk(store, TimeRange(0, MAX_TIME, descending, limit)) == [1, 2, 3, 5, 8, 13, 21][::order]
                assert await walk(store, TimeRange(2, 13, descending, limit)) == [2, 3, 5, 8, 13][::order]

    @story
    async def test_a_page_goes_on_after_an_entry_that_is_gone(self, store: EntryStore) -> None:
        """The time is a place between entries, not an entry."""
        await fill(store, [1, 2, 3, 4])
        await store.delete(METER, 2)
        await store.delete(METER, 3)
        assert await page_times(store, TimeRange(descending=True), 3) == [1]
        assert await page_times(store, TimeRange(descending=False), 2) == [4]

    @story
    async def test_a_place_outside_the_range_widens_nothing(self, store: EntryStore) -> None:
        """Before it the whole range follows, behind it nothing."""
        await fill(store, [1, 2, 3, 4])
        for after, newest_first, oldest_first in ((0, [], [2, 3]), (9, [3, 2], []), (MAX_TIME, [3, 2], [])):
            assert await page_times(store, TimeRange(2, 3, descending=True), after) == newest_first
            assert await page_times(store, TimeRange(2, 3, descending=False), after) == oldest_first

    @story
    async def test_paging_neither_skips_nor_repeats_while_others_write(self, store: EntryStore) -> None:
        """What is there from the first page to the last is seen once."""
        for number, descending in enumerate(DIRECTIONS):
            resource = meter(f"busy {number}")
            kept, doomed = list(range(0, 100, 10)), list(range(5, 100, 10))
            await fill(store, kept + doomed, resource)
            span, after, seen = TimeRange(0, MAX_TIME, descending, 3), None, []
            for turn in range(1000):
                page = await store.query(resource, span, after)
                seen += [row_time(row) for row in page.rows]
                if page.next_after is None:
                    break
                after = page.next_after
                await put_all(store, dated(turn * 10 + 1, resource=resource), arriving(95 - turn, resource=resource))
                await store.delete(resource, doomed.pop(turn % len(doomed)))
                await store.delete(meter("absent"), after)
            assert sorted(seen, reverse=descending) == seen
            assert [time for time in sorted(seen) if time in kept] == kept
            assert len(set(seen)) == len(seen)

    @story
    async def test_an_unknown_resource_is_an_empty_page(self, store: EntryStore) -> None:
        """In an empty store, before, between and behind resources that are known."""
        unknown = [meter("a"), meter("c"), meter("e"), meter("b", ResourceType.DEVICE), meter("b", account="OP9")]
        for known in ([], ["b", "d"]):
            for resource_id in known:
                await store.put(arriving(5, resource=meter(resource_id), category="c"))
            for resource in unknown:
                for descending in DIRECTIONS:
                    page = await store.query(resource, TimeRange(descending=descending))
                    assert (list(page.rows), page.next_after) == ([], None)
                assert await store.get(resource, 5) is None

    @story
    async def test_a_resource_without_entries_is_an_empty_page(self, store: EntryStore) -> None:
        """Between neighbours that have some."""
        for name in ("a", "b", "c"):
            await store.put(arriving(5, resource=meter(name)))
        await store.delete(meter("b"), 5)
        for descending in DIRECTIONS:
            assert not (await store.query(meter("b"), TimeRange(descending=descending))).rows
        assert (await put_one(store, arriving(5, resource=meter("b")))).time == 5
        assert await contents(store, meter("b")) == {5: "1"}

    @story
    async def test_neighbours_do_not_leak_into_a_page(self, store: EntryStore) -> None:
        """Not with ids that begin with one another or with odd characters, nor from one type to the next."""
        resources = [meter(name, kind) for name in ODD_IDS for kind in ResourceType]
        for time in (0, 5, MAX_TIME):
            await put_all(store, *[dated(time, f"{r.type} {r.id} {time}", r) for r in resources])
        for resource in resources:
            whole = {time: f"{resource.type} {resource.id} {time}" for time in (0, 5, MAX_TIME)}
            assert await contents(store, resource) == whole
            assert await walk(store, TimeRange(limit=2), resource) == [MAX_TIME, 5, 0]

    @story
    async def test_a_category_is_ordered_by_time_then_type_then_id(self, store: EntryStore) -> None:
        """Names in order of UTF-8 bytes, in both directions."""
        resources = [meter(name, kind) for name in ODD_IDS for kind in ResourceType]
        await put_all(store, *[dated(time, resource=r, category="c") for time in (7, 6) for r in resources])
        expected = [CategoryKey(time, r.type, r.id) for time in (6, 7) for r in in_order(resources)]
        assert await walk_category(store, "c", TimeRange(descending=False, limit=1000)) == expected
        assert await walk_category(store, "c", TimeRange(descending=True, limit=7)) == expected[::-1]

    @story
    async def test_pages_of_a_category_of_any_limit_make_up_the_whole(self, store: EntryStore) -> None:
        """Though entries of several resources share a time, and bounds hold on every page."""
        taken = [CategoryKey(time, ResourceType.SUBSCRIBER, name) for time in (1, 2, 3, 9) for name in ("a", "b")]
        await put_all(store, *[dated(place.time, resource=meter(place.id), category="c") for place in taken])
        await put_all(store, dated(2, resource=meter("aa")), dated(2, resource=meter("ab"), category="other"))
        for limit in range(1, 10):
            for descending in DIRECTIONS:
                order = -1 if descending else 1
                whole, inside = TimeRange(0, MAX_TIME, descending, limit), TimeRange(2, 8, descending, limit)
                assert await walk_category(store, "c", whole) == taken[::order]
                assert await walk_category(store, "c", inside) == taken[2:6][::order]

    @story
    async def test_both_ends_of_a_range_of_a_category_are_included(self, store: EntryStore) -> None:
        """Whether entries lie on them, between them or beyond."""
        taken = (0, 10, 11, MAX_TIME)
        await put_all(store, *[dated(time, category="c") for time in taken])
        edges = (0, 1, 9, 10, 11, 12, MAX_TIME - 1, MAX_TIME)
        for first in edges:
            for last in edges:
                inside = [CategoryKey(time, METER.type, METER.id) for time in taken if first <= time <= last]
                assert await walk_category(store, "c", TimeRange(first, last, descending=False)) == inside
                assert await walk_category(store, "c", TimeRange(first, last, descending=True)) == inside[::-1]

    @story
    async def test_a_page_of_a_category_goes_on_after_an_entry_that_is_gone(self, store: EntryStore) -> None:
        """The place is one between entries, within the range or outside of it."""
        await put_all(store, *[dated(t, resource=meter(name), category="c") for t in (1, 2, 3) for name in "ab"])
        await store.delete(meter("b"), 2)
        gone = CategoryKey(2, ResourceType.SUBSCRIBER, "b")
        assert await page_places(store, "c", TimeRange(descending=True), gone) == ["2:a", "1:b", "1:a"]
        assert await page_places(store, "c", TimeRange(descending=False), gone) == ["3:a", "3:b"]
        assert await page_places(store, "c", TimeRange(3, 9, descending=True), gone) == []
        assert await page_places(store, "c", TimeRange(0, 1, descending=True), gone) == ["1:b", "1:a"]
        assert await page_places(store, "c", TimeRange(3, 9, descending=False, limit=1), gone) == ["3:a"]
        assert await page_places(store, "c", TimeRange(0, 1, descending=False), gone) == []
        before, behind = (CategoryKey(time, ResourceType.SUBSCRIBER, "a") for time in (0, 9))
        assert await page_places(store, "c", TimeRange(3, 9, descending=False, limit=1), before) == ["3:a"]
        assert await page_places(store, "c", TimeRange(0, 1, descending=True, limit=1), behind) == ["1:b"]

    @story
    async def test_a_page_of_a_category_is_full_after_an_entry_that_is_gone(self, store: EntryStore) -> None:
        """It shows no more than the limit and says that more follow."""
        await put_all(store, *[dated(time, category="c") for time in range(1, 7)])
        for descending, gone, shown, last in ((True, 5, ["4:", "3:"], 3), (False, 2, ["3:", "4:"], 4)):
            await store.delete(METER, gone)
            span, after = TimeRange(0, MAX_TIME, descending, 2), CategoryKey(gone, METER.type, METER.id)
            page = await store.query_category(OPERATOR, "c", span, after)
            assert [f"{row_time(row)}:" for _, row in page.rows] == shown
            assert page.next_after == CategoryKey(last, METER.type, METER.id)

    @story
    async def test_categories_do_not_leak_into_each_other(self, store: EntryStore) -> None:
        """Not if one name begins with another, is empty of letters or holds odd characters."""
        for time, category in enumerate(ODD_IDS):
            await put_all(store, dated(time, category=category), dated(time, resource=meter("bare")))
        for time, category in enumerate(ODD_IDS):
            assert await category_times(store, category) == [time]
        assert await category_times(store, "unknown") == []

    @story
    async def test_resources_are_listed_by_type_and_id(self, store: EntryStore) -> None:
        """In order of UTF-8 bytes, whatever order they came in; one type alone if asked for."""
        resources = [meter(name, kind) for name in ODD_IDS for kind in ResourceType]
        await put_all(store, *[arriving(1, resource=resource) for resource in resources])
        assert await ids(store, None) == [resource.id for resource in in_order(resources)]
        for kind in ResourceType:
            assert await ids(store, kind) == sorted(ODD_IDS, key=str.encode)

    @story
    async def test_pages_of_resources_of_any_limit_make_up_the_whole(self, store: EntryStore) -> None:
        """Each page says whether others follow."""
        resources = in_order([meter(name, kind) for name in ("a", "ab", "b") for kind in list(ResourceType)[:2]])
        await put_all(store, *[arriving(1, resource=resource) for resource in resources])
        for limit in range(1, len(resources) + 2):
            found: list[Resource] = []
            more = True
            while more:
                after = (found[-1].type, found[-1].id) if found else None
                page = await store.resources(OPERATOR, None, after, limit)
                found += [known.resource for known in page.resources]
                more = page.more
                assert len(page.resources) == limit or not more
                assert len(found) <= len(resources)
            assert found == resources

    @story
    async def test_resources_of_one_type_go_on_after_a_place_of_any_type(self, store: EntryStore) -> None:
        """Before the type everything follows, behind it nothing; the place need not exist."""
        kinds = (ResourceType.DEVICE, ResourceType.SIGFOX_DEVICE, ResourceType.SUBSCRIBER)
        await put_all(store, *[arriving(1, resource=meter(name, kind)) for kind in kinds for name in ("a", "b")])
        middle = ResourceType.SIGFOX_DEVICE
        assert await ids(store, middle, (ResourceType.DEVICE, "z")) == ["a", "b"]
        assert await ids(store, middle, (middle, "a")) == ["b"]
        assert await ids(store, middle, (middle, "aa")) == ["b"]
        assert await ids(store, middle, (middle, "b")) == []
        assert await ids(store, middle, (ResourceType.SUBSCRIBER, "a")) == []
        assert await ids(store, None, (ResourceType.SORA_CAM, "")) == ["a", "b"]
        assert not (await store.resources(OPERATOR, middle, None, 2)).more
        page = await store.resources(OPERATOR, middle, (ResourceType.DEVICE, ""), 1)
        assert ([known.resource.id for known in page.resources], page.more) == (["a"], True)

    @story
    async def test_an_operator_without_resources_is_an_empty_page(self, store: EntryStore) -> None:
        """Though another one has some."""
        await store.put(arriving(1))
        for account in ("OP", "OP0000000000", "OP00000000010", "OP2"):
            page = await store.resources(account, None, None, 5)
            assert (list(page.resources), page.more) == ([], False)
