"""A disk that forgets: what a folder holds after the power fails, worked out from a trace of its writers.

The rules are those a careful program can count on (POSIX), and no more:

* content is kept as of the last `fsync` or `fdatasync` of its file, without what was still being written
  as that sync began;
* a new file or folder, a rename, a link and a removal are kept once the folder they are in is synced.

`sync_file_range` keeps nothing. SQLite's `-shm` files are memory, not content, and are left out.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path
from random import Random

from msgspec import Struct, field

from fault.strace_log import Call

_SHARED_MEMORY = "-shm"


class Outcome(Enum):
    """How much of what was not synced a power failure leaves: nothing, a part left to chance, or all of it."""

    SYNCED = auto()
    TORN = auto()
    WHOLE = auto()


class Edit(Struct, frozen=True):
    """A change of a file's content, over by `moment`: `data` at `offset`, or the end of file moved there if `None`."""

    moment: int
    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        """Make the change."""
        if self.data is None:
            del content[self.offset :]
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        if self.data is not None:
            content[self.offset : self.offset + len(self.data)] = self.data


class File(Struct, eq=False):
    """A file under whatever names it has: as programs see it, and as the disk would give it back.

    A folder is one too; it has no content.
    """

    is_folder: bool = False
    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    unsynced: list[Edit] = field(default_factory=list)

    def edit(self, edit: Edit) -> None:
        """Change what programs see."""
        edit.apply(self.seen)
        self.unsynced.append(edit)

    def sync(self, began: int) -> None:
        """Keep what was over when the sync began."""
        for edit in self.unsynced:
            if edit.moment < began:
                edit.apply(self.kept)
        self.unsynced = [edit for edit in self.unsynced if edit.moment >= began]

    def after(self, outcome: Outcome, chance: Random) -> bytes:
        """The content after a power failure."""
        if outcome is Outcome.SYNCED or not self.unsynced:
            return bytes(self.kept)
        if outcome is Outcome.WHOLE:
            return bytes(self.seen)
        content = bytearray(self.kept)
        reached = chance.randrange(len(self.unsynced))
        for edit in self.unsynced[:reached]:
            edit.apply(content)
        torn = self.unsynced[reached]
        if torn.data:
            Edit(0, torn.offset, torn.data[: chance.randrange(len(torn.data))]).apply(content)
        return bytes(content)


class Naming(Struct, frozen=True):
    """A change in a folder, over by `moment`: `path` means `file`, or no longer does if `gone`."""

    moment: int
    path: Path
    file: File
    gone: bool = False

    def apply(self, names: dict[Path, File]) -> None:
        """Make the change."""
        if not self.gone:
            names[self.path] = self.file
        elif names.get(self.path) is self.file:
            del names[self.path]


class Handle(Struct, eq=False):
    """What a file descriptor stands for: a file and a place in it, or the folder at `path`."""

    path: Path
    file: File
    appends: bool = False
    offset: int = 0


