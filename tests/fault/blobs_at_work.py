"""A process that stores blobs, to be traced, failed or killed: `blobs_at_work.py COMMAND FOLDER`.

It prints a line of JSON as soon as something is known, and only then goes on.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from minori.errors import Error
from minori.observe.logs import configure
from minori.storage.base import BlobStore
from minori.storage.filesystem.blobs import open_blobs

MEBIBYTE = 1024 * 1024

SIZES = (0, 4096, 2 * MEBIBYTE + 1)
"""Bytes of the blobs that `commit` stores: one step of a thread each, but for the last."""

ROUNDS = 40
"""How many blobs `fail` stores, unless it is stopped."""


def pattern(size: int) -> bytes:
    """What is in a blob of `size` bytes."""
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))


def say(**known: object) -> None:
    """Print it, in one call of the system, and not the one that writes blobs, which may be made to fail."""
    os.writev(1, [json.dumps(known).encode() + b"\n"])


async def keep(store: BlobStore, size: int) -> dict[str, object]:
    """Store a blob, a mebibyte at a time, as a service does: discarded if it cannot be committed. What came of it."""
    whole = pattern(size)
    try:
        writer = await store.writer()
        try:
            for at in range(0, size, MEBIBYTE):
                await writer.write(whole[at : at + MEBIBYTE])
            return {"id": (await writer.commit()).blob_id}
        finally:
            await writer.discard()
    except Error as error:
        return {"error": type(error).__name__, "message": error.message}


async def check(store: BlobStore, blob_id: str, size: int) -> bool:
    """Whether the blob can be read and holds what was stored."""
    reader = await store.open(blob_id)
    if reader is None:
        return False
    found = await reader.read(0, reader.size)
    reader.close()
    return found == pattern(size)


async def commit(store: BlobStore, _folder: str) -> None:
    """Store a blob of each size, one after the other, and be killed."""
    for size in SIZES:
        say(size=size, **await keep(store, size))
    os.kill(os.getpid(), signal.SIGKILL)


def cut_short(folder: str) -> None:
    """Leave what a run leaves that was killed as it had made its folders: only the first of them is synced."""
    blobs = Path(folder)
    for made in (blobs.parent, blobs, *(blobs / f"{number:02x}" for number in range(256))):
        made.mkdir()
    first = os.open(blobs.parent.parent, os.O_RDONLY)
    os.fsync(first)
    os.close(first)


async def fail(store: BlobStore, _folder: str) -> None:
    """Store small blobs until one is refused, and some more, then read the good ones."""
    kept = []
    for _ in range(ROUNDS):
        outcome = await keep(store, 4096)
        say(**outcome)
        if "id" not in outcome:
            break
        kept.append(str(outcome["id"]))
        # The next one finds the thread of this one idle, and takes no other.
        await asyncio.sleep(0.01)
    for _ in range(3):
        say(**await keep(store, 4096))
    say(read=[await check(store, blob_id, 4096) for blob_id in kept])
    say(listed=[blob.blob_id for blob in await store.blobs("", 1000)])


async def fill(store: BlobStore, folder: str) -> None:
    """Store more than there is room for, in one blob and in many at once, and go on."""
    first = await keep(store, 4096)
    say(kept=await check(store, str(first["id"]), 4096), free=os.statvfs(folder).f_bavail)
    say(large=await keep(store, 64 * MEBIBYTE), free=os.statvfs(folder).f_bavail)
    many = await asyncio.gather(*[keep(store, MEBIBYTE) for _ in range(16)])
    kept = [str(outcome["id"]) for outcome in many if "id" in outcome]
    say(whole=[await check(store, blob_id, MEBIBYTE) for blob_id in kept], refused=[o for o in many if "id" not in o])
    say(listed=len(await store.blobs("", 1000)), removed=[await store.remove(blob_id) for blob_id in kept])
    say(free=os.statvfs(folder).f_bavail, again=await keep(store, MEBIBYTE))


COMMANDS: dict[str, Callable[[BlobStore, str], Coroutine[Any, Any, None]]] = {
    "commit": commit,
    "resume": commit,
    "fail": fail,
    "fill": fill,
}


async def main(command: str, folder: str) -> None:
    """Open the store in `folder`, and run the command on it."""
    configure("info", "json")
    if command == "resume":
        cut_short(folder)
    store = await open_blobs(f"file://{folder}")
    await COMMANDS[command](store, folder)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
