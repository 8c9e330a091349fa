"""System calls as strace saw them: how to have them written down, and how to read them.

strace stops a thread as it enters a call and again as it leaves; neither happens before strace lets it.
So what a thread did because of another's call comes after that call in the log, and a call that has left
before another one enters was over by then. Moments count these steps.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

NAMES = "?open openat ?creat close ?dup ?dup2 dup3 fcntl clone ?clone3 ?fork ?vfork"
FOLDERS = "?rename renameat ?renameat2 ?unlink unlinkat ?link linkat ?symlink symlinkat ?truncate ?mkdir mkdirat ?rmdir"
CONTENT = "write pwrite64 writev ?pwritev ?pwritev2 lseek ftruncate fallocate"
SYNCS = "fsync fdatasync"
SOCKETS = "?accept accept4 getpeername sendto sendmsg ?sendmmsg"
TRACED = ",".join(f"{NAMES} {FOLDERS} {CONTENT} {SYNCS} {SOCKETS}".split())
"""What `Call` and its readers know; a question mark passes over names this machine does not have."""

STRING_BYTES = 4_194_304
"""How much of a string strace writes; a longer one is an error here."""

_LINE = re.compile(r"(\d+)\s+(.*)", re.DOTALL)
_START = re.compile(r"(\w+)\((.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_RESULT = re.compile(r"(.*)\)\s+= (-?\d+|\?)[^=]*", re.DOTALL)
_STRING = re.compile(r'"([^"]*)"(\.\.\.)?')
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_MESSAGE = re.compile(r'(?:htons\((\d+)\)[^"]*"[^"]*"[^"]*)?iov_base="([^"]*)"')
_UNFINISHED = " <unfinished ...>"


class Call(Struct):
    """One system call. `left` and `result` are `None` if its thread was killed inside."""

    thread: int
    name: str
    arguments: str
    entered: int
    left: int | None = None
    result: int | None = None

    @property
    def number(self) -> int:
        """The first argument, mostly a file descriptor; -1 stands for the working folder."""
        first = self.arguments.split(",", 1)[0]
        return -1 if first == "AT_FDCWD" else int(first)

    @property
    def strings(self) -> list[bytes]:
        """The strings among the arguments, in order."""
        found = _STRING.findall(self.arguments)
        assert not any(cut for _, cut in found), f"{self.name} has a string that strace cut"
        return [_bytes(digits) for digits, _ in found]


class Answer(Struct, frozen=True):
    """Bytes on their way to a client: `udp` tells the two kinds of `port` apart, `moment` is before they left."""

    moment: int
    udp: bool
    port: int
    data: bytes


def command(strace: str, log: Path, *, traced: str = TRACED, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The prefix that runs a command under `strace` in a session of its own, with the log at `log`.

    The traced process stays the child of the caller, so that killing its process group leaves strace to
    write down the end.
    """
    fixed = ("-DDD", "-f", "--seccomp-bpf", "-qq", "-xx", "-s", str(STRING_BYTES))
    return (strace, *fixed, "-e", "signal=none", "-e", f"trace={traced}", *options, "-o", str(log))


def read(log: Path) -> list[Call]:
    """The calls in the log, in the order in which they were entered."""
    calls: list[Call] = []
    inside: dict[int, Call] = {}
    with log.open(encoding="ascii") as lines:
        for number, line in enumerate(lines):
            _take(line.rstrip("\n"), 2 * number, calls, inside)
    return calls


def _take(line: str, moment: int, calls: list[Call], inside: dict[int, Call]) -> None:
    parts = _LINE.fullmatch(line)
    assert parts, f"strace wrote an unknown line: {line[:200]}"
    thread, text = int(parts[1]), parts[2]
    # A thread that was killed before strace could look at its call did nothing that counts: `???()`.
    if text.startswith(("+++", "---", "???(")):
        return
    if resumed := _RESUMED.fullmatch(text):
        call = inside.pop(thread)
        rest = resumed[1]
    else:
        start = _START.fullmatch(text)
        assert start, f"strace wrote an unknown line: {line[:200]}"
        call = Call(thread, start[1], "", moment)
        calls.append(call)
        rest = start[2]
    if rest.endswith(_UNFINISHED):
        call.arguments += rest.removesuffix(_UNFINISHED)
        inside[thread] = call
        return
    end = _RESULT.fullmatch(rest)
    call.arguments += end[1] if end else rest
    if end and end[2] != "?":
        call.left, call.result = moment + 1, int(end[2])


def answers(calls: list[Call]) -> Iterator[Answer]:
    """What was sent to clients, in order. Sockets are told by the port at their far end."""
    peers: dict[int, int] = {}
    for call in calls:
        match call.name:
            case "accept" | "accept4" | "getpeername" if call.result is not None and call.result >= 0:
                if port := _PORT.search(call.arguments):
                    peers[call.number if call.name == "getpeername" else call.result] = int(port[1])
            case "close":
                peers.pop(call.number, None)
            case "write" | "writev" if call.number in peers:
                yield Answer(call.entered, False, peers[call.number], b"".join(call.strings))
            case "sendto":
                yield from _sent_to(call, peers)
            case "sendmsg" | "sendmmsg":
                yield from _messages(call, peers)


def _sent_to(call: Call, peers: dict[int, int]) -> Iterator[Answer]:
    port = _PORT.search(call.arguments)
    if port:
        yield Answer(call.entered, True, int(port[1]), call.strings[0])
    elif call.number in peers:
        yield Answer(call.entered, False, peers[call.number], call.strings[0])


def _messages(call: Call, peers: dict[int, int]) -> Iterator[Answer]:
    for port, digits in _MESSAGE.findall(call.arguments):
        if port:
            yield Answer(call.entered, True, int(port), _bytes(digits))
        elif call.number in peers:
            yield Answer(call.entered, False, peers[call.number], _bytes(digits))


def _bytes(digits: str) -> bytes:
    return bytes.fromhex(digits.replace("\\x", ""))
