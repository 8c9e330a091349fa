"""`minori operator`: who has an account on a server. There is no sign-up over the network."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import click
import msgspec

from minori.cli.stores import of_a_server, settings_of
from minori.config.settings import Settings
from minori.model.registry import Operator, ResetPurpose
from minori.service.accounts import RESET_SECONDS, create_reset_token
from minori.service.operators import Credentials, create_operator, find_operator, remove_operator
from minori.storage.base import Catalog

_ADD = """\b
Examples:
  minori operator add --email plant@example.com
  minori operator add --email plant@example.com --json > plant.json

Secrets are shown this once and kept nowhere. A running server knows the operator within a second.
"""

_REMOVE = """\b
Examples:
  minori operator remove OP0123456789
  minori operator remove plant@example.com --yes

Removed are its users, roles and keys, its groups, devices and SIMs with their sessions. A running server refuses
their tokens, and what their SIMs send, within a second. Data entries and files stay in the stores, where nobody can
reach them: files until they expire. The last operator cannot be removed.
"""

_RESET = """\b
Examples:
  minori operator reset-password plant@example.com
  curl http://127.0.0.1:8080/v1/auth/password_reset_token/verify -H 'Content-Type: application/json' \\
    -d '{"token":"…","password":"…"}'

The server sends no mail: hand the token to whoever is to choose the password. It works once and for an hour; older ones
end. Setting the password ends every token of the root user.
"""

_RESET_MFA = """\b
Examples:
  minori operator reset-mfa plant@example.com
  curl http://127.0.0.1:8080/v1/operators/mfa_revoke_token/verify -H 'Content-Type: application/json' \\
    -d '{"email":"plant@example.com","password":"…","token":"…"}'

The server sends no mail: hand the token to whoever lost the second factor, if you know who it is. With the password of
the root user it removes his second factor; no backup code is needed. It works once and for an hour; older ones end.
"""

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def operator() -> None:
    """Add, list and remove operators, whose data are apart.

    Everything here may be done while a server runs, and is in force there within a second.
    """


@operator.command(epilog=_ADD)
@click.option("--email", required=True, help="The e-mail address that the root user logs in with.")
@of_a_server
@_json
def add(email: str, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """Add an operator, and print the password and the auth key of its root user."""
    made = asyncio.run(_add(settings_of(config, data_dir), email))
    if as_json:
        click.echo(msgspec.json.encode(made))
        return
    for name, value in msgspec.to_builtins(made).items():
        click.echo(f"{name:<12}{value}")


async def _add(settings: Settings, email: str) -> Credentials:
    async with _catalog(settings) as catalog:
        return await create_operator(catalog, email, time.time)


@operator.command("list")
@of_a_server
@_json
def listing(config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """List the operators: id, when it was made, e-mail address."""
    found = asyncio.run(_list(settings_of(config, data_dir)))
    if as_json:
        shown = [
            {"operatorId": each.operator_id, "email": each.email, "createdTime": each.created_time} for each in found
        ]
        click.echo(msgspec.json.encode(shown))
        return
    for each in found:
        moment = datetime.fromtimestamp(each.created_time / 1000, UTC)
        click.echo(f"{each.operator_id}  {moment:%Y-%m-%dT%H:%M:%SZ}  {each.email}")


async def _list(settings: Settings) -> list[Operator]:
    async with _catalog(settings) as catalog:
        return sorted(await catalog.find(Operator), key=lambda each: (each.created_time, each.operator_id))


@operator.command(epilog=_REMOVE)
@click.argument("name", metavar="ID|EMAIL")
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_a_server
def remove(name: str, config: str | None, data_dir: str | None, *, yes: bool) -> None:
    """Remove an operator with all that is registered under it."""
    asyncio.run(_remove(settings_of(config, data_dir), name, is_sure=yes))


async def _remove(settings: Settings, name: str, *, is_sure: bool) -> None:
    async with _catalog(settings) as catalog:
        found = await find_operator(catalog, name)
        if not is_sure:
            click.confirm(f"Remove {found.operator_id} ({found.email}) with its users, groups and SIMs?", abort=True)
        await remove_operator(catalog, found)
    click.echo(f"{found.operator_id} ({found.email}) is removed")


@operator.command(epilog=_RESET)
@click.argument("name", metavar="ID|EMAIL")
@of_a_server
@_json
def reset_password(name: str, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """Print a token with which the root user's password can be set anew, without the old one."""
    _print_token(ResetPurpose.PASSWORD, name, settings_of(config, data_dir), as_json=as_json)


@operator.command(epilog=_RESET_MFA)
@click.argument("name", metavar="ID|EMAIL")
@of_a_server
@_json
def reset_mfa(name: str, config: str | None, data_dir: str | None, *, as_json: bool) -> None:
    """Print a token with which the root user's second factor can be removed, without its code."""
    _print_token(ResetPurpose.SECOND_FACTOR, name, settings_of(config, data_dir), as_json=as_json)


def _print_token(purpose: ResetPurpose, name: str, settings: Settings, *, as_json: bool) -> None:
    found, token = asyncio.run(_reset(purpose, name, settings))
    if as_json:
        shown = {"operatorId": found.operator_id, "token": token, "expiresInSeconds": RESET_SECONDS}
        click.echo(msgspec.json.encode(shown))
    else:
        click.echo(token)


async def _reset(purpose: ResetPurpose, name: str, settings: Settings) -> tuple[Operator, str]:
    async with _catalog(settings) as catalog:
        found = await find_operator(catalog, name)
        return found, await create_reset_token(catalog, found, purpose, int(time.time()))


@asynccontextmanager
async def _catalog(settings: Settings) -> AsyncIterator[Catalog]:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        yield catalog
