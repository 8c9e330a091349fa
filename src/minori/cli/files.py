"""`minori files`: the files of the scope public, which everybody with a login reads and no client writes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
import msgspec
from msgspec.structs import replace

from minori.cli.publishing import Publisher, sources
from minori.cli.stores import of_a_server, progress_bar, readable, settings_of
from minori.codec.fileentry import encode_files, parse_type
from minori.codec.filepath import check_path
from minori.config.settings import Settings
from minori.errors import Invalid, RequestError, Unavailable
from minori.model.file import PUBLIC, ROOT, FileEntry
from minori.observe.metrics import Metrics
from minori.service.files import FileService

PAGE = 1000
"""Files that are listed, or removed, at a time."""

Report = Callable[[str, bytes], None]
"""Takes a line for people, and the JSON object that says the same."""

_PUBLISH = """\b
Examples:
  minori files publish firmware.bin --to /firmware/
  minori files publish site            /site/index.html and all the rest
  minori files publish site/.          /index.html and all the rest
  minori files publish --jsonl site | jq -r 'select(.result == "failed").source'

Published files do not expire. One that is there already is replaced. A link inside a folder is followed if it
leads to a file of the same folder; other links, pipes and the like are skipped.

Exit code 0: all is published. 1: some of it failed; standard error says what and why.
"""

_UNPUBLISH = """\b
Examples:
  minori files unpublish /firmware/1.0.bin
  minori files unpublish /site/            the directory and all that is in it
"""


@click.group()
def files() -> None:
    """Publish files, so that every login can read them in the scope public.

    The commands work on the data directory, whether the server runs or not; it shows what they did at once.
    """


def _printing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `form`: `json`, `jsonl` or nothing."""
    as_json = click.option("--json", "form", flag_value="json", help="Print one JSON array.")
    as_lines = click.option("--jsonl", "form", flag_value="jsonl", help="Print a JSON object a line, as it comes.")
    return as_json(as_lines(command))


@files.command(epilog=_PUBLISH)
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option("--to", metavar="/DIR/", default=ROOT, help="The directory they go to, made if absent.  [default: /]")
@click.option("--content-type", metavar="TYPE", help="Their type. Without it, each name tells.")
@of_a_server
@_printing
def publish(
    paths: tuple[str, ...],
    to: str,
    content_type: str | None,
    config: str | None,
    data_dir: str | None,
    form: str | None,
) -> NoReturn:
    """Copy local files, and folders with all that is in them, into the scope public."""
    with _misused():
        directory = check_path(f"{to}/")
        kind = None if content_type is None else parse_type(content_type)
    settings = settings_of(config, data_dir)
    results = Counter[str]()
    try:
        asyncio.run(_publish(settings, paths, directory, kind, form, results))
    except Unavailable:
        click.echo(_summary(results), err=True)
        raise
    click.echo(_summary(results), err=form is not None)
    raise SystemExit(1 if results["failed"] else 0)


async def _publish(
    settings: Settings,
    paths: tuple[str, ...],
    to: str,
    kind: str | None,
    form: str | None,
    results: "Counter[str]",
) -> None:
    async with _service(settings) as service:
        total = sum(source.size for source in sources(paths, to))
        with _reporting(form, quiet=True) as report, progress_bar(total, "Publishing") as bar:
            publisher = Publisher(service, settings.files.file_bytes, kind, bar.update)
            for source in sources(paths, to):
                outcome = await publisher.publish(source)
                results[outcome.result] += 1
                results["size"] += outcome.content_length or 0
                report("", msgspec.json.encode(outcome))
                if outcome.message:
                    click.echo(f"{outcome.result}: {outcome.source}: {outcome.message}", err=True)


def _summary(results: "Counter[str]") -> str:
    published = results["created"] + results["replaced"]
    words = [f"{published:,} files published ({readable(results['size'])}), {results['replaced']:,} of them replaced"]
    words += [f"{results[name]:,} {name}" for name in ("skipped", "failed") if results[name]]
    return ", ".join(words)


