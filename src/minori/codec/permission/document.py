"""Permission documents: `{"statements":[{"effect":"allow","api":["FileEntry:*"],"condition":"…"}]}`."""

from collections.abc import Iterator

from msgspec import Struct

from minori.codec.permission.expression import Expression
from minori.codec.permission.names import is_name
from minori.codec.permission.reader import Effect, Reader
from minori.codec.permission.source import Source

_A_NAME = "the name of an operation such as FileEntry:getFile, with a * for any characters if need be: FileEntry:*"


class Statement(Struct, frozen=True):
    """One rule. `apis` are names in which `*` is a wildcard (see `names.covers`).

    It is active where its condition holds; without one, always.
    """

    effect: Effect
    apis: tuple[str, ...]
    condition: Expression | None = None


def parse_permission(text: str) -> tuple[Statement, ...]:
    """The statements of a document, in its order.

    Raises `InvalidPermission` for anything but a JSON object of the documented shape whose conditions
    parse (see `parse_condition`). Members that are not documented and members that occur twice are refused
    too: a misspelt `condition` must not make a rule that always holds (our choice).
    """
    reader = Reader(Source(text))
    return tuple(_statement(reader) for _ in reader.statements())


def _statement(reader: Reader) -> Statement:
    effect = Effect.DENY
    apis: tuple[str, ...] = ()
    condition = None
    for member in reader.members(required=("effect", "api"), optional=("condition",)):
        if member == "effect":
            effect = reader.effect()
        elif member == "api":
            apis = tuple(_apis(reader))
        else:
            condition = reader.condition()
    return Statement(effect, apis, condition)


def _apis(reader: Reader) -> Iterator[str]:
    if reader.is_next('"'):
        yield reader.word(_A_NAME, is_name)
    else:
        for _ in reader.items(f"{_A_NAME}, in double quotes, or an array of them"):
            yield reader.word(_A_NAME, is_name)
