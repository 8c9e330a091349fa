"""`minori simulate`: devices that are not there, sending as if they were."""

import asyncio
import ipaddress
import signal
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import click
import msgspec

from minori.cli.accounts import Owner, account_named, of_an_account
from minori.cli.stores import of_a_server, settings_of
from minori.codec.simtable import SimRow
from minori.config.address import Endpoint, parse_endpoint
from minori.config.settings import Settings
from minori.errors import InvalidParameter
from minori.model.account import operator_of
from minori.model.registry import Device as DeviceRecord
from minori.model.registry import Group
from minori.model.resource import ResourceType
from minori.service.devices import device_key
from minori.service.sim_import import carry_out, plan
from minori.simulator.fleet import Device, Plan, Tally, run
from minori.simulator.profiles import LORA, PROFILES, lora_eui
from minori.simulator.senders import (
    BeamSender,
    DatagramSender,
    HttpSender,
    Outcome,
    Place,
    Sender,
    Signer,
    StreamSender,
)
from minori.storage.base import Catalog, Insert

DOORS = {"tcp": "door_stream", "udp": "door_stream", "http": "door_http", "beam": "api"}
"""The doors, and the settings that say where they are."""

MOST_DEVICES = 10_000
FIRST_ADDRESS = ipaddress.IPv4Address("127.64.0.1")
"""Where the first simulated device sends from; the others follow."""

FIRST_IMSI = 1_010_900_000_000
"""The number of the first simulated SIM in the test network 00101."""

GROUP = "demo"
"""The group that registered devices are in."""

SEEN_SECONDS = 1.0
"""How long it takes a running server at most to know of a command beside it."""

PRINTED_SECONDS = 10.0
REASONS = 5
"""How often the tally is printed where no terminal shows it, and how many reasons it ends with."""

_EPILOG = """\b
Examples:
  minori serve --demo                                    (in another terminal)
  minori simulate --door tcp --profile gps
  minori simulate --devices 100 --rate 50 --door http --register
  minori simulate --door beam --profile lora --beam-key PSK --operator OP0123456789 --seconds 60

Each device sends from an address of its own in 127.64.0.0/10, so the server must be on this machine, and its doors be
open there. With the demo alone all of them are the demo SIM. --register first makes a SIM with a session for each
device, or a LoRaWAN device, in the group named demo of the server's data directory.

The same --seed sends the same messages. It goes on until Ctrl-C, or for --seconds or --messages.

Exit code 0: all that was sent was stored. 1: something was not.
"""


