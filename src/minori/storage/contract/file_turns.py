"""What every file index passes when several change it at once."""

import asyncio

from minori.errors import DirectoryNotEmpty, FileExists, PathTaken
from minori.model.file import FileWrite, Placed
from minori.storage.base import FileIndex
from minori.storage.contract.file_story import (
    NOW,
    OWNER,
    FileIndexStories,
    all_paths,
    directory,
    everything,
    file,
    put,
    put_paths,
    refusal,
    story,
)


class FileTurnsContract(FileIndexStories):
    """The part of the suite that asks what changes at once do to each other."""

    @story
    async def test_of_many_files_placed_at_once_one_wins_whole(self, index: FileIndex) -> None:
        """Every other one is told as replaced, once."""
        writes = [FileWrite(file("/a/b", f"{i}", time=NOW + i, expiry=NOW + 100 + i)) for i in range(30)]
        told = await asyncio.gather(*[index.place(write, NOW) for write in writes])
        assert [placed.created for placed in told].count(True) == 1
        kept = await index.get(OWNER, "/a/b", NOW)
        assert kept is not None
        assert {placed.replaced for placed in told} == {None, *map(str, range(30))} - {kept.blob_id}
        last = writes[int(kept.blob_id or "")].entry
        assert (kept.last_modified_time, kept.expiry_time) == (last.last_modified_time, last.expiry_time)

    @story
    async def test_of_many_new_files_placed_at_once_one_is_new(self, index: FileIndex) -> None:
        """Every other one is refused."""
        writes = [FileWrite(file("/a", f"{i}"), only_new=True) for i in range(30)]
        refused = await asyncio.gather(*[refusal(index.place(write, NOW)) for write in writes])
        assert sorted(map(str, refused)) == sorted(map(str, [None, *[FileExists] * 29]))
        kept = await index.get(OWNER, "/a", NOW)
        assert kept == writes[refused.index(None)].entry

    @story
    async def test_changes_happen_in_the_order_of_their_calls(self, index: FileIndex) -> None:
        """Each finds what the one before has left."""
        first, second = file("/a/b", "1"), file("/a/b", "2", time=NOW + 1)
        told = await asyncio.gather(
            index.place(FileWrite(first), NOW),
            index.remove(OWNER, "/a/", NOW),
            index.remove(OWNER, "/a/b", NOW),
            index.remove(OWNER, "/a/b", NOW),
            index.remove(OWNER, "/a/", NOW),
            index.place(FileWrite(second), NOW + 1),
            index.forget([first]),
            index.place(FileWrite(file("/a")), NOW),
            index.forget([second]),
            index.remove(OWNER, "/a/", NOW + 1),
            index.place(FileWrite(file("/a")), NOW),
            return_exceptions=True,
        )
        assert [type(one) if isinstance(one, Exception) else one for one in told] == [
            Placed(first, created=True, replaced=None),
            DirectoryNotEmpty,
            first,
            None,
            directory("/a/"),
            Placed(second, created=True, replaced=None),
            None,
            PathTaken,
            None,
            directory("/a/", time=NOW + 1),
            Placed(file("/a"), created=True, replaced=None),
        ]
        assert await everything(index) == [file("/a")]

    @story
    async def test_expired_files_that_go_with_a_directory_are_gone_for_the_next_change(self, index: FileIndex) -> None:
        """As if they had never been."""
        await put(index, file("/a/b", "old", expiry=NOW))
        new = file("/a/b", "new")
        _, placed = await asyncio.gather(index.remove(OWNER, "/a/", NOW), index.place(FileWrite(new), NOW))
        assert placed == Placed(new, created=True, replaced=None)

    @story
    async def test_a_refused_change_hurts_none_beside_it(self, index: FileIndex) -> None:
        """Nor do they take each other's answers."""
        await put_paths(index, "/file", "/directory/x")
        calls = [
            call
            for i in range(20)
            for call in (
                index.place(FileWrite(file(f"/directory/{i}", f"{i}")), NOW),
                index.place(FileWrite(file(f"/file/{i}")), NOW),
                index.place(FileWrite(file("/file"), only_new=True), NOW),
                index.place(FileWrite(file("/directory")), NOW),
                index.remove(OWNER, "/directory/", NOW),
            )
        ]
        told = await asyncio.gather(*calls, return_exceptions=True)
        for i in range(20):
            placed, *refused = told[5 * i : 5 * i + 5]
            assert placed == Placed(file(f"/directory/{i}", f"{i}"), created=True, replaced=None)
            assert [type(error) for error in refused] == [PathTaken, FileExists, PathTaken, DirectoryNotEmpty]
        assert len(await everything(index)) == 23

    @story
    async def test_a_cancelled_change_happened_whole_or_not_at_all(self, index: FileIndex) -> None:
        """And hurts none beside it."""
        for number in range(20):
            doomed = asyncio.ensure_future(index.place(FileWrite(file(f"/{number}/a/b")), NOW))
            beside = asyncio.ensure_future(index.place(FileWrite(file(f"/beside/{number}")), NOW))
            for _ in range(number // 2):
                await asyncio.sleep(0)
            doomed.cancel()
            assert (await beside).created
            await asyncio.wait([doomed])
        await put_paths(index, "/last")
        paths = set(await all_paths(index))
        assert {"/last", *[f"/beside/{number}" for number in range(20)]} <= paths
        for number in range(20):
            assert len({f"/{number}/", f"/{number}/a/", f"/{number}/a/b"} & paths) in (0, 3)
