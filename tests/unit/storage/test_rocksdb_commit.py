"""How many writes share a commit: few are hurried, many wait for those who come next."""

import asyncio
from pathlib import Path

import pytest

from minori.model.entry import DataEntry, EntryWrite
from minori.model.resource import Resource, ResourceType
from minori.storage.base import EntryStoreOptions
from minori.storage.rocksdb import entries
from minori.storage.rocksdb.commit import CROWD

PLANT = Resource("OP1", ResourceType.DEVICE, "d-1")


class Seen:
    """Notes how many writes each commit had."""

    def __init__(self) -> None:
        self.commits: list[int] = []

    def commit(self, entries: int, _: float) -> None:
        self.commits.append(entries)

    def failed(self, reason: str) -> None:
        raise AssertionError(reason)


@pytest.mark.parametrize(
    ("writes", "commits"),
    [(CROWD - 1, [CROWD - 1, 1, 1]), (CROWD, [CROWD, 2])],
    ids=["few", "many"],
)
def test_who_writes_again_as_soon_as_he_is_answered_joins_those_who_wait_if_there_are_many(
    tmp_path: Path, writes: int, commits: list[int]
) -> None:
    async def story() -> None:
        seen = Seen()
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", EntryStoreOptions(seen))
        first = [store.add(_write(time))[1] for time in range(writes)]
        first[0].then(lambda _: store.add(_write(writes + 1)))
        # Now they are being synced; this one waits, and the one above is not there yet.
        await asyncio.sleep(0)
        await store.add(_write(writes))[1].durable()
        await store.close()
        assert seen.commits == commits
        assert all(confirmation.is_known for confirmation in first)

    asyncio.run(story())


def _write(time: int) -> EntryWrite:
    return EntryWrite(DataEntry(PLANT, time, "1", "text/plain"), 0, exact=True)
