"""Trust policies: who may switch to a user. A document like a permission's, with `principal` in the place of `api`.

{"statements":[{"effect":"allow","principal":{"soracom":["srn:soracom:OP…::User:anna"]},"condition":"…"}]}
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from minori.codec.permission.expression import Expression
from minori.codec.permission.reader import Effect, Reader
from minori.codec.permission.source import Source

SERVICES = ("Flux",)
"""Services that a policy may name (documented)."""

_is_holder = re.compile(
    r"srn:soracom:(OP[0-9]{10})::(?:Operator:\1|User:[A-Za-z0-9_@+=,-][A-Za-z0-9_.@+=,-]{0,63})"
).fullmatch
_A_HOLDER = (
    "srn:soracom:OP0123456789::User:name, or for the root user srn:soracom:OP0123456789::Operator:OP0123456789, "
    "without a *"
)
_A_SERVICE = " or ".join(SERVICES)


class Trust(Struct, frozen=True):
    """One rule about those whom it names: `holders` as `model.registry.holder_srn` does, and `services`.

    It is active where its condition holds; without one, always.
    """

    effect: Effect
    holders: tuple[str, ...]
    services: tuple[str, ...]
    condition: Expression | None = None


def parse_trust_policy(text: str) -> tuple[Trust, ...]:
    """The statements of a policy, in its order.

    Raises `InvalidPermission` as `parse_permission` does, and for what names nobody that there could be: a rule that
    looks like one and is none (our choice). Wildcards are refused (documented).
    """
    reader = Reader(Source(text, "trust policy"))
    return tuple(_statement(reader) for _ in reader.statements())


def _statement(reader: Reader) -> Trust:
    effect = Effect.DENY
    named: dict[str, tuple[str, ...]] = {}
    condition = None
    for member in reader.members(required=("effect", "principal"), optional=("condition",)):
        if member == "effect":
            effect = reader.effect()
        elif member == "principal":
            named = dict(_principal(reader))
        else:
            condition = reader.condition()
    return Trust(effect, named.get("soracom", ()), named.get("service", ()), condition)


def _principal(reader: Reader) -> Iterator[tuple[str, tuple[str, ...]]]:
    for member in reader.members(any_of=("soracom", "service")):
        wanted, fits = (_A_HOLDER, _is_holder) if member == "soracom" else (_A_SERVICE, SERVICES.__contains__)
        yield member, tuple(reader.word(wanted, fits) for _ in reader.items(f"an array of {wanted}"))