@click.command(epilog=_EPILOG)
@click.option("--devices", type=click.IntRange(1, MOST_DEVICES), default=10, show_default=True, help="How many.")
@click.option(
    "--rate", type=click.FloatRange(0.001, 1_000_000), default=10.0, show_default=True, help="Messages a second."
)
@click.option("--door", type=click.Choice([*DOORS]), default="http", show_default=True, help="Where they send.")
@click.option(
    "--profile", type=click.Choice([*PROFILES]), default="temperature", show_default=True, help="What they send."
)
@click.option("--to", metavar="HOST:PORT", help="Where the door is, if it is not where the settings say.")
@click.option("--seconds", type=click.FloatRange(0.1), help="For how long.")
@click.option("--messages", type=click.IntRange(1), help="How many messages in all.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance begins with.")
@click.option("--register", is_flag=True, help="First register a SIM and a session for each device.")
@click.option("--beam-key", metavar="PSK", help="The shared key to sign with, at the door beam.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
@of_an_account
@of_a_server
def simulate(owner: Owner, config: str | None, data_dir: str | None, **wanted: Any) -> None:
    """Send as many devices would, at a steady rate."""
    settings = settings_of(config, data_dir)
    asked = msgspec.convert(wanted, Asked)
    tally = asyncio.run(_simulate(settings, owner, asked))
    click.echo(_report(tally, as_json=asked.as_json))
    if tally.outcomes[Outcome.STORED] != tally.sent:
        raise SystemExit(1)


class Asked(msgspec.Struct, frozen=True):
    """What the command line asked for."""

    devices: int
    rate: float
    door: str
    profile: str
    to: str | None
    seconds: float | None
    messages: int | None
    seed: int
    register: bool
    beam_key: str | None
    as_json: bool


async def _simulate(settings: Settings, owner: Owner, asked: Asked) -> Tally:
    where = _where(settings, asked)
    if asked.door == "beam" and asked.beam_key is None:
        raise click.UsageError("Give --beam-key, a key that minori beam-key add has printed")
    if asked.profile == LORA and asked.door != "beam":
        raise click.UsageError("LoRaWAN devices have no address; send them with --door beam")
    if asked.register:
        await _register(settings, owner, asked.devices, are_lora=asked.profile == LORA)
    operator_id = await _operator_id(settings, owner) if asked.door == "beam" else ""
    devices = [_device(asked, where, operator_id, number) for number in range(asked.devices)]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    return await run(devices, Plan(asked.rate, asked.seconds, asked.messages), stop, _watcher())


def _where(settings: Settings, asked: Asked) -> Endpoint:
    if asked.to is None:
        return parse_endpoint(getattr(settings, DOORS[asked.door]))
    try:
        return parse_endpoint(asked.to)
    except ValueError as error:
        raise click.UsageError(f"--to: {error}") from error


def _device(asked: Asked, where: Endpoint, operator_id: str, number: int) -> Device:
    # A seed of its own for each: what one sends does not depend on how many there are.
    messages = PROFILES[asked.profile](Random(f"{asked.seed}/{number}"), number)  # noqa: S311 - a simulation keeps no secret
    return Device(_sender(asked, where, operator_id, number), messages)


def _sender(asked: Asked, where: Endpoint, operator_id: str, number: int) -> Sender:
    place = Place(where.host, where.port, _address(number))
    if asked.door == "tcp":
        return StreamSender(place)
    if asked.door == "udp":
        return DatagramSender(place)
    if asked.door == "http":
        return HttpSender(place)
    is_lora = asked.profile == LORA
    header, value = ("lora-device-id", lora_eui(number)) if is_lora else ("imsi", _imsi(number))
    place = Place(where.host, where.port)
    return BeamSender(place, f"/ingest/{operator_id}/beam", Signer(header, value, asked.beam_key or ""))


def _address(number: int) -> str:
    return str(FIRST_ADDRESS + number)


def _imsi(number: int) -> str:
    return f"00{FIRST_IMSI + number}"


async def _operator_id(settings: Settings, owner: Owner) -> str:
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        return operator_of(await account_named(catalog, *owner))


async def _register(settings: Settings, owner: Owner, devices: int, *, are_lora: bool) -> None:
    """A SIM and a session for each device, or a LoRaWAN device; those that are there stay as they are."""
    from minori import app  # noqa: PLC0415 - takes a second to load; help and refusals need none of it

    async with app.Beside(settings).catalog() as catalog:
        account, now = await account_named(catalog, *owner), time.time_ns() // 1_000_000
        if are_lora:
            await _register_lora(catalog, account, devices, now)
        else:
            rows = [
                SimRow(number + 1, _imsi(number), group=GROUP, network=_address(number) + "/32")
                for number in range(devices)
            ]
            planned = await plan(catalog, account, rows, now)
            if planned.flaws:
                raise InvalidParameter(f"The SIMs cannot be registered: {planned.flaws[0].message}")
            await carry_out(catalog, planned.arrivals, lambda _: None)
    await asyncio.sleep(SEEN_SECONDS)


async def _register_lora(catalog: Catalog, account: str, devices: int, now: int) -> None:
    groups = [group for group in await catalog.find(Group, {"account": account}) if group.tags.get("name") == GROUP]
    if not groups:
        raise InvalidParameter(f"There is no group named {GROUP}; start the server with --demo once")
    for number in range(devices):
        eui = lora_eui(number)
        key = device_key(account, ResourceType.LORA_DEVICE, eui)
        if await catalog.get(DeviceRecord, key) is None:
            device = DeviceRecord(key, account, ResourceType.LORA_DEVICE, eui, groups[0].group_id, {}, {}, now, now)
            await catalog.apply(Insert(device))


def _watcher() -> Callable[[Tally], object]:
    """Shows the tally on standard error: again and again on one line of a terminal, otherwise every ten seconds."""
    if sys.stderr.isatty():
        return lambda tally: click.echo(f"\r{tally.line()}\033[K", err=True, nl=False)
    shown = [0.0]

    def watch(tally: Tally) -> None:
        if tally.seconds - shown[0] >= PRINTED_SECONDS:
            shown[0] = tally.seconds
            click.echo(tally.line(), err=True)

    return watch


def _report(tally: Tally, *, as_json: bool) -> str:
    if as_json:
        told = {
            "sent": tally.sent,
            **{str(outcome): tally.outcomes[outcome] for outcome in Outcome},
            "late": tally.late,
            "seconds": round(tally.seconds, 3),
            "p50Ms": round(tally.latency(0.5) * 1000, 3),
            "p99Ms": round(tally.latency(0.99) * 1000, 3),
            "reasons": dict(tally.reasons.most_common(REASONS)),
        }
        return msgspec.json.encode(told).decode()
    reasons = [f"  {count:,} x {reason}" for reason, count in tally.reasons.most_common(REASONS)]
    before = "\r\033[K" if sys.stderr.isatty() and sys.stdout.isatty() else ""
    return "\n".join([before + tally.line(), *reasons])
