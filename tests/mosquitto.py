"""A real Mosquitto as a subprocess, a publisher, and a Minori that is subscribed there."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

import httpx
from paho.mqtt.client import Client, MQTTMessageInfo, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fault.needs import lacking
from serving import Server

IMSI = "001010000000001"
"""The demo SIM's."""

TOPIC = f"harvest/Subscriber/{IMSI}"
SECONDS = 30
"""How long a test waits for what must come."""


def until(true: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Return once something is true that nobody tells of."""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, f"this has not come: {what}"
        sleep(0.01)


class Mosquitto:
    """A broker on a free port of 127.0.0.1 that keeps its port and its folder over restarts.

    It throws nothing away, and saves what it holds at the end; with `saves` also as often as it can. `lines` are
    further lines of its settings; those of the listener come first.
    """

    def __init__(self, folder: Path, *lines: str, saves: bool = False) -> None:
        found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if found is None:
            lacking("mosquitto is missing; install it with apt-get install mosquitto")
        self._program = found
        self.folder = folder
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._settings = folder / "mosquitto.conf"
        self._saves = saves
        self.configure(*lines or ("allow_anonymous true",))
        self.saved = folder / "mosquitto.db"
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, *lines: str) -> None:
        """Settings for the next start."""
        # Started by root, it would take another user's rights and could not write here.
        own = ["user root", "persistence true", f"persistence_location {self.folder}/"]
        saving = ["autosave_on_changes true", "autosave_interval 1"] if self._saves else []
        text = "\n".join([f"listener {self.port} 127.0.0.1", *lines, *own, *saving, "max_queued_messages 0", ""])
        self._settings.write_text(text)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has written since its last start."""
        return (self.folder / "log").read_text()

    def start(self) -> Self:
        """Start, and return once it listens."""
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([self._program, "-c", self._settings], stdout=log, stderr=log)
        until(self._listens, "mosquitto listens")
        return self

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; it saves what it holds, unless it is killed."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(SECONDS)

    def wait_saved(self) -> None:
        """Return once all that it has acknowledged is saved; something must go on changing meanwhile."""
        for _ in range(2):
            # The first file may have been begun before; the second one has not.
            before = self._stamp()
            until(lambda before=before: self._stamp() != before, "mosquitto saves")  # type: ignore[misc]  # of a default

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self.saved.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns


class Publisher:
    """Publishes, and knows what the broker has acknowledged; it reconnects by itself and sends again."""

    def __init__(self, port: int, ca_file: str | None = None) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(1, 1)
        if ca_file is not None:
            self._client.tls_set(ca_file)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, body: bytes | str, topic: str = TOPIC, qos: int = 1, **more: Any) -> MQTTMessageInfo:
        """Publish; `content_type` is the property of that name, `retain` as in MQTT."""
        properties = None
        if "content_type" in more:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the library leaves it untyped
            properties.ContentType = more.pop("content_type")
        return self._client.publish(topic, body, qos, properties=properties, **more)

    def say(self, body: bytes | str, topic: str = TOPIC, qos: int = 1, **more: Any) -> None:
        """The same, and wait until the broker has it."""
        self.send(body, topic, qos, **more).wait_for_publish(SECONDS)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Numbers:
    """Publishes one number after another on a thread of its own until told to end; a gauge of what must be stored."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._ending = threading.Event()
        self._sent: list[MQTTMessageInfo] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        # A publisher that is not held up would fill its own memory while the broker is away.
        while not self._ending.wait(0.001):
            if len(self._sent) - len(self.acknowledged()) < 200:
                one = self._publisher.send(str(len(self._sent)))
                if one.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
                    # The library keeps it until the broker is back, and must not call that a failure.
                    one.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
                self._sent.append(one)

    @property
    def sent(self) -> int:
        """How many numbers there are; the first is 0."""
        return len(self._sent)

    def acknowledged(self) -> set[int]:
        """The numbers that the broker has acknowledged."""
        return {number for number, one in enumerate(self._sent) if one.is_published()}

    def end(self) -> None:
        """Return once no more is sent and all is acknowledged; the broker must be there."""
        self._ending.set()
        self._thread.join()
        for one in self._sent:
            one.wait_for_publish(SECONDS)


class Subscribed:
    """A Minori with the demo SIM that is subscribed at a broker; `data_dir` may be that of an earlier one."""

    def __init__(self, data_dir: Path, url: str, limits: Mapping[str, int] | None = None, **settings: str) -> None:
        with Server(data_dir) as first:
            self.operator_id = first.credentials["operatorId"]
        told = {"url": url, "operator_id": self.operator_id, **settings}
        environment = {f"MINORI_MQTT_{name.upper()}": value for name, value in told.items()}
        environment |= {f"MINORI_LIMITS_{name.upper()}": str(value) for name, value in (limits or {}).items()}
        self.server = Server(data_dir, environment=environment)

    def start(self, *, connected: bool = True) -> Self:
        """Start, and return once it is subscribed, or at once."""
        self.server.start()
        if connected:
            self.wait_connected()
        return self

    def wait_connected(self) -> None:
        """Return once it is subscribed."""
        until(lambda: self.metric("minori_mqtt_connected") == 1, "Minori is subscribed")

    def metric(self, name: str) -> float:
        """A sample of the metrics, 0 if it has not been counted."""
        text = httpx.get(f"{self.server.url}/metrics", timeout=30).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)

    def outcome(self, outcome: str) -> float:
        """How many messages have had this outcome since the start."""
        return self.metric(f'minori_mqtt_messages_total{{outcome="{outcome}"}}')

    def rows(self, path: str = f"/v1/data/Subscriber/{IMSI}", **query: str) -> list[dict[str, Any]]:
        """All rows, the oldest first."""
        found: list[dict[str, Any]] = []
        asked = {"sort": "asc", "limit": "1000", **query}
        with httpx.Client(base_url=self.server.url, headers=self.server.login(), timeout=30) as client:
            while True:
                answer = client.get(path, params=asked).raise_for_status()
                found += answer.json()
                if "x-soracom-next-key" not in answer.headers:
                    return found
                asked["last_evaluated_key"] = answer.headers["x-soracom-next-key"]

    def contents(self) -> list[str]:
        """What is stored for the demo SIM, the oldest first."""
        return [row["content"] for row in self.rows()]

    def close(self) -> None:
        """Stop, if it runs."""
        if hasattr(self.server, "process"):
            self.server.close()


class Workshop:
    """Starts brokers, publishers and servers of one test, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def broker(self, *lines: str, saves: bool = False) -> Mosquitto:
        """A broker that runs; see `Mosquitto`."""
        broker = Mosquitto(self.folder / "broker", *lines, saves=saves)
        self._stack.callback(broker.stop)
        return broker.start()

    def minori(self, url: str, limits: Mapping[str, int] | None = None, **settings: str) -> Subscribed:
        """A Minori that has not started; see `Subscribed`."""
        minori = Subscribed(self.folder / "data", url, limits, **settings)
        self._stack.callback(minori.close)
        return minori

    def publisher(self, broker: Mosquitto, ca_file: str | None = None) -> Publisher:
        """A publisher that is connected."""
        return self._stack.enter_context(Publisher(broker.port, ca_file))

    def close(self) -> None:
        """End all, the last one first."""
        self._stack.close()
