"""`minori beam-key` and `minori ingest-token`: who may send for devices, beside a running server or without one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from minori.cli.accounts import Owner, account_named, of_an_account
from minori.cli.stores import of_a_server, settings_of
from minori.codec.feeders import beam_key_members, ingest_token_members
from minori.config.settings import Settings
from minori.service.feeders import FeederService, FeederView
from minori.service.views import Views

_BEAM = """\b
Examples:
  minori beam-key add --description "group plant"
  minori beam-key add --key PSK
  minori beam-key list
  minori beam-key remove bk_…

In the group of the SIMs, let Soracom Beam forward to http://HOST/ingest/OPERATOR/beam, switch its IMSI header and its
signature on, and give it this key. To change a key: add the new one, set it there, then remove the old one.
"""

_INGEST = """\b
Examples:
  minori ingest-token add --description chirpstack
  minori ingest-token list
  minori ingest-token remove it_…

Let ChirpStack, The Things Stack or the Sigfox backend call http://HOST/ingest/OPERATOR/chirpstack, …/tts or …/sigfox
with the header Authorization: Bearer TOKEN.
"""

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_description = click.option("--description", default="", help="What it is for.")

Work = Callable[[FeederService, str], Any]


@click.group("beam-key", epilog=_BEAM)
def beam_key() -> None:
    """Add, list and remove the keys that Soracom Beam signs with.

    The commands work on the data directory; a running server knows within a second.
    """


@beam_key.command("add")
@click.option("--key", metavar="PSK", help="A key that Beam has already; otherwise one is made.")
@_description
@of_an_account
@of_a_server
@_json
def add_beam_key(
    key: str | None, description: str, owner: Owner, config: str | None, data_dir: str | None, *, as_json: bool
) -> None:
    """Add a key, and print it this once."""

    async def work(feeders: FeederService, account: str) -> Any:
        return await feeders.add_beam_key(account, key, description)

    _show(_carry_out(settings_of(config, data_dir), owner, work), as_json=as_json)


@beam_key.command("list")
@of_an_account
@of_a_server
@_json
def list_beam_keys(owner: Owner, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """List the keys: id, when it was added, what it is for."""

    async def work(feeders: FeederService, account: str) -> Any:
        return [beam_key_members(key) for key in feeders.view.beam_keys(account)]

    _list(_carry_out(settings_of(config, data_dir), owner, work), as_json=as_json)


@beam_key.command("remove")
@click.argument("beam_key_id", metavar="ID")
@of_an_account
@of_a_server
def remove_beam_key(beam_key_id: str, owner: Owner, config: str | None, data_dir: str | None) -> None:
    """Remove a key: what it signs counts no more."""

    async def work(feeders: FeederService, account: str) -> Any:
        await feeders.remove_beam_key(account, beam_key_id)

    _carry_out(settings_of(config, data_dir), owner, work)
    click.echo(f"{beam_key_id}  removed")


@click.group("ingest-token", epilog=_INGEST)
def ingest_token() -> None:
    """Add, list and remove the tokens that network servers send for devices with.

    The commands work on the data directory; a running server knows within a second.
    """


@ingest_token.command("add")
@_description
@of_an_account
@of_a_server
@_json
def add_ingest_token(
    description: str, owner: Owner, config: str | None, data_dir: str | None, *, as_json: bool
) -> None:
    """Add a token, and print it this once."""

    async def work(feeders: FeederService, account: str) -> Any:
        return await feeders.add_ingest_token(account, description)

    _show(_carry_out(settings_of(config, data_dir), owner, work), as_json=as_json)


@ingest_token.command("list")
@of_an_account
@of_a_server
@_json
def list_ingest_tokens(owner: Owner, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """List the tokens: id, when it was added, what it is for."""

    async def work(feeders: FeederService, account: str) -> Any:
        return [ingest_token_members(token) for token in feeders.view.ingest_tokens(account)]

    _list(_carry_out(settings_of(config, data_dir), owner, work), as_json=as_json)


@ingest_token.command("remove")
@click.argument("ingest_token_id", metavar="ID")
@of_an_account
@of_a_server
def remove_ingest_token(ingest_token_id: str, owner: Owner, config: str | None, data_dir: str | None) -> None:
    """Remove a token: whoever holds it sends nothing more."""

    async def work(feeders: FeederService, account: str) -> Any:
        await feeders.remove_ingest_token(account, ingest_token_id)

    _carry_out(settings_of(config, data_dir), owner, work)
    click.echo(f"{ingest_token_id}  removed")


def _carry_out(settings: Settings, owner: Owner, work: Work) -> Any:
    async def carry_out() -> Any:
        async with _feeders(settings, owner) as (feeders, account):
            return await work(feeders, account)

    return asyncio.run(carry_out())


@asynccontextmanager
async def _feeders(settings: Settings, owner: Owner) -> AsyncIterator[tuple[FeederService, str]]:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        view = FeederView()
        views = Views(catalog, view)
        await views.refresh()
        account = await account_named(catalog, *owner)
        yield FeederService(view, views, lambda: time.time_ns() // 1_000_000), account


def _show(made: msgspec.Struct, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(made))
        return
    for name, value in msgspec.to_builtins(made).items():
        click.echo(f"{name:<15}  {value}")


def _list(members: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(members))
        return
    for one in members:
        name, *_ = one.values()
        moment = datetime.fromtimestamp(one["createdTime"] / 1000, UTC)
        click.echo(f"{name}  {moment:%Y-%m-%dT%H:%M:%SZ}  {one['description']}")
