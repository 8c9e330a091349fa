"""The room that is kept for removals: it is really there, and goes and comes back whole."""

import errno
import os
from pathlib import Path

import pytest

from minori.storage.sql.reserve import RESERVED_BYTES, Reserve


def test_the_room_that_is_kept_is_allocated_and_its_owners_alone(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    reserve.keep()
    assert reserve.is_kept
    status = (tmp_path / "reserve").stat()
    assert status.st_blocks * 512 >= RESERVED_BYTES
    assert status.st_mode & 0o777 == 0o600


def test_the_room_is_given_up_once_and_can_be_kept_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    assert not reserve.give_up()
    reserve.keep()
    assert reserve.give_up()
    assert (reserve.is_kept, list(tmp_path.iterdir())) == (False, [])
    assert not reserve.give_up()
    reserve.keep()
    assert reserve.is_kept


def test_a_disk_without_room_is_left_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    reserve = Reserve(tmp_path / "reserve")
    reserve.keep()
    assert (reserve.is_kept, list(tmp_path.iterdir())) == (False, [])


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "reserve").symlink_to(tmp_path / "elsewhere")
    reserve = Reserve(tmp_path / "reserve")
    reserve.keep()
    assert not reserve.is_kept
    assert not (tmp_path / "elsewhere").exists()