@files.command(epilog=_UNPUBLISH)
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@of_a_server
def unpublish(paths: tuple[str, ...], config: str | None, data_dir: str | None) -> NoReturn:
    """Remove files of the scope public, and directories with all that is in them."""
    with _misused():
        checked = [check_path(path) for path in paths]
    removed, failed = asyncio.run(_unpublish(settings_of(config, data_dir), checked))
    click.echo(f"{removed:,} files removed")
    raise SystemExit(1 if failed else 0)


async def _unpublish(settings: Settings, paths: list[str]) -> tuple[int, int]:
    """How many files are removed, and how many paths are not."""
    removed = failed = 0
    async with _service(settings) as service:
        for path in paths:
            try:
                if path.endswith("/"):
                    removed += await _remove_all(service, path)
                else:
                    await service.delete_file(PUBLIC, path)
                    removed += 1
            except RequestError as error:
                failed += 1
                click.echo(f"failed: {path}: {error.message}", err=True)
    return removed, failed


async def _remove_all(service: FileService, directory: str) -> int:
    """Remove a directory with all that is in it, what is deepest first; how many files that were."""
    removed = 0
    directories = [] if directory == ROOT else [directory]
    async for entry in _entries(service, directory):
        if not entry.is_directory:
            await service.delete_file(PUBLIC, entry.path)
            removed += 1
        elif entry.path != directory:
            directories.append(entry.path)
    for path in reversed(directories):
        await service.delete_directory(PUBLIC, path)
    return removed


@files.command("list")
@click.argument("prefix", default=ROOT)
@of_a_server
@_printing
def listing(prefix: str, config: str | None, data_dir: str | None, form: str | None) -> None:
    """List the files of the scope public whose paths begin with PREFIX, at any depth."""
    asyncio.run(_list(settings_of(config, data_dir), prefix, form))


async def _list(settings: Settings, prefix: str, form: str | None) -> None:
    async with _service(settings) as service:
        with _reporting(form) as report:
            async for entry in _entries(service, prefix):
                report(_line(entry), encode_files([entry])[1:-1])


def _line(entry: FileEntry) -> str:
    """Size, time and path, in columns."""
    size = "" if entry.blob is None else f"{entry.blob.size}"
    moment = datetime.fromtimestamp(entry.last_modified_time / 1000, UTC)
    return f"{size:>13}  {moment:%Y-%m-%dT%H:%M:%SZ}  {entry.path}"


async def _entries(service: FileService, prefix: str) -> AsyncIterator[FileEntry]:
    after, more = "", True
    while more:
        page = await service.find(PUBLIC, prefix, after, PAGE)
        for entry in page.entries:
            yield entry
            after = entry.path
        more = page.more


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[FileService]:
    """The file service on the stores of a server. What it places does not expire."""
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    for_ever = replace(settings.files, retention_days=0)
    async with app.Beside(settings).files() as (catalog, blobs):
        yield FileService(catalog.files, blobs, Metrics(), lambda: time.time_ns() // 1_000_000, for_ever)


@contextmanager
def _reporting(form: str | None, *, quiet: bool = False) -> Iterator[Report]:
    """Prints what is reported on standard output, in the form asked for; `quiet` leaves out lines for people."""
    count = 0

    def report(line: str, encoded: bytes) -> None:
        nonlocal count
        if form is not None:
            click.echo((b"," if count and form == "json" else b"") + encoded)
        elif not quiet:
            click.echo(line)
        count += 1

    if form == "json":
        click.echo("[")
    yield report
    if form == "json":
        click.echo("]")


@contextmanager
def _misused() -> Iterator[None]:
    """What is wrong with a word of the command line ends the command as wrong usage does."""
    try:
        yield
    except Invalid as error:
        raise click.UsageError(error.message) from error
