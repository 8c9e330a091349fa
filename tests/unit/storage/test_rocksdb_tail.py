"""What is remembered of a resource: its latest times and its metadata."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import WriteBatch

from minori.codec.entry import encode_json
from minori.model.resource import Resource, ResourceType
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.counter import Counter
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import Extent
from minori.storage.rocksdb.tail import Tail, Tails


def meter(name: str) -> Resource:
    return Resource("OP1", ResourceType.SUBSCRIBER, name)


def tail(newest: int = -1) -> Tail:
    return Tail(b"E", b"M", newest, Counter(), Extent())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "entries")
    yield database
    database.close()


def test_of_a_new_resource_no_time_is_taken() -> None:
    assert [tail().candidate(time) for time in (0, 5)] == [0, 5]


def test_behind_a_run_is_the_next_candidate() -> None:
    known = tail()
    for time in (5, 6, 7):
        known.taken(time, time)
    assert [known.candidate(time) for time in (4, 5, 6, 7, 8, 9)] == [4, 8, 8, 8, 8, 9]


def test_a_run_grows_over_what_was_found_to_be_taken() -> None:
    known = tail()
    known.taken(5, 5)
    known.taken(6, 9)
    assert known.candidate(5) == 10


def test_a_run_begins_where_the_search_began() -> None:
    known = tail()
    known.taken(5, 9)
    assert [known.candidate(time) for time in (4, 5)] == [4, 10]


def test_a_time_apart_begins_a_run_of_its_own() -> None:
    known = tail()
    known.taken(5, 5)
    known.taken(7, 7)
    assert [known.candidate(time) for time in (5, 6, 7)] == [5, 6, 8]


def test_a_run_never_shrinks_when_time_goes_back() -> None:
    known = tail()
    known.taken(5, 9)
    known.taken(6, 6)
    assert known.candidate(5) == 10


def test_a_time_that_is_freed_ends_the_run() -> None:
    for freed in (5, 7, 9):
        known = tail()
        known.taken(5, 9)
        known.freed(freed)
        assert known.candidate(freed) == freed


def test_a_time_that_is_freed_outside_leaves_the_run() -> None:
    known = tail()
    known.taken(5, 9)
    known.freed(4)
    known.freed(10)
    assert known.candidate(5) == 10


def test_the_newest_time_never_goes_back() -> None:
    known = tail(100)
    known.taken(5, 5)
    known.freed(100)
    assert known.newest == 100
    known.taken(101, 101)
    assert known.newest == 101


def test_a_resource_that_was_never_remembered_is_unknown(database: Database) -> None:
    assert Tails(database, 1).get(meter("a")) is None


def test_the_resource_unused_for_the_longest_time_is_forgotten(database: Database) -> None:
    tails, kept = Tails(database, 2), tail()
    tails.remember(meter("a"), kept)
    tails.remember(meter("b"), tail())
    assert tails.get(meter("a")) is kept
    tails.remember(meter("c"), tail())
    assert tails.get(meter("b")) is None
    assert tails.get(meter("a")) is kept


def test_as_many_resources_are_remembered_as_may_be(database: Database) -> None:
    tails = Tails(database, 3)
    for name in "abc":
        tails.remember(meter(name), tail())
    assert all(tails.get(meter(name)) is not None for name in "abc")


def test_resources_with_the_same_attribute_names_share_them(database: Database) -> None:
    tails, batch = Tails(database, 1), WriteBatch(raw_mode=True)
    for name in "ab":
        batch.put(keys.names_key(keys.metadata_key(meter(name))), encode_json(("humidity", "temperature")))
    database.write(batch)
    one, other = (tails.names(keys.metadata_key(meter(name))) for name in "ab")
    assert one == ("humidity", "temperature")
    assert one is other


def test_long_lists_of_attribute_names_are_not_kept(database: Database) -> None:
    """Else a thousand senders with the longest names would fill the memory."""
    tails, batch, names = Tails(database, 1), WriteBatch(raw_mode=True), tuple("x" * 200 + str(n) for n in range(10))
    batch.put(keys.names_key(keys.metadata_key(meter("a"))), encode_json(names))
    database.write(batch)
    one, again = (tails.names(keys.metadata_key(meter("a"))) for _ in range(2))
    assert one == again == names
    assert one is not again
