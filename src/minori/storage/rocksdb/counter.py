"""The counting of a resource's writes, in the same batches as the entries.

The five minutes and the day that are under way stand in the resource's metadata row, which every commit
writes anyhow. Once they are over they become rows of their own, written once.
"""

from typing import Final

from minori.model.statistics import SLOTS_A_DAY, Interval
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.commit import GroupCommit

_SLOT: Final = int(Interval.FIVE_MINUTES)


class Counter:
    """The writes of the five minutes (`slot`, their number since UNIX time 0) and of the day that are under way."""

    __slots__ = ("in_day", "in_slot", "slot")

    def __init__(self, slot: int = -1, in_slot: int = 0, in_day: int = 0) -> None:
        self.slot = slot
        self.in_slot = in_slot
        self.in_day = in_day

    def count(self, received: int, metadata_key: bytes, commit: GroupCommit, writes: int = 1) -> None:
        """Count writes received at this time, in UNIX ms. What is over becomes rows of the next commit."""
        slot = received // _SLOT
        if slot != self.slot:
            self._turn(slot, metadata_key, commit)
        self.in_slot += writes
        self.in_day += writes

    def _turn(self, slot: int, metadata_key: bytes, commit: GroupCommit) -> None:
        """Go to another five minutes: the next ones, later ones, or, where the clock was set back, earlier ones."""
        old, self.slot = self.slot, slot
        if old >= 0:
            commit.put(_key(Interval.FIVE_MINUTES, metadata_key, old), keys.pack_time(self.in_slot))
        self.in_slot = _kept(commit.current(_key(Interval.FIVE_MINUTES, metadata_key, slot)))
        day, old_day = slot // SLOTS_A_DAY, old // SLOTS_A_DAY
        if day == old_day:
            return
        if old >= 0:
            commit.put(_key(Interval.DAY, metadata_key, old_day), keys.pack_time(self.in_day))
        self.in_day = _kept(commit.current(_key(Interval.DAY, metadata_key, day)))


def count_prefix(interval: Interval, metadata_key: bytes) -> bytes:
    """What the keys of a resource's finished intervals begin with."""
    return b"%b%b\0" % (keys.COUNTS[interval], metadata_key[1:])


def _key(interval: Interval, metadata_key: bytes, number: int) -> bytes:
    return count_prefix(interval, metadata_key) + keys.pack_time(number)


def _kept(value: bytes | None) -> int:
    return 0 if value is None else keys.unpack_time(value)