class Disk:
    """The folder `root`, empty when the trace `calls` began, as its first part left it."""

    def __init__(self, root: Path, calls: Sequence[Call]) -> None:
        steps = [(call.entered, False, call) for call in calls]
        steps += [(call.left, True, call) for call in calls if call.left is not None]
        self._ahead = deque(sorted(steps, key=lambda step: step[0]))
        self.history: list[tuple[Call, Path]] = []
        """The calls that synced a file or folder, or changed a file's content, and the name it was opened by."""
        self._root = root
        self._seen: dict[Path, File] = {}
        self._kept: dict[Path, File] = {}
        self._unsynced: list[Naming] = []
        self._tables: dict[int, dict[int, Handle]] = {}
        self._births: list[Call] = []

    def advance(self, until: int | None = None) -> None:
        """Follow the trace up to the moment `until`, or to its end."""
        while self._ahead and (until is None or self._ahead[0][0] <= until):
            moment, over, call = self._ahead.popleft()
            if over:
                self._leave(call, moment)
            else:
                self._enter(call)

    def write_to(self, target: Path, outcome: Outcome, chance: Random) -> None:
        """Lay down at `target` what is left of the folder if the power fails now."""
        names = dict(self._seen if outcome is Outcome.WHOLE else self._kept)
        if outcome is Outcome.TORN:
            for naming in self._unsynced[: chance.randint(0, len(self._unsynced))]:
                naming.apply(names)
        target.mkdir(exist_ok=True)
        for path, file in sorted(names.items(), key=lambda name: name[0]):
            place = target / path.relative_to(self._root)
            if file.is_folder:
                place.mkdir()
            elif place.parent.is_dir() and not path.name.endswith(_SHARED_MEMORY):
                place.write_bytes(file.after(outcome, chance))

    def _table(self, thread: int) -> dict[int, Handle]:
        if thread not in self._tables:
            parent = self._births[-1] if self._births else None
            table = self._tables.get(parent.thread, {}) if parent else {}
            shared = parent is not None and "CLONE_FILES" in parent.arguments
            self._tables[thread] = table if shared else dict(table)
        return self._tables[thread]

    def _enter(self, call: Call) -> None:
        table = self._table(call.thread)
        if call.name in {"clone", "clone3", "fork", "vfork"}:
            self._births.append(call)
        elif call.name == "close":
            table.pop(call.number, None)

    def _leave(self, call: Call, moment: int) -> None:
        result = call.result
        if call.name in {"clone", "clone3", "fork", "vfork"}:
            if result is not None and result > 0:
                self._births.append(call)
                self._table(result)
            self._births = [birth for birth in self._births if birth is not call]
        elif result is not None and result >= 0:
            self._happened(call, result, moment)

    def _happened(self, call: Call, result: int, moment: int) -> None:
        table = self._table(call.thread)
        match call.name:
            case "open" | "openat" | "creat":
                self._open(call, result, moment)
            case "dup" | "dup2" | "dup3":
                self._copy(table, call.number, result)
            case "fcntl" if "F_DUPFD" in call.arguments:
                self._copy(table, call.number, result)
            case "rename" | "renameat" | "renameat2" | "link" | "linkat":
                self._move(call, moment)
            case "mkdir" | "mkdirat":
                self._make_folder(call, moment)
            case "unlink" | "unlinkat" | "rmdir":
                self._remove(call, moment)
            case "symlink" | "symlinkat" | "truncate":
                self._refuse(call)
            case "fsync" | "fdatasync" if call.number in table:
                self._sync(table[call.number], call.entered)
                self.history.append((call, table[call.number].path))
            case _ if not call.arguments.startswith("AT_") and call.number in table:
                self._change(call, table[call.number], result, moment)
                self.history.append((call, table[call.number].path))

    def _copy(self, table: dict[int, Handle], old: int, new: int) -> None:
        if old in table:
            table[new] = table[old]
        else:
            table.pop(new, None)

    def _paths(self, call: Call) -> list[Path]:
        handle = self._table(call.thread).get(call.number) if call.name.endswith(("at", "at2")) else None
        folder = handle.path if handle else self._root.parent
        return [folder / text.decode() for text in call.strings]

    def _inside(self, path: Path) -> bool:
        return path == self._root or self._root in path.parents

    def _open(self, call: Call, number: int, moment: int) -> None:
        table = self._table(call.thread)
        path = self._paths(call)[0]
        if not self._inside(path):
            table.pop(number, None)
            return
        assert "O_TMPFILE" not in call.arguments, "a file without a name is not modelled"
        file = self._seen.get(path)
        if file is None and (call.name == "creat" or "O_CREAT" in call.arguments):
            file = File()
            self._name(Naming(moment, path, file))
        elif file is not None and (call.name == "creat" or "O_TRUNC" in call.arguments):
            file.edit(Edit(moment, 0, None))
        table[number] = Handle(path, file or File(is_folder=True), "O_APPEND" in call.arguments)

    def _name(self, naming: Naming) -> None:
        naming.apply(self._seen)
        self._unsynced.append(naming)

    def _move(self, call: Call, moment: int) -> None:
        old, new = self._paths(call)[:2]
        if not self._inside(old):
            return
        assert old in self._seen, "renaming a folder is not modelled"
        assert "RENAME_EXCHANGE" not in call.arguments, "swapping two names is not modelled"
        file = self._seen[old]
        self._name(Naming(moment, new, file))
        if call.name.startswith("rename"):
            self._name(Naming(moment, old, file, gone=True))

    def _make_folder(self, call: Call, moment: int) -> None:
        path = self._paths(call)[0]
        if self._inside(path) and path != self._root:
            self._name(Naming(moment, path, File(is_folder=True)))

    def _remove(self, call: Call, moment: int) -> None:
        path = self._paths(call)[0]
        if self._inside(path) and path in self._seen:
            self._name(Naming(moment, path, self._seen[path], gone=True))

    def _refuse(self, call: Call) -> None:
        assert not any(self._inside(path) for path in self._paths(call)), f"{call.name} is not modelled"

    def _sync(self, handle: Handle, began: int) -> None:
        handle.file.sync(began)
        waiting = []
        for naming in self._unsynced:
            if handle.file.is_folder and naming.path.parent == handle.path and naming.moment < began:
                naming.apply(self._kept)
            else:
                waiting.append(naming)
        self._unsynced = waiting

    def _change(self, call: Call, handle: Handle, result: int, moment: int) -> None:
        file = handle.file
        match call.name:
            case "write" | "writev":
                start = len(file.seen) if handle.appends else handle.offset
                file.edit(Edit(moment, start, b"".join(call.strings)[:result]))
                handle.offset = start + result
            case "pwrite64" | "pwritev" | "pwritev2":
                file.edit(Edit(moment, _trailing(call), b"".join(call.strings)[:result]))
            case "lseek":
                handle.offset = result
            case "ftruncate":
                file.edit(Edit(moment, _trailing(call), None))
            case "fallocate":
                self._allocate(call, file, moment)

    def _allocate(self, call: Call, file: File, moment: int) -> None:
        _, mode, start, length = [part.strip() for part in call.arguments.split(",")]
        first, end = int(start), int(start) + int(length)
        if mode == "0" and end > len(file.seen):
            file.edit(Edit(moment, end, None))
        elif "PUNCH_HOLE" in mode or "ZERO_RANGE" in mode:
            end = min(end, len(file.seen))
            file.edit(Edit(moment, first, bytes(max(0, end - first))))


def _trailing(call: Call) -> int:
    """The number at the end of the arguments, flags left out: an offset or a length."""
    return int(call.arguments.rsplit(",", 2)[-2 if call.name == "pwritev2" else -1])


def contents(folder: Path) -> dict[str, bytes]:
    """The files below `folder` and what is in them, without those that are memory."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(_SHARED_MEMORY)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
