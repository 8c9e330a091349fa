"""What every file index passes when it is read: listing, finding, paging, expiry."""

from minori.model.file import FileWrite
from minori.storage.base import FileIndex
from minori.storage.contract.file_story import (
    ALL,
    NOW,
    OWNER,
    FileIndexStories,
    all_paths,
    directory,
    file,
    found,
    listed,
    put,
    put_paths,
    story,
    walk,
)

NAMES = (
    *"~!%_*?'\"\\+-.9ABabz\x7f\x80éÿĀ\u07ff\u0800実\ud7ff\ue000\uffee\uffff\U00010000\U0001f33e\U0010fffe\U0010ffff",
    *("10", "[a]", "a!", "a-b", "a.txt", "a0", "ab", "e\u0301", "実り", "\U0010ffffa", " ", " a"),
)
"""Names whose order differs between bytes, UTF-16 units, letters and languages; none of them is a directory's."""


class FilePagesContract(FileIndexStories):
    """The part of the suite that asks what a page holds."""

    @story
    async def test_children_are_what_is_directly_in_a_directory(self, index: FileIndex) -> None:
        """Files and directories; neither itself nor what is deeper."""
        await put_paths(index, "/a/1", "/a/b/2", "/a/b/c/3", "/a2/4", "/a.txt", "/5")
        assert await listed(index, "/") == ["/5", "/a.txt", "/a/", "/a2/"]
        assert await listed(index, "/a/") == ["/a/1", "/a/b/"]
        assert await listed(index, "/a/b/") == ["/a/b/2", "/a/b/c/"]
        page = await index.children(OWNER, "/a/", "", ALL, NOW)
        assert list(page.entries) == [file("/a/1"), directory("/a/b/")]

    @story
    async def test_what_is_no_directory_has_no_children(self, index: FileIndex) -> None:
        """Nor has an empty one."""
        await put_paths(index, "/a/b")
        for path in ("/b/", "/a/b/", "/A/", "/%/"):
            assert await listed(index, path) == []
        await index.remove(OWNER, "/a/b", NOW)
        assert await listed(index, "/a/") == []

    @story
    async def test_find_goes_to_any_depth(self, index: FileIndex) -> None:
        """A prefix may end within a name; a directory is found before what is in it."""
        await put_paths(index, "/2019/a", "/2019/06/b", "/2018/c", "/20")
        below = ["/2019/", "/2019/06/", "/2019/06/b", "/2019/a"]
        assert await found(index, "/2019") == below
        assert await found(index, "/2019/") == below
        assert await found(index, "/2019/0") == ["/2019/06/", "/2019/06/b"]
        assert await found(index, "/2019/06/b") == ["/2019/06/b"]
        whole = ["/20", "/2018/", "/2018/c", *below]
        for prefix in ("", "/", "/2"):
            assert await found(index, prefix) == whole
        for prefix in ("2", "2019/", "a", "/2019/06/b/", "/3", "\U0010ffff", " ", "\x00"):
            assert await found(index, prefix) == []

    @story
    async def test_order_is_that_of_utf8_bytes(self, index: FileIndex) -> None:
        """Neither case nor language matters, nor the order of UTF-16 units."""
        await put_paths(index, *[f"/d/{name}" for name in NAMES], *[f"/d/{name}2/x" for name in NAMES])
        children = sorted([f"/d/{name}" for name in NAMES] + [f"/d/{name}2/" for name in NAMES], key=str.encode)
        assert await listed(index, "/d/") == children
        whole = sorted(["/d/", *children, *[f"/d/{name}2/x" for name in NAMES]], key=str.encode)
        assert await all_paths(index) == whole

    @story
    async def test_a_directory_is_ordered_with_its_slash(self, index: FileIndex) -> None:
        """So `/a.txt` comes before `/a/`, and `/a0` after all that is in it."""
        await put_paths(index, "/a/z", "/a.txt", "/a-", "/a0")
        assert await listed(index, "/") == ["/a-", "/a.txt", "/a/", "/a0"]
        assert await all_paths(index) == ["/a-", "/a.txt", "/a/", "/a/z", "/a0"]

    @story
    async def test_every_letter_of_a_prefix_stands_for_itself(self, index: FileIndex) -> None:
        """There are no wildcards, and every last letter has an end."""
        paths = [f"/{name}" for name in NAMES] + [f"/{name}\U0010ffff\U0010ffff!" for name in NAMES]
        await put_paths(index, *paths)
        whole = sorted(paths, key=str.encode)
        for prefix in paths:
            assert await found(index, prefix) == [path for path in whole if path.startswith(prefix)]

    @story
    async def test_pages_of_any_size_make_up_the_whole(self, index: FileIndex) -> None:
        """`more` tells, even where the last page is full."""
        await put_paths(index, *[f"/d/{name}" for name in "éa9B\U0001f33e"], "/d/a-/1", "/d/a-/2", "/e/f", "/c")
        children, below = await listed(index, "/d/"), await found(index, "/d")
        assert (len(children), len(below)) == (6, 9)
        for limit in range(1, 11):
            assert await walk(index.children, "/d/", limit) == children
            assert await walk(index.find, "/d", limit) == below
        assert not (await index.children(OWNER, "/d/", "", 6, NOW)).more
        assert not (await index.find(OWNER, "/d", "", 9, NOW)).more
        assert (await index.children(OWNER, "/d/", "", 5, NOW)).more
        assert (await index.find(OWNER, "/d", "", 8, NOW)).more

    @story
    async def test_a_page_begins_beyond_any_path(self, index: FileIndex) -> None:
        """Whether it exists or not, and wherever it is."""
        await put_paths(index, "/d/b", "/d/d/x", "/d/f", "/e")
        for after in (
            "",
            "/",
            "/c",
            "/d/",
            "/d/a",
            "/d/b",
            "/d/c",
            "/d/d/",
            "/d/d/x",
            "/d/e",
            "/d/f",
            "/d/g",
            "/e",
            "z",
        ):
            beyond = [path for path in ("/d/b", "/d/d/", "/d/f") if path > after]
            assert await listed(index, "/d/", after) == beyond
            below = [path for path in ("/d/", "/d/b", "/d/d/", "/d/d/x", "/d/f") if path > after]
            assert await found(index, "/d/", after) == below
            assert await found(index, "/d/", after, limit=2) == below[:2]

    @story
    async def test_an_entry_that_stays_is_seen_once_while_others_write(self, index: FileIndex) -> None:
        """What comes and goes between two pages moves nobody."""
        stay = [f"/d/{number:02}5" for number in range(20)]
        await put_paths(index, *stay, *[f"/d/{number:02}3" for number in range(20)])
        for find in (False, True):
            seen: list[str] = []
            after = ""
            for step in range(100):
                turn = index.find if find else index.children
                page = await turn(OWNER, "/d/", after, 3, NOW)
                seen += [entry.path for entry in page.entries]
                after = seen[-1]
                await index.remove(OWNER, f"/d/{step:02}3", NOW)
                await index.remove(OWNER, f"{after[:-1]}3", NOW)
                await put_paths(index, f"/d/{step:02}4", f"{after}1", f"{after[:-1]}5")
                if not page.more:
                    break
            assert [path for path in seen if path in stay] == stay
            assert len(seen) == len(set(seen))


