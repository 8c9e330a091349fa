"""RocksDB as ordered bytes: typed, tuned, and with rocksdict's errors translated once."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import TypeVar, cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from minori.errors import DataDirectoryBroken, StoreFailed
from minori.storage.rocksdb import keys, log

CACHE_BYTES = 48 * 1024 * 1024
MEMTABLE_BYTES = 16 * 1024 * 1024
BLOCK_BYTES = 16 * 1024
FIRST_CHUNK, CHUNK = 16, 128
OPEN_FILES = 512
INFO_LOG_BYTES = 1024 * 1024

SPARE_LOGS = 1
"""How many logs whose entries are in tables are kept, to be written over by later ones (our choice, measured): a sync
takes half the time where the file does not grow. RocksDB can tell an older log's records from a newer one's."""

STEPS_BACK = 5
"""By how much less the system favours RocksDB's own threads (our choice, measured): while they write tables out on a
busy core, answers would wait a scheduler's turn for them. A quarter of the core is theirs still."""

REMOVALS, REMOVALS_WITHIN, REMOVALS_SHARE = 512, 1024, 0.5
"""A file is rewritten soon if so many of so many keys in a row are removals, or this share of all its keys (our
choice, measured): a removal frees nothing until it meets what it removes, in the largest and oldest files."""

_SIZES = ("rocksdb.estimate-live-data-size", "rocksdb.cur-size-all-mem-tables")

T = TypeVar("T")


class Database:
    """One open RocksDB. Scans see the database as it was when they began."""

    def __init__(self, folder: Path) -> None:
        """Open, or make, the database in `folder`. Raises `DataDirectoryBroken`."""
        self.folder = folder
        self._once = ReadOptions()
        self._once.fill_cache(False)  # type: ignore[call-arg]  # its stub forgets the argument
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._rdict = Rdict(str(folder), _tuning())
            if self._rdict.get(keys.END) is None:
                self._rdict.put(keys.END, keys.FENCE)
                self._rdict.flush()
            _sync_folder(folder)
            _step_back()
        except Exception as error:
            raise DataDirectoryBroken(f"The entry store in {folder} cannot be opened: {error}") from error

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return _read(lambda: cast("bytes | None", self._rdict.get(key)))

    def values(
        self, start: bytes, limit: int, enough: int, *, backwards: bool, about: int = FIRST_CHUNK
    ) -> list[bytes]:
        """At most `limit` values from `start` on, in key order or against it; fewer once they have `enough` bytes.

        None behind a fence, but for some that were read with it: how many there are before it is told by `about`.
        """

        def scan() -> list[bytes]:
            found = cast("Iterator[bytes]", self._rdict.values(backwards=backwards, from_key=start))
            values: list[bytes] = []
            size, most = 0, min(about, CHUNK)
            while len(values) < limit and size < enough:
                chunk = list(islice(found, min(most, limit - len(values))))
                values += chunk
                if not chunk or keys.FENCE in chunk:
                    break
                size += sum(map(len, chunk))
                # Large values are not read by the hundred beyond what is enough.
                most = min(CHUNK, 1 + (enough - size) * len(values) // size)
            return values

        return _read(scan)

    def keys(self, start: bytes, limit: int, prefix: bytes, *, backwards: bool) -> list[bytes]:
        """At most `limit` keys from `start` on, while they begin with `prefix`."""

        def scan() -> list[bytes]:
            found = cast("Iterator[bytes]", self._rdict.keys(backwards=backwards, from_key=start))
            return [key for key in islice(found, limit) if key.startswith(prefix)]

        return _read(scan)

    def items(self, first: bytes, last: bytes) -> list[tuple[bytes, bytes]]:
        """All keys from `first` to `last`, both included, with their values."""

        def scan() -> list[tuple[bytes, bytes]]:
            found = cast("Iterator[tuple[bytes, bytes]]", self._rdict.items(from_key=first))
            return list(takewhile(lambda item: item[0] <= last, found))

        return _read(scan)

    def items_once(self, first: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` keys from `first` on, with their values, past the cache: for whoever keeps himself what is
        asked for again.
        """

        def scan() -> list[tuple[bytes, bytes]]:
            found = cast("Iterator[tuple[bytes, bytes]]", self._rdict.items(from_key=first, read_opt=self._once))
            return list(islice(found, limit))

        return _read(scan)

    def size(self) -> int:
        """About how many bytes everything takes, in tables and in memory."""
        return _read(lambda: sum([self._rdict.property_int_value(name) or 0 for name in _SIZES]))

    def write(self, batch: WriteBatch) -> None:
        """Hand a batch to the operating system whole; making it durable is the caller's.

        Raises rocksdict's plain `Exception`; the caller stops the store with its text.
        """
        self._rdict.write(batch)

    def flush(self) -> None:
        """Begin to write out what is in memory alone, so that what was removed can be freed. May take a while."""
        try:
            self._rdict.flush(wait=False)
        except Exception as error:
            raise StoreFailed(f"The entry store could not be flushed ({error}); look at the disk") from error

    def close(self) -> None:
        """Flush and let go of every file, even if the disk refuses to flush: `StoreFailed` is raised then."""
        try:
            self._rdict.close()
        except Exception as error:
            raise StoreFailed(
                f"The entry store could not be flushed ({error}); what was confirmed is in its log, look at the disk"
            ) from error


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except Exception as error:
        raise StoreFailed(f"The entry store could not be read ({error}); look at the disk") from error


def _tuning() -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(CACHE_BYTES))
    table.set_block_size(BLOCK_BYTES)
    # One flat index of a large file would not fit into a shard of the cache, and be read for every seek.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_pin_top_level_index_and_filter(True)
    table.set_cache_index_and_filter_blocks(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_bottommost_compression_type(DBCompressionType.zstd())
    options.set_max_open_files(OPEN_FILES)
    options.add_compact_on_deletion_collector_factory(REMOVALS_WITHIN, REMOVALS, REMOVALS_SHARE)
    # Whether RocksDB still holds the older log shows nowhere else, and without that it is not safe (`log`).
    options.set_recycle_log_file_num(SPARE_LOGS if log.DESCRIPTORS.is_dir() else 0)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(INFO_LOG_BYTES)
    return options


def _step_back() -> None:
    """Have the system prefer the threads that answer. Where it does not tell of threads, all stay alike."""
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + STEPS_BACK, 19)
    for thread in Path("/proc/self/task").glob("[0-9]*"):
        with suppress(OSError):
            if (thread / "comm").read_text().startswith("rocksdb:"):
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)


def _sync_folder(folder: Path) -> None:
    """Make the small files durable: rocksdict's own settings file is synced by nobody else."""
    for path in [*folder.iterdir(), folder]:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            # RocksDB removes a file that it has compacted away whenever it likes.
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
