"""Which things of a list are wanted: filters as values, and the pages that they leave."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from minori.model.registry import SENDING, Sim


class TagFilter(Struct, frozen=True):
    """A tag of exactly this name, whose value is `value` or begins with it."""

    name: str
    value: str
    is_prefix: bool = False

    def fits(self, tags: dict[str, str]) -> bool:
        """Whether one of the tags is meant."""
        value = tags.get(self.name)
        return value is not None and (value.startswith(self.value) if self.is_prefix else value == self.value)


class SimFilter(Struct, frozen=True):
    """What a SIM must be to be listed; an empty tuple or `None` asks for nothing.

    One of the statuses, one of the speed classes, a serial number that begins with one of those, and the tag.
    """

    tag: TagFilter | None = None
    statuses: tuple[str, ...] = ()
    speed_classes: tuple[str, ...] = ()
    serial_numbers: tuple[str, ...] = ()

    def fits(self, sim: Sim) -> bool:
        """Whether the SIM is listed."""
        return (
            (not self.statuses or sim.status in self.statuses)
            and (not self.speed_classes or sim.speed_class in self.speed_classes)
            and (not self.serial_numbers or (sim.serial_number or "").startswith(self.serial_numbers))
            and (self.tag is None or self.tag.fits(sim.tags))
        )


SOUGHT: Mapping[str, Callable[[Sim], Iterable[str]]] = {
    "name": lambda sim: (sim.tags.get("name", ""),),
    "sim_id": lambda sim: (sim.sim_id,),
    "imsi": lambda sim: (sim.imsi,),
    "iccid": lambda sim: (sim.sim_id,),
    "serial_number": lambda sim: (sim.serial_number or "",),
    "tag": lambda sim: sim.tags.values(),
    "subscription": lambda sim: (sim.subscription or "",),
    "msisdn": lambda _: (),
    "module_type": lambda _: (),
    "bundles": lambda _: (),
}
"""The texts of a SIM that each name of a search looks into (documented names).

No SIM has a number, a module type or a bundle.
"""


class SimSearch(Struct, frozen=True):
    """What is sought: `texts` in small letters by their names in `SOUGHT`, and ids of groups, if any are named.

    A name fits where one of its texts is contained in the SIM's, whatever the case (our choice). With `is_any`
    one name that fits is enough, otherwise all must. `is_online` must hold in either case (our choice).
    """

    texts: Mapping[str, tuple[str, ...]] = {}
    groups: frozenset[str] | None = None
    is_any: bool = False
    is_online: bool | None = None

    def fits(self, sim: Sim) -> bool:
        """Whether the SIM is found."""
        if self.is_online is not None and (sim.status in SENDING) is not self.is_online:
            return False
        found = [
            any(text in value.lower() for value in SOUGHT[name](sim) for text in texts)
            for name, texts in self.texts.items()
        ]
        if self.groups is not None:
            found.append(sim.group_id in self.groups)
        return (any if self.is_any else all)(found) if found else True


class SimPage(Struct, frozen=True):
    """SIMs, and where the next page begins if there may be more."""

    sims: Sequence[Sim]
    next_after: str | None
