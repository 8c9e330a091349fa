"""The section `[mqtt]`, and what two of its texts mean: where the broker is, and which topic is whose."""

import re
from typing import Annotated, Literal
from urllib.parse import unquote

from msgspec import Meta, Struct

from minori.config.address import parse_endpoint
from minori.config.metas import number, text
from minori.errors import InvalidParameter
from minori.model.resource import ID_BYTES, ResourceType

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The schemes, and the port of each where the URL names none (registered)."""

LOGIN_LENGTH = 1_024
"""The longest user name or password, in characters (our choice)."""

TOPIC_LENGTH = 256
"""The longest topic with placeholders, in characters (our choice)."""

TYPE, ID = "{resource_type}", "{resource_id}"
"""The placeholders of a topic; each stands for one whole level."""

_SHOWN = 100
_HAS_PORT = re.compile(r":[^\]]*\Z")


class Mqtt(Struct, frozen=True):
    """Messages of an MQTT broker that devices publish to, and that Minori subscribes at."""

    url: Annotated[
        str,
        text(
            "BROKER",
            "The broker, which must speak MQTT 5: `mqtts://` is TLS. The port is 1883 or 8883 if none is named, and "
            "`%40`, `%3A` and `%25` stand for `@`, `:` and `%` in user and password. Empty, where there is none.",
        ),
    ] = ""
    topic: Annotated[
        str,
        text(
            "TOPIC",
            "Which topic is whose: `{resource_type}` is `Subscriber`, `Sim`, `LoraDevice`, `SigfoxDevice`, `Device` "
            "or `SoraCam`, `{resource_id}` its id. Each is a whole level.",
        ),
    ] = "harvest/{resource_type}/{resource_id}"
    operator_id: Annotated[
        str, text("TEXT", "The operator whose devices publish there; needed where `url` is set.")
    ] = ""
    coverage: Annotated[Literal["japan", "global"], Meta(description="The coverage that the devices are in.")] = "japan"
    client_id: Annotated[
        str,
        text(
            "TEXT",
            "Under which name the broker keeps what Minori has not acknowledged; no two clients have the same. "
            "Empty, it is made from the operator's id.",
        ),
    ] = ""
    ca_file: Annotated[
        str,
        text("FILE", "Certificates (PEM) that vouch for the broker over TLS; empty, those that the system trusts."),
    ] = ""
    keep_alive_seconds: Annotated[
        int, number(5, 3_600, "seconds", "After how long a silence a connection is tried; twice that ends it.")
    ] = 30
    in_flight: Annotated[
        int, number(1, 65_535, "messages", "Messages that may be on their way to the disk at once.")
    ] = 200
    session_days: Annotated[
        int,
        number(
            0,
            36_500,
            "days",
            "For how long the broker is asked to keep messages while Minori is away; 0 is for ever.",
        ),
    ] = 0

    def __repr__(self) -> str:
        """Without the password, for logs and tracebacks."""
        return f"Mqtt({self.topic})"


class Broker(Struct, frozen=True):
    """Where a broker is, and who says so: `user` is `None` where nobody logs in."""

    host: str
    port: int
    is_secured: bool
    user: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        """The URL without user and password, as a log may show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.is_secured else 'mqtt'}://{host}:{self.port}"

    def __repr__(self) -> str:
        """Without the password, for logs and tracebacks."""
        return f"Broker({self})"


class Topics(Struct, frozen=True):
    """Topics that name a resource: levels as they stand, two of which are placeholders."""

    levels: tuple[str, ...]

    @property
    def filter(self) -> str:
        """What to subscribe to: one `+` in place of each placeholder."""
        return "/".join("+" if level in (TYPE, ID) else level for level in self.levels)

    def read(self, topic: str) -> tuple[ResourceType, str]:
        """The type and id that a topic names. Raises `InvalidParameter` for one that is not of this form."""
        levels = topic.split("/")
        told = "".join(each if each.isprintable() else "\ufffd" for each in topic[:_SHOWN])
        if len(levels) != len(self.levels) or any(
            mine not in (TYPE, ID) and mine != theirs for mine, theirs in zip(self.levels, levels, strict=True)
        ):
            raise InvalidParameter(f"The topic {told} is not of the form {'/'.join(self.levels)}")
        kind, name = levels[self.levels.index(TYPE)], levels[self.levels.index(ID)]
        try:
            found = ResourceType(kind)
        except ValueError as error:
            types = ", ".join(ResourceType)
            raise InvalidParameter(f"The topic {told} names no type of a resource; one of {types} is one") from error
        if not name or not name.isprintable() or len(name.encode()) > ID_BYTES:
            raise InvalidParameter(
                f"The topic {told} names no resource id; one has 1 to {ID_BYTES} bytes, all of them printable"
            )
        return found, name


def parse_broker(url: str) -> Broker:
    """The broker that `mqtt://USER:PASSWORD@HOST:PORT` means, or `mqtts://…`, which is TLS.

    All but the host may be left out. What stands before the last `@` is the login, with `%3A` for a colon in the
    user's name and `%25` for a per-cent sign. `ValueError` with a sentence, which tells nothing of the URL.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in PORTS:
        raise ValueError("a broker's URL begins with mqtt:// or mqtts://")
    login, at, where = rest.rpartition("@")
    where = where.removesuffix("/")
    try:
        endpoint = parse_endpoint(where if _HAS_PORT.search(where) else f"{where}:{PORTS[scheme]}")
    except ValueError as error:
        raise ValueError(
            "behind // or, if there is one, the last @ stand a host and, if need be, its port, and nothing else"
        ) from error
    if endpoint.port == 0:
        raise ValueError("the port of a broker is 1 to 65535")
    user, password = _login(login) if at else (None, None)
    return Broker(endpoint.host, endpoint.port, scheme == "mqtts", user, password)


def _login(login: str) -> tuple[str, str | None]:
    name, colon, secret = login.partition(":")
    try:
        user, password = unquote(name, errors="strict"), unquote(secret, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError("what user and password mean, percent-decoded, must be UTF-8") from error
    if not user:
        raise ValueError("the user's name is missing before the @")
    if not (user + password).isprintable() or max(len(user), len(password)) > LOGIN_LENGTH:
        raise ValueError(f"user and password are up to {LOGIN_LENGTH} printable characters each")
    return user, password if colon else None


def shown_broker(url: str) -> str:
    """A checked URL without its password."""
    if not url:
        return ""
    broker = parse_broker(url)
    if broker.user is None:
        return str(broker)
    return str(broker).replace("//", f"//{broker.user}@" if broker.password is None else f"//{broker.user}:…@", 1)


def parse_topics(topic: str) -> Topics:
    """The topics that a text with both placeholders means; `ValueError` with a sentence if none."""
    levels = tuple(topic.split("/"))
    for placeholder in (TYPE, ID):
        if topic.count(placeholder) != 1 or placeholder not in levels:
            raise ValueError(f"{placeholder} stands in it exactly once, as a whole level between slashes")
    fixed = [level for level in levels if level not in (TYPE, ID)]
    if any(set(level) & set("+#{}") for level in fixed):
        raise ValueError("no other placeholder and no wildcard (+, #) may stand in it")
    if topic.startswith("$"):
        raise ValueError("it begins with no $: those topics are the broker's own")
    if not topic.isprintable() or len(topic) > TOPIC_LENGTH:
        raise ValueError(f"it has up to {TOPIC_LENGTH} printable characters")
    return Topics(levels)
