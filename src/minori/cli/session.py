"""`minori session`: which address or network is which SIM, beside a running server or without one."""

import asyncio
from collections.abc import AsyncIterator

import click
import msgspec

from minori.cli.stores import of_a_server, settings_of
from minori.codec.session import SimReference
from minori.config.settings import Settings
from minori.errors import Invalid
from minori.model.registry import Session
from minori.service.sessions import remove_session, set_session

PAGE = 1000
"""Sessions that are read at a time."""

_SET = """\b
Examples:
  minori session set 10.1.2.3 --imsi 001010000000001
  minori session set 10.1.0.0/16 --sim-id 8981100000000000001
  minori session set 2001:db8::/48 --imsi 001010000000001

The longest network that holds a sender's address wins. A network that is there already leads to this SIM from
now on, whoever set it. A running server knows within a second.
"""


@click.group()
def session() -> None:
    """Say which address or network is which SIM: that is how a device is known.

    The commands work on the data directory, whether the server runs or not.
    """


@session.command("set", epilog=_SET)
@click.argument("network")
@click.option("--imsi", metavar="IMSI", help="The SIM by its IMSI.")
@click.option("--sim-id", metavar="ID", help="The SIM by its SIM id.")
@of_a_server
def set_(network: str, imsi: str | None, sim_id: str | None, config: str | None, data_dir: str | None) -> None:
    """Let NETWORK, an address or a network, be a SIM of any operator."""
    if (imsi is None) == (sim_id is None):
        raise click.UsageError("Give either --imsi or --sim-id, to say which SIM it is")
    done = asyncio.run(_set(settings_of(config, data_dir), network, SimReference(imsi, sim_id)))
    click.echo(_line(done))


async def _set(settings: Settings, network: str, wanted: SimReference) -> Session:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        try:
            return await set_session(catalog, network, wanted)
        except Invalid as error:
            raise click.UsageError(error.message) from error


@session.command("list")
@of_a_server
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def listing(config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """List the sessions of all operators, in order of the text of their networks."""
    asyncio.run(_list(settings_of(config, data_dir), as_json=as_json))


async def _list(settings: Settings, *, as_json: bool) -> None:
    if not as_json:
        async for one in _sessions(settings):
            click.echo(_line(one))
        return
    before = "["
    async for one in _sessions(settings):
        click.echo(before + msgspec.json.encode(one).decode(), nl=False)
        before = ",\n"
    click.echo("]" if before != "[" else "[]")


async def _sessions(settings: Settings) -> AsyncIterator[Session]:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        after = None
        while page := await catalog.find(Session, after=after, limit=PAGE):
            for one in page:
                yield one
                after = one.network


@session.command()
@click.argument("network")
@of_a_server
def remove(network: str, config: str | None, data_dir: str | None) -> None:
    """Let exactly NETWORK be no SIM any more; a wider network may still hold it."""
    click.echo(f"{_line(asyncio.run(_remove(settings_of(config, data_dir), network)))}  removed")


async def _remove(settings: Settings, network: str) -> Session:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        try:
            return await remove_session(catalog, network)
        except Invalid as error:
            raise click.UsageError(error.message) from error


def _line(one: Session) -> str:
    return f"{one.network}  {one.imsi}"
