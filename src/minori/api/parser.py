"""Trying the binary parser over REST (our own operation): what a format makes of a payload."""

from msgspec import Struct

from minori.api.services import Services
from minori.codec.binary.format import parse_format
from minori.codec.binary.hexadecimal import parse_hexadecimal
from minori.codec.body import parse_body
from minori.http.exchange import Answer, Call

BODY_BYTES = 262_144
"""The largest body of a try (our choice): payloads longer than any format reads are in it."""


class _Try(Struct, frozen=True):
    format: str
    payload: str


async def try_binary_parser(_: Services, call: Call) -> Answer:
    """tryBinaryParser: the JSON text that would be stored; 400 where a format or a payload is wrong, and how."""
    wanted = parse_body(await call.request.body(BODY_BYTES), _Try)
    read = parse_format(wanted.format)
    return Answer(200, read.parse(parse_hexadecimal(wanted.payload)).text.encode())
