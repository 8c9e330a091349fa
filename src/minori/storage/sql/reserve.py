"""Room that is kept free for removals: on a full disk even they need some, to be written down."""

import os
from contextlib import suppress
from pathlib import Path

RESERVED_BYTES = 4 * 1024 * 1024
"""What the journal takes of any removal, and of the pages written back after it (our choice)."""


class Reserve:
    """A file at `path` of `RESERVED_BYTES`, given up when the disk is full and taken again when it is not.

    It is worth something where the file system keeps what is allocated. Everything here blocks; nothing raises.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_kept = False
        """Whether the room was there when this process looked last."""

    def keep(self) -> None:
        """Take the room, if there is any."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(file, 0, RESERVED_BYTES)
            self.is_kept = True
        except OSError:
            # What was allocated of it is somebody else's now.
            with suppress(OSError):
                self._path.unlink()
        finally:
            os.close(file)

    def give_up(self) -> bool:
        """Let others have the room; whether there was any."""
        self.is_kept = False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
