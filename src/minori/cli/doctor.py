"""`minori doctor`: whether what a server keeps is whole, and what to do about what is not."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import click
import msgspec
from msgspec import UNSET, Struct, UnsetType

from minori.cli.stores import of_a_server, progress_bar, readable, settings_of
from minori.config.settings import Settings
from minori.errors import DataDirectoryBusy, Error, SettingsInvalid
from minori.service.doctor import Examination, Finding, look_at_entries
from minori.storage.base import EntryStore

TOLD = 1000
"""Findings that are told one by one; beyond, they are counted (our choice)."""

_EPILOG = """\b
Examples:
  minori doctor --data-dir /var/lib/minori
  minori doctor --json | jq .findings

It may run while a server does; the data entries, whose store is their server's alone, are not looked at then.
Nothing is changed, but that the entry store of a stopped server is opened and closed as by a start. Every entry is
read, which takes some twenty seconds a million.

Bytes that belong to no file are no damage: uploads leave them that were cut short, or are under way, and a
running server removes them an hour after their last change. They are counted.

Exit code 0: what was looked at is whole. 1: something is damaged, or it is no data directory.
"""


class Report(Struct, rename="camel"):
    """What an examination found. `entries` is `sound`, `damaged`, `in use` or `in memory`; sizes are in bytes.

    `data_entries` is how many there are; absent if nobody counted.
    """

    sound: bool = True
    entries: str = "sound"
    data_entries: int | UnsetType = UNSET
    files: int = 0
    directories: int = 0
    exports: int = 0
    size: int = 0
    orphans: int = 0
    orphan_size: int = 0
    findings: list[Finding] = []
    findings_left_out: int = 0

    def add(self, finding: Finding) -> None:
        """Take a finding in."""
        self.sound = False
        if finding.kind == "entries":
            self.entries = "damaged"
        if len(self.findings) < TOLD:
            self.findings.append(finding)
        else:
            self.findings_left_out += 1

    def count(self, seen: Examination) -> None:
        """Take over how much was seen."""
        self.files, self.directories, self.exports, self.size = seen.files, seen.directories, seen.exports, seen.size
        self.orphans, self.orphan_size = seen.orphans, seen.orphan_size


@click.command(epilog=_EPILOG)
@of_a_server
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--sizes-only", is_flag=True, help="Compare sizes, read no file and no data entry; fast, and less sure.")
def doctor(config: str | None, data_dir: str | None, *, as_json: bool, sizes_only: bool) -> NoReturn:
    """Tell whether what a server keeps is whole.

    Every file and export is compared with its bytes (size and MD5), the bytes with the files, every directory
    with what is in it; every data entry with its category, and what is said of where it is with where it is. The
    databases of the catalog and of both logs are looked at, too.
    """
    report = asyncio.run(_examine(settings_of(config, data_dir), hashes=not sizes_only))
    click.echo(msgspec.json.encode(report).decode() if as_json else _text(report))
    raise SystemExit(0 if report.sound else 1)


async def _examine(settings: Settings, *, hashes: bool) -> Report:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    beside = app.Beside(settings)
    report = Report()
    try:
        async with beside.entries() as store:
            if hashes:
                await _look_at_entries(store, report)
    except DataDirectoryBusy:
        report.entries = "in use"
    except SettingsInvalid:
        report.entries = "in memory"
    except Error as error:
        report.add(Finding("entries", error.message, "put the entry store back from a backup"))
    await _look_at_log("audit log", "audit", beside.audit_flaws, report)
    await _look_at_log("log of refusals", "refusals", beside.refusals_flaws, report)
    try:
        async with beside.files() as (catalog, blobs):
            examination = Examination(catalog, blobs, _milliseconds, report.add, hashes=hashes)
            try:
                await _look(examination)
            finally:
                report.count(examination)
    except SettingsInvalid:
        raise
    except Error as error:
        report.add(Finding("stores", error.message, "see to that first, and run minori doctor again"))
    return report


async def _look_at_entries(store: EntryStore, report: Report) -> None:
    with progress_bar(await store.examination.size(), "Reading data entries") as bar:
        report.data_entries = await look_at_entries(store.examination, report.add, bar.update)


async def _look_at_log(noun: str, kind: str, flaws: Callable[[], Awaitable[Sequence[str]]], report: Report) -> None:
    try:
        found = [f"The {noun} is damaged: {flaw}" for flaw in await flaws()]
    except Error as error:
        found = [error.message]
    for message in found:
        report.add(Finding(kind, message, f"stop the server and put the {noun} back from a backup, or move it away"))


async def _look(examination: Examination) -> None:
    await examination.look_at_catalog()
    with progress_bar(await examination.look_at_blobs(), "Reading files") as bar:
        await examination.look_at_files(bar.update)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _text(report: Report) -> str:
    entries = "not looked at, a server holds them" if report.entries == "in use" else report.entries
    if report.data_entries is not UNSET:
        entries = f"{report.data_entries:,}: {entries}"
    seen = f"{report.files:,} in {report.directories:,} directories, and {report.exports:,} exports"
    lines = [
        f"Data entries  {entries}",
        f"Files         {seen}: {readable(report.size)}",
        f"Left over     {report.orphans:,} blobs that belong to no file: {readable(report.orphan_size)}",
        "",
    ]
    for finding in report.findings:
        lines += [f"- {finding.message}.".replace("..", "."), f"  What to do: {finding.advice}."]
    if report.findings_left_out:
        lines.append(f"- and {report.findings_left_out:,} more")
    lines.append("All is well." if report.sound else "\nSomething is damaged; see above.")
    return "\n".join(lines)
