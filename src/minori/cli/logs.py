"""`minori logs`: what was refused, and why, beside a running server or without one."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from minori.cli.stores import of_a_server, settings_of
from minori.codec.refusal import show_refusal, show_sender
from minori.config.settings import Settings
from minori.model.account import accounts_of
from minori.model.refusal import Level, Refusal, RefusalQuery, Service, UnknownSender
from minori.model.registry import Operator
from minori.service.operators import find_operator
from minori.storage.base import RefusalLog

FOLLOW_SECONDS = 1.0
"""How often a command that follows looks again: as often as a server writes."""

LIMIT = 50
MOST = 1000
"""Entries that are shown, without a limit and at most (our choice); of each account, while following, at a time."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"([0-9]{1,6})([smhd])\Z")
_HEADER = (
    f"{'time':<20}  {'service':<7}  {'door':<7}  {'sender':<20}  {'address':<15}  {'bytes':>7}  {'times':>6}  reason"
)
_SENDER_HEADER = f"{'last':<20}  {'first':<20}  {'address':<39}  {'door':<7}  {'bytes':>7}  {'times':>6}  reason"

_HELP = """\b
Examples:
  minori logs
  minori logs --resource 001010000000001 --since 2h
  minori logs --follow
  minori logs --unknown
  minori logs --jsonl --since 1d | jq -r .body.reason | sort | uniq -c

The newest come last. What one sender is refused for one reason within a minute is one line: the first refusal is told
after a second, its repetitions with their number a minute later. A device that is in neither list sends nothing that
reaches the server.
"""


@click.command(epilog=_HELP)
@click.option("--operator", "named", metavar="ID|EMAIL", help="Only of this operator's senders.")
@click.option("--resource", metavar="ID", help="Only of this sender: an IMSI, or the id of a device.")
@click.option("--service", type=click.Choice([each.value for each in Service]), help="Only what was sent to this.")
@click.option("--since", metavar="AGO", help="Only from then on: 30s, 10m, 2h, 7d.")
@click.option("--limit", type=click.IntRange(1, MOST), default=LIMIT, show_default=True, help="How many, the newest.")
@click.option("--unknown", is_flag=True, help="Show the addresses that send and are no SIM's instead.")
@click.option("--follow", "-f", is_flag=True, help="Go on, and show what is refused from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Print a JSON object a line.")
@of_a_server
def logs(
    named: str | None,
    resource: str | None,
    service: str | None,
    since: str | None,
    limit: int,
    config: str | None,
    data_dir: str | None,
    *,
    unknown: bool,
    follow: bool,
    as_json: bool,
    as_lines: bool,
) -> None:
    """Show what the doors refused, and why: when, from whom, and how large it was; never a payload.

    The command works on the data directory, whether the server runs or not, and shows all operators'.
    """
    if as_json and (as_lines or follow):
        raise click.UsageError("--json prints one array, which ends; give --jsonl alone instead")
    if unknown and (named or resource or service or since or follow):
        raise click.UsageError("Unknown senders are nobody's; give --unknown with --limit, --json or --jsonl alone")
    settings = settings_of(config, data_dir)
    first = _moment(since)
    show = _Show(as_json=as_json, as_lines=as_lines)
    if unknown:
        show.senders(asyncio.run(_senders(settings, limit)))
        return
    wanted = RefusalQuery("", None if service is None else Service(service), None, resource, first, limit=limit)
    try:
        asyncio.run(_logs(settings, named, wanted, show, follow=follow))
    except KeyboardInterrupt:
        # The way to end a command that follows.
        return


def _moment(since: str | None) -> int:
    """UNIX ms so long ago; 0 without."""
    if since is None:
        return 0
    match = _AGO.match(since)
    if match is None:
        raise click.UsageError("--since is a number with s, m, h or d behind it, such as 10m")
    return max(0, int((time.time() - int(match[1]) * _SECONDS[match[2]]) * 1000))


async def _logs(settings: Settings, named: str | None, wanted: RefusalQuery, show: "_Show", *, follow: bool) -> None:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    beside = app.Beside(settings)
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(beside.catalog())
        log = await stack.enter_async_context(beside.refusals())
        operators = await catalog.find(Operator) if named is None else [await find_operator(catalog, named)]
        following = {account: 0 for one in operators for account in accounts_of(one.operator_id)}
        found = await newest(log, wanted, following)
        show.refusals(found[-wanted.limit :])
        while follow:
            await asyncio.sleep(FOLLOW_SECONDS)
            show.more(await newest(log, msgspec.structs.replace(wanted, limit=MOST), following))


async def newest(log: RefusalLog, wanted: RefusalQuery, following: dict[str, int]) -> list[Refusal]:
    """The newest of each account, `wanted.limit` at most, the newest last.

    `following` are the accounts, and the sequences behind which they are looked for; these move on.
    """
    found: list[Refusal] = []
    for account, after in following.items():
        page = await log.page(msgspec.structs.replace(wanted, account=account, after=after))
        following[account] = max(after, page.newest)
        found.extend(reversed(page.refusals))
    return sorted(found, key=lambda one: one.time)


async def _senders(settings: Settings, limit: int) -> Sequence[UnknownSender]:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).refusals() as log:
        return list(reversed(await log.unknown_senders(limit)))


class _Show:
    """How it is shown: for eyes, as one array or as lines of JSON."""

    def __init__(self, *, as_json: bool, as_lines: bool) -> None:
        self._as_json = as_json
        self._as_lines = as_lines

    def refusals(self, found: Sequence[Refusal]) -> None:
        """All that is there, headed for eyes."""
        if self._as_json:
            _array(show_refusal(one) for one in found)
            return
        if not self._as_lines:
            click.echo(click.style(_HEADER, bold=True) if found else "Nothing that is known of was refused.")
        self.more(found)

    def more(self, found: Sequence[Refusal]) -> None:
        """What came since."""
        for one in found:
            click.echo(msgspec.json.encode(show_refusal(one)) if self._as_lines else _line(one))

    def senders(self, found: Sequence[UnknownSender]) -> None:
        """Unknown senders."""
        if self._as_json:
            _array(show_sender(one) for one in found)
            return
        if not self._as_lines:
            click.echo(click.style(_SENDER_HEADER, bold=True) if found else "No unknown sender has been seen.")
        for one in found:
            click.echo(msgspec.json.encode(show_sender(one)) if self._as_lines else _sender_line(one))


def _array(shown: Iterable[Any]) -> None:
    click.echo(b"[" + b",\n".join([msgspec.json.encode(one) for one in shown]) + b"]")


def _line(one: Refusal) -> str:
    reason = click.style(one.reason, fg="red" if one.level is Level.ERROR else "yellow")
    size = "-" if one.size is None else str(one.size)
    return (
        f"{_time(one.time)}  {one.service:<7}  {one.door:<7}  {one.resource_id or '-':<20}  {one.address or '-':<15}  "
        f"{size:>7}  {one.count:>6}  {reason}: {one.message}"
    )


def _sender_line(one: UnknownSender) -> str:
    size = "-" if one.size is None else str(one.size)
    return (
        f"{_time(one.last)}  {_time(one.first)}  {one.address:<39}  {one.door:<7}  {size:>7}  {one.count:>6}  "
        f"{click.style(one.reason, fg='yellow')}"
    )


def _time(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
