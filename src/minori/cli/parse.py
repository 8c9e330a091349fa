"""`minori parse`: what a format of the binary parser makes of a payload, before it is switched on."""

import sys
from typing import NoReturn

import click
import msgspec

from minori.codec.binary.field import BYTE, Field
from minori.codec.binary.format import Format, parse_format
from minori.codec.binary.hexadecimal import parse_hexadecimal
from minori.errors import InvalidFormat, InvalidHexadecimal

INPUT_BYTES = 262_144
"""Bytes of standard input that are read at most (our choice)."""

SHOWN = 48
"""Characters that are shown on either side of a wrong one."""

BYTES_SHOWN = 16
"""Bytes of one field that are shown."""

_EPILOG = """\b
A format is one or more fields with blanks between them:
  NAME:BYTE:bool:BIT                 one bit; 7 is the most significant one, 0 the least
  NAME:BYTE:uint:BITS                a number of 1 to 64 bits; int has a sign
  NAME:BYTE:float:BITS               32 or 64 bits
  NAME:BYTE:char:BYTES               text
BYTE counts from 0; left empty, it is the byte behind the last one read (for bool: the last one read).
Behind the BITS of a number may follow, each with its colon:
  little-endian                      the order of its bytes; big-endian if nothing is said
  BIT                                where in its first byte it begins: 7 if nothing is said
  +N -N *N /N                        up to five steps of calculation, one after the other
Instead of fields: @json for payloads that are JSON, @button for the LTE-M Button.

\b
Examples:
  minori parse --format 'temp:0:int:16:/10' 00ff
  minori parse --format 'open:0:bool:7 temp:1:int:13:/10 name::char:3' 80 07f8 414243
  minori parse --format 'x::uint:16:little-endian low:0:uint:4::3' --json 34:12
  head -c 8 payload.bin | xxd -p | minori parse --format 'lat::float:32 long::float:32'

Exit code 0: the payload was read. 1: it does not fit the format; a device's would be kept as it came.
2: the format, or the hexadecimal, is wrong.
"""


@click.command(epilog=_EPILOG)
@click.option("--format", "text", metavar="FORMAT", required=True, help="The format, as the group would have it.")
@click.argument("payload", metavar="[HEX]…", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print what would be stored, byte for byte.")
def parse(text: str, payload: tuple[str, ...], *, as_json: bool) -> None:
    """Read a payload by a format of the binary parser.

    HEX are the bytes of the payload, two digits each; blanks and colons may stand between bytes. Without HEX
    they are read from standard input.
    """
    written = " ".join(payload) if payload else _standard_input()
    try:
        read = parse_format(text)
        sent = parse_hexadecimal(written)
    except InvalidFormat as error:
        _misused(error.message, text, error.column)
    except InvalidHexadecimal as error:
        _misused(error.message, written, error.column)
    click.echo(read.parse(sent).text if as_json else _table(read, sent))


def _standard_input() -> str:
    # What is no text is found out where hexadecimal is read, with its place.
    written = sys.stdin.buffer.read(INPUT_BYTES + 1).decode("latin-1")
    if len(written) > INPUT_BYTES:
        raise click.UsageError(f"Standard input holds more than {INPUT_BYTES:,} bytes; a payload is far shorter")
    return written


def _misused(message: str, text: str, column: int) -> NoReturn:
    """Wrong usage, with the text that is wrong and a caret under the place."""
    first = max(column - 1 - SHOWN, 0)
    shown = "".join(one if one.isprintable() else " " for one in text[first : column - 1 + SHOWN])
    raise click.UsageError(f"{message}\n\n  {shown}\n  {' ' * (column - 1 - first)}^")


def _table(read: Format, payload: bytes) -> str:
    """A line a member: its name, its value and, of a field, its bytes and where they are; of an array its JSON."""
    members = read.read(payload)
    if isinstance(members, list):
        return _shown(read.parse(payload).text)
    rows = [[_shown(name), _shown(msgspec.json.encode(value).decode())] for name, value in members.items()]
    for row, field in zip(rows, read.fields, strict=False):
        row += [_bytes(payload[field.first : field.last + 1]), _place(field)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) or "The payload is an object without members."


def _shown(text: str) -> str:
    """A text that moves no cursor and changes no colour."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _bytes(touched: bytes) -> str:
    return touched[:BYTES_SHOWN].hex() + ("…" if len(touched) > BYTES_SHOWN else "")


def _place(field: Field) -> str:
    """Where a field is, as people say it."""
    count = field.last + 1 - field.first
    place = f"byte {field.first}" if count == 1 else f"bytes {field.first} to {field.last}"
    if field.bits == count * BYTE:
        return place
    return f"{place}, bit {field.bit}" if field.bits == 1 else f"{place}, {field.bits} bits from bit {field.bit} on"
