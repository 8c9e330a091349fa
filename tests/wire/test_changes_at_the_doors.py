"""What is changed counts at every door, on old connections too: at once through the API, soon by another process."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from minori.model.registry import Group, Session, Sim
from minori.storage.base import Catalog, Put, Remove
from minori.storage.sql.catalog import open_catalog
from people import Caller, root
from serving import Server
from wire.asking import connect, head, read

SECONDS = 20
"""How long a test waits for what another process did; it takes half a second."""

HARVEST, FILES = "SoracomHarvest", "SoracomHarvestFiles"
STORED = {"http": "201", "tcp": "201", "udp": "201", "files": "201"}
_numbers = count(1)


def all_doors(message: str) -> dict[str, str]:
    """The same refusal at every door."""
    return dict.fromkeys(STORED, message)


class Device:
    """A device at an address of its own that leaves its connections open."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        number = next(_numbers)
        self.address = f"127.71.{number // 250}.{number % 250 + 1}"
        self._http = stack.enter_context(connect(server.door_http, self.address))
        self._files = stack.enter_context(connect(server.door_http, self.address))
        self._tcp = stack.enter_context(connect(server.door_stream, self.address))
        self._udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._udp.settimeout(SECONDS)
        self._udp.bind((self.address, 0))
        self._udp.connect(server.door_stream)

    def told(self) -> dict[str, str]:
        """What each door says to a payload, or to a file, now."""
        told = {}
        for name, door, host, path in (
            ("http", self._http, "harvest.soracom.io", "/"),
            ("files", self._files, "harvest-files.soracom.io", f"/{next(_numbers)}"),
        ):
            door.sendall(head("POST", path, {"Host": host}, b'{"n":1}'))
            reply = read(door)
            told[name] = "201" if reply.status == 201 else str(reply.json["message"])
        for name, door in (("tcp", self._tcp), ("udp", self._udp)):
            door.send(b'{"n":1}')
            told[name] = door.recv(1000).decode().removeprefix("400 ")
        return told


class Yard:
    """A SIM in a group with everything enabled, the session of a device, and their operator."""

    def __init__(self, boss: Caller, device: Device) -> None:
        self.boss, self.device = boss, device
        self.group = self.new_group()
        self.sim, self.imsi = self.new_sim()
        self.ask("POST", f"/sims/{self.sim}/set_group", {"groupId": self.group})
        self.ask("PUT", self.session, {"imsi": self.imsi})

    @property
    def session(self) -> str:
        """The path of the device's session."""
        return f"/minori/sessions/{self.device.address}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers, which must not be a refusal."""
        reply = self.boss.ask(method, path, body)
        assert reply.status < 300, reply.body
        return reply.json if reply.body else None

    def new_group(self, category: str = "yard") -> str:
        """A group with data and files enabled."""
        options = {HARVEST: {"enabled": True, "category": category}, FILES: {"enabled": True}}
        return str(self.ask("POST", "/groups", {"configuration": options})["groupId"])

    def new_sim(self) -> tuple[str, str]:
        """The SIM id and the IMSI of a new SIM."""
        made = self.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"})
        return made["simId"], made["imsi"]

    def put(self, namespace: str, key: str, value: Any) -> None:
        """Set an option of the group."""
        self.ask("PUT", f"/groups/{self.group}/configuration/{namespace}", [{"key": key, "value": value}])

    def last(self, imsi: str) -> Any:
        """The newest entry of a SIM."""
        return self.ask("GET", f"/data/Subscriber/{imsi}?limit=1")[0]


@pytest.fixture
def yard(server: Server) -> Iterator[Yard]:
    with ExitStack() as stack:
        yard = Yard(root(server), Device(server, stack))
        assert yard.device.told() == STORED
        yield yard
        yard.boss.ask("DELETE", yard.session)


def test_a_session_that_leads_to_another_sim_counts_at_once(yard: Yard) -> None:
    _, other = yard.new_sim()
    yard.ask("PUT", yard.session, {"imsi": other})
    assert yard.device.told() == all_doors(f"No group ID is specified: {other}")
    yard.ask("PUT", yard.session, {"imsi": yard.imsi})
    assert yard.device.told() == STORED


def test_a_session_that_is_removed_leaves_the_device_to_the_wider_one_at_once(yard: Yard) -> None:
    yard.ask("DELETE", yard.session)
    assert yard.device.told() == STORED, "the demo SIM has all of loopback"
    before = len(yard.ask("GET", f"/data/Subscriber/{yard.imsi}?limit=1000"))
    assert yard.device.told() == STORED
    assert len(yard.ask("GET", f"/data/Subscriber/{yard.imsi}?limit=1000")) == before


