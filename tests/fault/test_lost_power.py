"""The disk that forgets keeps what was synced, drops what was not, and misses no change.

Each script writes as a server might, in threads and through every call that the model knows, under strace.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fault.lost_power import Disk, Outcome, contents
from fault.strace_log import command, read

Left = Callable[[str, Outcome], dict[str, bytes]]

PRELUDE = """
import os, sys, threading
root = sys.argv[1]
os.mkdir(root)
def new(name, flags=0):
    return os.open(f"{root}/{name}", os.O_CREAT | os.O_RDWR | flags)
def sync_folder(name=''):
    folder = os.open(f"{root}/{name}", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
"""


@pytest.fixture
def left(strace: str, tmp_path: Path, chance: Random) -> Left:
    """What is in the folder of a script after the power failed at its end: file name to content."""

    def left(script: str, outcome: Outcome) -> dict[str, bytes]:
        root, log, target = tmp_path / "root", tmp_path / "log", tmp_path / "target"
        traced = (*command(strace, log), sys.executable, "-I", "-S", "-c", PRELUDE + script, str(root))
        subprocess.run(traced, check=True, stdout=subprocess.PIPE)
        disk = Disk(root, read(log))
        disk.advance()
        disk.write_to(target, outcome, chance)
        if outcome is Outcome.WHOLE:
            assert contents(target) == contents(root)
        return contents(target)

    return left


def test_what_was_synced_is_kept_and_what_came_later_is_dropped(left: Left) -> None:
    script = "a = new('a'); os.write(a, b'kept'); os.fdatasync(a); sync_folder(); os.write(a, b'lost')"
    assert left(script, Outcome.SYNCED) == {"a": b"kept"}


def test_a_file_whose_folder_was_never_synced_is_lost(left: Left) -> None:
    assert left("a = new('a'); os.write(a, b'lost'); os.fsync(a)", Outcome.SYNCED) == {}


def test_a_file_in_a_folder_that_is_lost_is_lost_with_it(left: Left) -> None:
    script = """
for name in ('kept', 'lost'):
    os.mkdir(f'{root}/{name}')
    a = new(f'{name}/a'); os.write(a, b'a'); os.fsync(a); sync_folder(name)
    if name == 'kept':
        sync_folder()
"""
    assert left(script, Outcome.SYNCED) == {"kept/a": b"a"}


def test_a_synced_folder_keeps_the_name_and_not_the_content(left: Left) -> None:
    assert left("os.write(new('a'), b'lost'); sync_folder()", Outcome.SYNCED) == {"a": b""}


def test_a_sync_in_another_thread_keeps_what_was_written_before_it(left: Left) -> None:
    script = """
a = new('a')
os.write(a, b'kept')
thread = threading.Thread(target=os.fsync, args=(a,))
thread.start()
thread.join()
sync_folder()
"""
    assert left(script, Outcome.SYNCED) == {"a": b"kept"}


def test_a_sync_through_another_descriptor_keeps_the_file(left: Left) -> None:
    script = "a = new('a'); os.write(a, b'kept'); os.close(a); b = new('a'); os.fdatasync(os.dup(b)); sync_folder()"
    assert left(script, Outcome.SYNCED) == {"a": b"kept"}


def test_a_rename_waits_for_its_folder(left: Left) -> None:
    script = """
def put(content):
    file = new('new', os.O_TRUNC)
    os.write(file, content)
    os.fsync(file)
    os.close(file)
    os.rename(f'{root}/new', f'{root}/now')
put(b'first')
sync_folder()
put(b'second')
"""
    assert left(script, Outcome.SYNCED) == {"now": b"first"}


def test_a_removal_waits_for_its_folder(left: Left) -> None:
    script = """
for name in 'ab':
    file = new(name); os.write(file, name.encode()); os.fsync(file)
os.unlink(f'{root}/a'); sync_folder(); os.unlink(f'{root}/b')
"""
    assert left(script, Outcome.SYNCED) == {"b": b"b"}


def test_a_removed_name_that_came_back_is_another_file(left: Left) -> None:
    script = """
file = new('a'); os.write(file, b'old'); os.fsync(file); os.unlink(f'{root}/a')
file = new('a'); os.write(file, b'new'); os.fsync(file); sync_folder()
"""
    assert left(script, Outcome.SYNCED) == {"a": b"new"}


def test_every_call_that_changes_a_file_is_followed(left: Left) -> None:
    script = """
a = new('a', os.O_APPEND)
os.write(a, b'0123'); os.writev(a, [b'45', b'67']); os.ftruncate(a, 6); os.write(a, b'"\\n')
b = new('b')
os.pwrite(b, b'behind a hole', 100); os.pwritev(b, [b'x', b'y'], 3); os.lseek(b, 50, os.SEEK_SET); os.write(b, b'z')
os.posix_fallocate(b, 0, 300)
os.link(f'{root}/b', f'{root}/c'); os.rename(f'{root}/a', f'{root}/d')
e = new('e'); os.dup2(a, e); os.write(e, b'through another number')
os.mkdir(f'{root}/below'); os.write(new('below/f'), b'f'); os.unlink(f'{root}/b')
"""
    assert set(left(script, Outcome.WHOLE)) == {"c", "d", "e", "below/f"}


def test_a_child_process_that_closes_its_descriptors_leaves_the_parents_open(left: Left) -> None:
    script = """
a = new('a')
if os.fork() == 0:
    os.close(a)
    os._exit(0)
os.wait()
os.write(a, b'kept')
os.fsync(a)
sync_folder()
"""
    assert left(script, Outcome.SYNCED) == {"a": b"kept"}


def test_chance_tears_the_unsynced_end(left: Left) -> None:
    script = "a = new('a'); os.write(a, b'kept'); os.fdatasync(a); sync_folder(); os.write(a, b'torn' * 1000)"
    torn = left(script, Outcome.TORN)["a"]
    assert torn.startswith(b"kept")
    assert len(torn) < 4004


def test_writes_of_many_threads_are_put_in_their_order(left: Left) -> None:
    script = """
def work(name):
    file = new(name)
    for n in range(200):
        os.write(file, b'%d,' % n)
        if n == 150:
            os.fdatasync(file)
threads = [threading.Thread(target=work, args=(name,)) for name in 'abcd']
for thread in threads: thread.start()
for thread in threads: thread.join()
sync_folder()
"""
    kept = b"".join(b"%d," % n for n in range(151))
    assert left(script, Outcome.SYNCED) == dict.fromkeys("abcd", kept)


def test_a_call_that_a_kill_cut_short_has_its_arguments_and_no_result(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("7     close(32)                         = ?\n", encoding="ascii")
    (call,) = read(log)
    assert (call.number, call.left, call.result) == (32, None, None)
