"""Where others bring in what devices send: Soracom Beam, and the servers of LoRaWAN and Sigfox networks.

`POST /ingest/{operator_id}/beam`, `…/chirpstack`, `…/tts` and `…/sigfox`, outside `/v1`. The answer is 201 once all
of it is on stable storage, and 204 to a message that brings no payload. In which coverage it is kept follows from the
key or the token, whatever `Host` says.

Shortcomings: Beam signs what it says of the sender and not the payload, so that within the time that a signature may
be old, who has heard a message can send another payload under it; TLS prevents that. A payload that Beam sends a
second time is stored twice, one millisecond apart. A network's report that comes again overwrites itself, and so does
a second uplink of one device at exactly the same time. Whoever has an ingest token may send for every device of its
account. Nothing is sent back to a device: there are no downlinks.
"""

import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from minori.api import parameters
from minori.api.answers import EMPTY
from minori.api.services import Services
from minori.codec import lorawan, sigfox, webhooks
from minori.codec.beam import Vouched, read_headers
from minori.codec.content import JSON, OCTETS
from minori.codec.uplink import Uplink
from minori.errors import Error, InvalidParameter, MethodNotAllowed, NotFound, PayloadTooLarge
from minori.http.exchange import Answer, Request
from minori.model.payload import Payload
from minori.model.refusal import Origin
from minori.model.resource import Resource, ResourceType

PREFIX = "/ingest/"
"""What all paths here begin with."""

METHODS = ("POST",)

BEAM = "beam"
_BEAM_AGENT = "SORACOM Beam"
_WRAPPING_BYTES = 32
_base64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z").match


class _Wrapped(Struct, frozen=True, forbid_unknown_fields=True):
    payload: str


_unwrap = msgspec.json.Decoder(_Wrapped).decode


class _Network(Struct, frozen=True):
    """A network server: the type of its devices, its largest message, and what reads one."""

    kind: ResourceType
    message_bytes: int
    read: Callable[[Request, bytes], Uplink | None]


_NETWORKS: Mapping[str, _Network] = {
    "chirpstack": _Network(
        ResourceType.LORA_DEVICE,
        webhooks.MESSAGE_BYTES,
        lambda request, body: webhooks.parse_chirpstack(request.query("event"), body),
    ),
    "tts": _Network(ResourceType.LORA_DEVICE, webhooks.MESSAGE_BYTES, lambda _, body: webhooks.parse_things(body)),
    "sigfox": _Network(ResourceType.SIGFOX_DEVICE, sigfox.CALLBACK_BYTES, lambda _, body: sigfox.parse_callback(body)),
}

_ENVELOPES: Mapping[ResourceType, Callable[[bytes], Uplink]] = {
    ResourceType.LORA_DEVICE: lorawan.parse_uplink,
    ResourceType.SIGFOX_DEVICE: sigfox.parse_uplink,
}

FEEDERS = (BEAM, *_NETWORKS)
"""The last segment of the paths here; metrics and the log of refusals call them so too."""


async def ingest(services: Services, request: Request, path: str) -> Answer:
    """Whatever is sent to a path that begins with `PREFIX`."""
    operator_id, _, feeder = path.removeprefix(PREFIX).partition("/")
    if feeder not in FEEDERS:
        raise NotFound(f"Nothing comes in here; send to {PREFIX}OPERATOR/ and {', '.join(FEEDERS)}")
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS)
    operator_id = parameters.decode_segment(operator_id)
    if feeder == BEAM:
        return await _take_beam(services, request, operator_id)
    return await _take_message(services, request, operator_id, feeder, _NETWORKS[feeder])


async def _take_beam(services: Services, request: Request, operator_id: str) -> Answer:
    """A payload as Beam forwards it, from whom its headers say (documented), once their signature is right."""
    now = time.time_ns() // 1_000_000
    with _refusals(services, BEAM, Origin(request.address), request.length):
        vouched = read_headers(request.headers)
        signers = services.feeders.view.signers(vouched, operator_id, now, services.beam_window_seconds)
    account = services.vouched.account([key.account for key in signers], vouched)
    origin = Origin(resource=Resource(account, vouched.type, vouched.id))
    with _refusals(services, BEAM, origin, request.length):
        sender = services.vouched.vouched(account, vouched)
        body = await _beam_body(request, services.ingest.largest_from(sender))
    with _refusals(services, BEAM, origin, len(body)):
        _check_envelope(vouched, body)
        # A body may take its time, and the sender may store no more by then.
        sender = services.vouched.vouched(account, vouched)
    await services.ingest.accept_from(BEAM, sender, _payload(request, body), vouched.time).durable()
    return Answer(201)


async def _beam_body(request: Request, limit: int) -> bytes:
    """The body of Beam's request for a payload of at most `limit` bytes, which it may have wrapped."""
    try:
        return await request.body(_wrapped_bytes(limit) if _is_of_beam(request) else limit)
    except PayloadTooLarge as error:
        raise PayloadTooLarge(limit) from error


async def _take_message(
    services: Services, request: Request, operator_id: str, feeder: str, network: _Network
) -> Answer:
    """A message of a network server, which proves itself with an ingest token."""
    with _refusals(services, feeder, Origin(request.address), request.length):
        account = services.feeders.view.token_account(operator_id, request.header(b"authorization"))
    origin = Origin(request.address, account=account)
    with _refusals(services, feeder, origin, request.length):
        body = await request.body(network.message_bytes)
    with _refusals(services, feeder, origin, len(body)):
        uplink = network.read(request, body)
    if uplink is None:
        return EMPTY
    with _refusals(services, feeder, Origin(resource=Resource(account, network.kind, uplink.device_id)), len(body)):
        sender = services.vouched.device(account, network.kind, uplink.device_id)
    # At exactly the network's time, so that a repeated report overwrites itself (our choice).
    timestamp = None if uplink.time is None else str(uplink.time)
    await services.ingest.accept_from(feeder, sender, Payload(uplink.text.encode(), JSON, timestamp)).durable()
    return Answer(201)


@contextmanager
def _refusals(services: Services, feeder: str, origin: Origin, size: int | None = None) -> Iterator[None]:
    """Count and note what is refused before the ingest service has it."""
    try:
        yield
    except Error as error:
        services.ingest.refuse(feeder, error, origin, size)
        raise


def _check_envelope(vouched: Vouched, body: bytes) -> None:
    """Refuse an envelope of another device than the one that Beam vouches for; one that is none stays as it is."""
    reader = _ENVELOPES.get(vouched.type)
    if reader is None:
        return
    try:
        device_id = reader(body).device_id
    except InvalidParameter:
        return
    if device_id.lower() != vouched.id.lower():
        raise InvalidParameter("The envelope is of another device than the headers of Beam say")


def _payload(request: Request, body: bytes) -> Payload:
    """What the device sent: Beam wraps what came over TCP and UDP in JSON (documented), and the parser wants bytes."""
    if _is_of_beam(request):
        try:
            wrapped = _unwrap(body).payload
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wrapped = None
        if wrapped is not None and _base64(wrapped):
            return Payload(b64decode(wrapped), OCTETS)
    return Payload(body, request.header(b"content-type"))


def _is_of_beam(request: Request) -> bool:
    return (request.header(b"user-agent") or "").startswith(_BEAM_AGENT)


def _wrapped_bytes(limit: int) -> int:
    """How large a body is that wraps a payload of `limit` bytes, blanks in it included."""
    return 4 * ((limit + 2) // 3) + _WRAPPING_BYTES