def test_a_sim_that_leaves_its_group_or_joins_another_counts_at_once(yard: Yard) -> None:
    yard.ask("POST", f"/subscribers/{yard.imsi}/unset_group")
    assert yard.device.told() == all_doors(f"No group ID is specified: {yard.imsi}")
    yard.ask("POST", f"/sims/{yard.sim}/set_group", {"groupId": yard.new_group("shed")})
    assert yard.device.told() == STORED
    assert yard.last(yard.imsi)["category"] == "shed"


def test_a_group_that_is_removed_counts_at_once(yard: Yard) -> None:
    yard.ask("DELETE", f"/groups/{yard.group}")
    assert yard.device.told() == all_doors(f"No group ID is specified: {yard.imsi}")


def test_harvest_data_is_switched_off_and_on_at_once_and_files_go_on(yard: Yard) -> None:
    refused = all_doors("Configuration for SORACOM Harvest is not found") | {"files": "201"}
    for call in (
        lambda: yard.put(HARVEST, "enabled", value=False),
        lambda: yard.ask("DELETE", f"/groups/{yard.group}/configuration/{HARVEST}/enabled"),
        lambda: yard.ask("DELETE", f"/groups/{yard.group}/configuration/{HARVEST}"),
    ):
        call()
        assert yard.device.told() == refused
        yard.put(HARVEST, "enabled", value=True)
        assert yard.device.told() == STORED


def test_harvest_files_is_switched_off_and_on_at_once_and_data_go_on(yard: Yard) -> None:
    yard.put(FILES, "enabled", value=False)
    assert yard.device.told() == STORED | {"files": "Harvest files is disabled. Please set { enabled: true }"}
    yard.put(FILES, "enabled", value=True)
    assert yard.device.told() == STORED


def test_a_category_that_is_changed_counts_at_once(yard: Yard) -> None:
    assert yard.last(yard.imsi)["category"] == "yard"
    yard.put(HARVEST, "category", "shed/2")
    yard.device.told()
    assert yard.last(yard.imsi)["category"] == "shed/2"
    yard.put(HARVEST, "category", None)
    yard.device.told()
    assert "category" not in yard.last(yard.imsi)


def beside(server: Server, change: Callable[[Catalog], Awaitable[None]]) -> None:
    """Change the server's catalog as another process does."""

    async def story() -> None:
        catalog = await open_catalog(f"sqlite://{server.data_dir}/catalog.sqlite")
        try:
            await change(catalog)
        finally:
            await catalog.close()

    asyncio.run(story())


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "the server never heard of it"
        time.sleep(0.05)


def test_what_another_process_changes_of_a_group_counts_soon(server: Server, yard: Yard) -> None:
    async def change(catalog: Catalog) -> None:
        group = await catalog.get(Group, yard.group)
        assert group is not None
        options = {HARVEST: {"enabled": True, "category": "beside"}, FILES: {"enabled": False}}
        await catalog.apply(Put(replace(group, configuration=options)))

    beside(server, change)
    wait_until(lambda: yard.device.told()["files"] != "201")
    assert yard.device.told() == STORED | {"files": "Harvest files is disabled. Please set { enabled: true }"}
    assert yard.last(yard.imsi)["category"] == "beside"
    shown = yard.ask("GET", f"/groups/{yard.group}")
    assert shown["configuration"][HARVEST]["category"] == "beside"


def test_what_another_process_changes_of_a_sim_counts_soon(server: Server, yard: Yard) -> None:
    async def leave(catalog: Catalog) -> None:
        sim = await catalog.get(Sim, yard.sim)
        assert sim is not None
        await catalog.apply(Put(replace(sim, group_id=None)))

    beside(server, leave)
    wait_until(lambda: yard.device.told() == all_doors(f"No group ID is specified: {yard.imsi}"))
    # The API builds on it.
    yard.ask("POST", f"/sims/{yard.sim}/set_group", {"groupId": yard.group})
    assert yard.device.told() == STORED


def test_what_another_process_changes_of_a_session_counts_soon(server: Server, yard: Yard) -> None:
    _, other = yard.new_sim()
    network = f"{yard.device.address}/32"

    async def take(catalog: Catalog) -> None:
        await catalog.apply(Put(Session(network, other)))

    async def give_up(catalog: Catalog) -> None:
        await catalog.apply(Remove(Session(network, other)))

    beside(server, take)
    wait_until(lambda: yard.device.told() == all_doors(f"No group ID is specified: {other}"))
    assert yard.ask("GET", yard.session)["imsi"] == other
    beside(server, give_up)
    wait_until(lambda: yard.device.told() == STORED)
    assert yard.boss.ask("GET", yard.session).status == 404
