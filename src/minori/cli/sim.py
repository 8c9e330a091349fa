"""`minori sim`: many SIMs at once, from a table, and all of them listed."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, NoReturn

import click
import msgspec

from minori.cli.accounts import Owner, account_named, of_an_account
from minori.cli.stores import of_a_server, progress_bar, settings_of
from minori.codec.sim import sim_members
from minori.codec.simtable import parse_sims
from minori.config.settings import Settings
from minori.model.registry import Sim
from minori.service.sim_import import Plan, carry_out, plan
from minori.storage.base import Catalog

FLAWS = 20
"""How many flaws are shown to people."""

PAGE = 500
"""SIMs that are listed at a time."""


_IMPORT = """\b
Examples:
  minori sim import sims.csv --dry-run
  minori sim import sims.csv

\b
  imsi,name,group,session,tag:site
  001010000000101,pump 1,demo,10.1.0.1,east
  001010000000102,pump 2,demo,10.1.0.2,west

Columns: imsi; and, as wanted, simId (made up otherwise), name, group (a name or an id), session (the address or network
that the SIM sends from), status (active otherwise), speedClass, serialNumber, subscription, and tag:NAME for any other
tag. UTF-8, with commas.

The whole file is looked at first: if a line is wrong, it is told with its column, and nothing is written. A SIM that is
there already stays as it is and counts as skipped, so an import that broke off is begun anew with the same file. A
running server knows the SIMs within a second.

Exit code 0: all are there. 1: lines are wrong, or writing broke off.
"""

_LIST = """\b
Examples:
  minori sim list
  minori sim list --json | jq -r '.[] | select(.status == "suspended").imsi'
"""


@click.group()
def sim() -> None:
    """Import SIMs from a table, and list them.

    The commands work on the data directory, whether the server runs or not.
    """


_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@sim.command("import", epilog=_IMPORT)
@click.argument(
    "file", metavar="FILE.csv", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--dry-run", is_flag=True, help="Only look at the file, and say what would become of it.")
@of_an_account
@of_a_server
@_json
def importing(
    file: Path, owner: Owner, config: str | None, data_dir: str | None, *, dry_run: bool, as_json: bool
) -> NoReturn:
    """Register the SIMs in a table."""
    settings = settings_of(config, data_dir)
    with click.open_file(str(file), encoding="utf-8-sig") as table:
        done = asyncio.run(_import(settings, table, owner, is_real=not dry_run))
    click.echo(_report(done, dry_run=dry_run, as_json=as_json))
    raise SystemExit(1 if done.flaws else 0)


async def _import(settings: Settings, table: IO[str], owner: Owner, *, is_real: bool) -> Plan:
    async with _catalog(settings) as catalog:
        account = await account_named(catalog, *owner)
        planned = await plan(catalog, account, parse_sims(table), time.time_ns() // 1_000_000)
        for flaw in planned.flaws[:FLAWS]:
            column = f", column {flaw.column}" if flaw.column else ""
            click.echo(f"line {flaw.line}{column}: {flaw.message}", err=True)
        if is_real and not planned.flaws:
            with progress_bar(len(planned.arrivals), "Importing") as bar:
                await carry_out(catalog, planned.arrivals, bar.update)
        return planned


def _report(done: Plan, *, dry_run: bool, as_json: bool) -> str:
    new = len(done.arrivals)
    if as_json:
        imported = 0 if dry_run or done.flaws else new
        told = {"imported": imported, "new": new, "skipped": done.skipped, "errors": done.flaws}
        return msgspec.json.encode(told).decode()
    skipped = f", {done.skipped:,} were there already" if done.skipped else ""
    if done.flaws:
        return f"Nothing is imported: {len(done.flaws):,} lines are wrong; {new:,} SIMs would be new{skipped}"
    return f"{new:,} SIMs {'would be' if dry_run else 'are'} imported{skipped}"


@sim.command("list", epilog=_LIST)
@of_an_account
@of_a_server
@_json
def listing(owner: Owner, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """List the SIMs of an operator: SIM id, IMSI, status, group, name."""
    asyncio.run(_list(settings_of(config, data_dir), owner, as_json=as_json))


async def _list(settings: Settings, owner: Owner, *, as_json: bool) -> None:
    async with _catalog(settings) as catalog:
        account = await account_named(catalog, *owner)
        before = b"["
        async for page in _pages(catalog, account):
            if as_json:
                click.echo(before + b",\n".join(msgspec.json.encode(sim_members(one)) for one in page))
                before = b","
            else:
                click.echo("\n".join(_line(one) for one in page))
        if as_json:
            click.echo(b"]" if before == b"," else b"[]")


async def _pages(catalog: Catalog, account: str) -> AsyncIterator[Sequence[Sim]]:
    after = None
    while page := await catalog.find(Sim, {"account": account}, after, PAGE):
        yield page
        after = page[-1].sim_id


def _line(one: Sim) -> str:
    return f"{one.sim_id:<22}  {one.imsi:<15}  {one.status:<10}  {one.group_id or '-':<36}  {one.tags.get('name', '')}"


@asynccontextmanager
async def _catalog(settings: Settings) -> AsyncIterator[Catalog]:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        yield catalog