class FileExpiryContract(FileIndexStories):
    """The part of the suite that asks what is hidden, and what a sweep finds."""

    @story
    async def test_a_file_is_hidden_from_its_expiry_time_on(self, index: FileIndex) -> None:
        """To the millisecond, from every read that knows the time."""
        entry = file("/a/b", "blob", expiry=NOW + 5)
        await put(index, entry)
        for now, there in ((NOW + 4, True), (NOW + 5, False), (NOW + 6, False)):
            assert (await index.get(OWNER, "/a/b", now) == entry) is there
            assert (list((await index.children(OWNER, "/a/", "", 9, now)).entries) == [entry]) is there
            assert ("/a/b" in await all_paths(index, now)) is there
            assert (list(await index.expired(now, 9)) == [entry]) is not there
        assert await index.get(OWNER, "/a/", NOW + 6) == directory("/a/")

    @story
    async def test_hidden_files_take_no_room_on_a_page(self, index: FileIndex) -> None:
        """Neither do they make one believe that more follow."""
        hidden = [file(f"/d/{number}a", expiry=NOW) for number in range(9)]
        await put(index, *hidden)
        await put_paths(index, "/d/3b", "/d/5b")
        for turn, first in ((index.children, []), (index.find, ["/d/"])):
            whole = [*first, "/d/3b", "/d/5b"]
            page = await turn(OWNER, "/d/", "", len(whole), NOW)
            assert ([entry.path for entry in page.entries], page.more) == (whole, False)
            page = await turn(OWNER, "/d/", "", len(whole) - 1, NOW)
            assert ([entry.path for entry in page.entries], page.more) == (whole[:-1], True)

    @story
    async def test_files_are_found_by_their_blobs(self, index: FileIndex) -> None:
        """Of any owner, expired ones too; blobs of nobody, replaced and removed ones are left out."""
        mine, theirs, gone = file("/a/b", "1"), file("/c", "2", owner="public"), file("/d", "3", expiry=0)
        await put(index, mine, theirs, gone, file("/e", "4"), file("/e", "5"), file("/f", "6"))
        await index.remove(OWNER, "/f", NOW)
        assert await index.of_blobs(["1", "2", "3", "4", "6", "7", ""]) == {"1": mine, "2": theirs, "3": gone}
        assert await index.of_blobs([]) == {}
        assert await index.of_blobs({"5"}) == {"5": file("/e", "5")}

    @story
    async def test_many_blobs_are_asked_for_at_once(self, index: FileIndex) -> None:
        """More than a driver may care to name in one statement."""
        await put_paths(index, *[f"/{number}" for number in range(2500)])
        blob_ids = [f"{OWNER}:/{number}" for number in range(4000)]
        assert set(await index.of_blobs(blob_ids)) == set(blob_ids[:2500])

    @story
    async def test_expired_files_are_told_earliest_first(self, index: FileIndex) -> None:
        """Of all owners, as many as were asked for."""
        entries = [file(f"/d/{number}", owner=f"OP{number % 2}", expiry=NOW - number * 7 % 10) for number in range(10)]
        await put(index, *entries, file("/never"), file("/later", expiry=NOW + 1))
        order = sorted(entries, key=lambda entry: entry.expiry_time or 0)
        assert list(await index.expired(NOW, 100)) == order
        assert list(await index.expired(NOW, 4)) == order[:4]
        assert list(await index.expired(NOW - 10, 100)) == []
        await index.forget(order[:3])
        assert list(await index.expired(NOW, 4)) == order[3:7]

    @story
    async def test_a_new_version_has_its_own_expiry(self, index: FileIndex) -> None:
        """It lives on where the old one would have gone, and the other way round."""
        await put(index, file("/a", "1", expiry=NOW), file("/b", "2"))
        await put(index, file("/a", "3"), file("/b", "4", expiry=NOW), now=NOW - 1)
        assert await all_paths(index) == ["/a"]
        assert [entry.path for entry in await index.expired(NOW, ALL)] == ["/b"]
        placed = await index.place(FileWrite(file("/b", "5"), only_new=True), NOW)
        assert placed.replaced == "4"
        assert list(await index.expired(NOW, ALL)) == []
