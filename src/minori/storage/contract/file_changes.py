"""What every file index passes when it is written to: placing, replacing, removing, forgetting."""

from minori.errors import DirectoryNotEmpty, FileExists, PathTaken
from minori.model.file import DEPTH, PATH_BYTES, Blob, FileEntry, FileWrite, Placed
from minori.storage.base import FileIndex
from minori.storage.contract.file_story import (
    ALL,
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


class FilePlacingContract(FileIndexStories):
    """The part of the suite that asks what placing leaves behind."""

    @story
    async def test_a_placed_file_comes_back_as_it_was_written(self, index: FileIndex) -> None:
        """Whatever it is made of."""
        for entry in (
            FileEntry(OWNER, "/a.txt", 1, 2, Blob("0f", 5 * 2**30, "d41d8cd98f00b204e9800998ecf8427e"), "text/plain"),
            FileEntry(OWNER, "/実り/\U0001f33e é.bin", 2**53, 2**53, Blob("10", 0, ""), "", 2**53),
            FileEntry("public", "/a b/%2F&'\"\\.txt", 0, 0, Blob("11", 1, "x"), 'a/b; c="ä"', NOW + 1),
        ):
            assert await index.place(FileWrite(entry), NOW) == Placed(entry, created=True, replaced=None)
            assert await index.get(entry.owner, entry.path, NOW) == entry

    @story
    async def test_a_placed_file_is_visible_to_every_read(self, index: FileIndex) -> None:
        """As soon as `place` returns."""
        entry = file("/a/b", "blob-1", expiry=NOW + 1)
        await put(index, entry)
        assert await index.get(OWNER, "/a/b", NOW) == entry
        assert list((await index.children(OWNER, "/a/", "", 1, NOW)).entries) == [entry]
        assert list((await index.find(OWNER, "/a/b", "", 1, NOW)).entries) == [entry]
        assert await index.of_blobs(["blob-1"]) == {"blob-1": entry}
        assert list(await index.expired(NOW + 1, 1)) == [entry]

    @story
    async def test_a_path_is_compared_byte_by_byte(self, index: FileIndex) -> None:
        """Case, composed letters and a slash at the end make another path."""
        await put_paths(index, "/Café")
        for path in ("/café", "/CAFÉ", "/Cafe\u0301", "/Café/", "/Caf", "/Café ", "/Caf_", "/Caf%", "Café", "/", ""):
            assert await index.get(OWNER, path, NOW) is None

    @story
    async def test_owners_never_meet(self, index: FileIndex) -> None:
        """Even if all else is equal, and one name begins with the other."""
        mine, theirs = file("/a/b", owner="OP1"), file("/a/b", owner="OP10", time=NOW + 1)
        await put(index, mine, theirs)
        assert await index.get("OP1", "/a/b", NOW) == mine
        assert await index.get("OP10", "/a/b", NOW) == theirs
        assert await index.get("OP", "/a/b", NOW) is None
        assert await all_paths(index, owner="OP") == []
        assert list((await index.children("OP1", "/a/", "", ALL, NOW)).entries) == [mine]
        assert await index.remove("OP", "/a/b", NOW) is None
        assert await index.remove("OP1", "/a/b", NOW) == mine
        assert await index.remove("OP1", "/a/", NOW) == directory("/a/", "OP1")
        assert await everything(index, owner="OP10") == [directory("/a/", "OP10"), theirs]

    @story
    async def test_missing_directories_are_made_on_the_way(self, index: FileIndex) -> None:
        """Each bears the time of the call."""
        entry = file("/a/b/c.txt", time=NOW - 5)
        await put(index, entry)
        assert await everything(index) == [directory("/a/"), directory("/a/b/"), entry]
        assert await index.get(OWNER, "/a/b/", NOW) == directory("/a/b/")

    @story
    async def test_directories_that_exist_keep_their_times(self, index: FileIndex) -> None:
        """Only the missing ones are made."""
        await put(index, file("/a/b"))
        await put(index, file("/a/b2/c"), file("/a/b"), now=NOW + 9)
        assert await index.get(OWNER, "/a/", NOW) == directory("/a/")
        assert await index.get(OWNER, "/a/b2/", NOW) == directory("/a/b2/", time=NOW + 9)

    @story
    async def test_the_root_is_no_row(self, index: FileIndex) -> None:
        """It is never made, found or removed."""
        await put_paths(index, "/a")
        assert await all_paths(index) == ["/a"]
        assert await index.get(OWNER, "/", NOW) is None
        assert await index.remove(OWNER, "/", NOW) is None
        assert await all_paths(index) == ["/a"]

    @story
    async def test_a_path_may_be_as_long_and_as_deep_as_the_model_says(self, index: FileIndex) -> None:
        """Sixteen levels of directories, 1,024 bytes."""
        name = "実" * 20
        deep = f"/{name}" * DEPTH
        path = f"{deep}/{'x' * (PATH_BYTES - len(deep.encode()) - 1)}"
        await put_paths(index, path)
        above = [f"/{name}" * depth + "/" for depth in range(1, DEPTH + 1)]
        assert await all_paths(index) == [*above, path]

    @story
    async def test_replacing_keeps_only_the_created_time(self, index: FileIndex) -> None:
        """And tells whose blob nobody needs any more."""
        await put(index, file("/a", "old"))
        new = FileEntry(OWNER, "/a", NOW + 1, NOW + 2, Blob("new", 7, "77"), "image/png", NOW + 9)
        kept = FileEntry(OWNER, "/a", NOW, NOW + 2, Blob("new", 7, "77"), "image/png", NOW + 9)
        assert await index.place(FileWrite(new), NOW + 2) == Placed(kept, created=False, replaced="old")
        assert await everything(index) == [kept]
        assert await index.of_blobs(["old", "new"]) == {"new": kept}

    @story
    async def test_a_blob_never_replaces_itself(self, index: FileIndex) -> None:
        """Placing a version twice is no reason to remove its bytes."""
        await put(index, file("/a", "same"))
        (placed,) = await put(index, file("/a", "same", time=NOW + 1))
        assert (placed.created, placed.replaced) == (False, None)

    @story
    async def test_only_new_refuses_to_replace(self, index: FileIndex) -> None:
        """The first version stays."""
        first = file("/a/b", "first")
        assert await index.place(FileWrite(first, only_new=True), NOW) == Placed(first, created=True, replaced=None)
        write = FileWrite(file("/a/b", "second"), only_new=True)
        assert await refusal(index.place(write, NOW)) is FileExists
        assert await everything(index) == [directory("/a/"), first]
        assert await index.of_blobs(["second"]) == {}

    @story
    async def test_an_expired_file_is_replaced_as_if_it_were_absent(self, index: FileIndex) -> None:
        """The file is new; its predecessor's blob is told all the same."""
        for only_new in (False, True):
            await put(index, file("/a", "old", expiry=NOW + 5))
            entry = file("/a", "new", time=NOW + 5)
            write = FileWrite(entry, only_new=only_new)
            assert await index.place(write, NOW + 5) == Placed(entry, created=True, replaced="old")
            assert await everything(index, NOW + 5) == [entry]
            assert await index.remove(OWNER, "/a", NOW) == entry

    @story
    async def test_no_file_takes_the_name_of_a_directory(self, index: FileIndex) -> None:
        """At any level, whether anything is in it or not."""
        await put_paths(index, "/a/b/c/d")
        await index.remove(OWNER, "/a/b/c/d", NOW)
        before = await everything(index)
        for path in ("/a", "/a/b", "/a/b/c"):
            for only_new in (False, True):
                assert await refusal(index.place(FileWrite(file(path), only_new), NOW)) is PathTaken
        assert await everything(index) == before

    @story
    async def test_no_directory_takes_the_name_of_a_file(self, index: FileIndex) -> None:
        """However far above the new file it would be; nothing is made on the way."""
        await put_paths(index, "/f", "/a/b/f")
        before = await everything(index)
        for path in ("/f/x", "/f/x/y/z", "/a/b/f/x", "/a/b/f/x/y"):
            assert await refusal(index.place(FileWrite(file(path)), NOW)) is PathTaken
        assert await everything(index) == before

    @story
    async def test_names_that_begin_alike_are_in_nobodys_way(self, index: FileIndex) -> None:
        """`/a.txt` and `/ab` are not in `/a/`."""
        paths = ["/a-/x", "/a.txt", "/a/b", "/a/b.txt", "/a0", "/ab/c"]
        await put_paths(index, *paths)
        assert [path for path in await all_paths(index) if not path.endswith("/")] == paths

    @story
    async def test_an_expired_file_is_in_nobodys_way(self, index: FileIndex) -> None:
        """A directory takes its name, and keeps it."""
        await put(index, file("/a", "gone", expiry=NOW))
        await put(index, file("/a/b"))
        assert await all_paths(index) == ["/a/", "/a/b"]
        assert await refusal(index.place(FileWrite(file("/a")), NOW)) is PathTaken
        assert [entry.blob_id for entry in await index.expired(NOW, ALL)] == ["gone"]


class FileRemovingContract(FileIndexStories):
    """The part of the suite that asks what goes and what stays."""

    @story
    async def test_a_removed_file_is_told_once(self, index: FileIndex) -> None:
        """The directories it was in stay."""
        await put_paths(index, "/a/b", "/a/b2")
        assert await index.remove(OWNER, "/a/b", NOW) == file("/a/b")
        assert await index.remove(OWNER, "/a/b", NOW) is None
        assert await index.remove(OWNER, "/a/b2", NOW) == file("/a/b2")
        assert await all_paths(index) == ["/a/"]
        assert await index.of_blobs([f"{OWNER}:/a/b"]) == {}

    @story
    async def test_the_slash_at_the_end_tells_directories_from_files(self, index: FileIndex) -> None:
        """One is not removed in place of the other."""
        await put_paths(index, "/a/b")
        assert await index.remove(OWNER, "/a", NOW) is None
        assert await index.remove(OWNER, "/a/b/", NOW) is None
        assert await all_paths(index) == ["/a/", "/a/b"]

    @story
    async def test_an_empty_directory_is_removed(self, index: FileIndex) -> None:
        """It comes back, with new times, when it is needed."""
        await put_paths(index, "/a/b/c")
        await index.remove(OWNER, "/a/b/c", NOW)
        assert await index.remove(OWNER, "/a/b/", NOW) == directory("/a/b/")
        assert await index.remove(OWNER, "/a/b/", NOW) is None
        assert await all_paths(index) == ["/a/"]
        await put(index, file("/a/b"), now=NOW + 1)
        await index.remove(OWNER, "/a/b", NOW)
        await put(index, file("/a/b/c"), now=NOW + 1)
        assert await index.get(OWNER, "/a/b/", NOW) == directory("/a/b/", time=NOW + 1)

    @story
    async def test_a_directory_with_anything_in_it_stays(self, index: FileIndex) -> None:
        """A file or another directory."""
        await put_paths(index, "/file/f", "/directory/d/f")
        await index.remove(OWNER, "/directory/d/f", NOW)
        before = await everything(index)
        for path in ("/file/", "/directory/"):
            assert await refusal(index.remove(OWNER, path, NOW)) is DirectoryNotEmpty
        assert await everything(index) == before

    @story
    async def test_names_that_begin_alike_are_not_in_a_directory(self, index: FileIndex) -> None:
        """Neither do they keep it, nor do they go with it."""
        around = ["/a!", "/a-/x", "/a.txt", "/a0", "/ab/c", "/a\U0010ffff"]
        await put(index, file("/a/x", expiry=NOW), *[file(path, expiry=NOW + 1) for path in around])
        assert await index.remove(OWNER, "/a/", NOW) == directory("/a/")
        assert [path for path in await all_paths(index) if not path.endswith("/")] == around

    @story
    async def test_an_expired_file_cannot_be_removed(self, index: FileIndex) -> None:
        """Nobody sees it; it stays until it is forgotten."""
        entry = file("/a", expiry=NOW)
        await put(index, entry)
        assert await index.remove(OWNER, "/a", NOW) is None
        assert list(await index.expired(NOW, ALL)) == [entry]
        assert await index.remove(OWNER, "/a", NOW - 1) == entry

    @story
    async def test_expired_files_go_with_their_directory(self, index: FileIndex) -> None:
        """Those of others, and of other directories, stay."""
        inside = [file(f"/a/{i}", expiry=NOW - i) for i in range(3)]
        others = [file("/a/0", owner="OP2", expiry=NOW), file("/b/0", expiry=NOW)]
        await put(index, *inside, *others, now=0)
        assert await refusal(index.remove(OWNER, "/a/", NOW - 1)) is DirectoryNotEmpty
        assert await index.remove(OWNER, "/a/", NOW) == directory("/a/", time=0)
        assert await index.of_blobs([f"{OWNER}:/a/{i}" for i in range(3)]) == {}
        assert {entry.path for entry in await index.expired(NOW, ALL)} == {"/a/0", "/b/0"}
        assert await all_paths(index) == ["/b/"]

    @story
    async def test_a_directory_of_directories_is_not_empty(self, index: FileIndex) -> None:
        """Even if all files below have expired."""
        await put(index, file("/a/b/c", expiry=NOW))
        assert await refusal(index.remove(OWNER, "/a/", NOW)) is DirectoryNotEmpty
        await index.remove(OWNER, "/a/b/", NOW)
        await index.remove(OWNER, "/a/", NOW)
        assert list(await index.expired(NOW, ALL)) == []

    @story
    async def test_forgetting_takes_the_version_it_was_told(self, index: FileIndex) -> None:
        """Expired or not; a newer one at the same path stays."""
        first, second, kept = file("/a/1", expiry=NOW), file("/a/2"), file("/a/3", "new")
        await put(index, first, second, file("/a/3", "old"), kept)
        await index.forget([first, second, file("/a/3", "old"), file("/a/4")])
        assert await everything(index) == [directory("/a/"), kept]
        assert list(await index.expired(NOW, ALL)) == []

    @story
    async def test_forgetting_asks_for_owner_path_and_blob_alone(self, index: FileIndex) -> None:
        """Times and sizes may have been read before a change of theirs."""
        await put(index, file("/a", "x"), file("/b", "x2"), file("/a", "x", owner="OP2"))
        changed = FileEntry(OWNER, "/a", 1, 2, Blob("x", 99, "?"), "?/?", 3)
        await index.forget([changed, file("/b", "x"), file("/a", "x", owner="OP3")])
        assert await all_paths(index) == ["/b"]
        assert await all_paths(index, owner="OP2") == ["/a"]

    @story
    async def test_forgetting_leaves_directories_alone(self, index: FileIndex) -> None:
        """Neither are they versions, nor is nothing at all."""
        await put_paths(index, "/a/b")
        await index.forget([])
        await index.forget([directory("/a/"), directory("/b/")])
        assert await all_paths(index) == ["/a/", "/a/b"]

    @story
    async def test_many_files_are_forgotten_at_once(self, index: FileIndex) -> None:
        """More than a driver may care to name in one statement."""
        entries = [file(f"/a/{i}") for i in range(2500)]
        await put_paths(index, *[entry.path for entry in entries])
        await index.forget(entries[:-1])
        assert await all_paths(index) == ["/a/", "/a/2499"]
