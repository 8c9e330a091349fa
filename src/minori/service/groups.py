"""Groups of an operator: made, listed, tagged, configured and removed.

A group's options decide what becomes of what its SIMs send. Every change is in the registry when it returns,
so that the doors know it at once.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from minori.codec.group import Configuration, Options, checked_configuration
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter, LimitReached, NotFound, Overloaded
from minori.model.registry import Device, Group, Sim
from minori.model.selection import TagFilter
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import Catalog, Change, Conflict, Insert, Remove, Replace

GROUPS = 10_000
"""The most groups of one operator (our choice; the number is unlimited elsewhere): each may take 8 KB of memory."""

BATCH = 250
"""SIMs that leave a group in one transaction; the loop is held up that long (our choice)."""

TRIES = 20
"""How often a change is begun anew because somebody else changed the same record meanwhile (our choice)."""


V = TypeVar("V")
M = TypeVar("M", Sim, Device)


class GroupService:
    """The groups of all operators; each sees its own alone. `clock_ms` gives UNIX ms."""

    def __init__(self, catalog: Catalog, registry: Registry, views: Views, clock_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._registry = registry
        self._views = views
        self._clock_ms = clock_ms

    async def create(self, account: str, tags: dict[str, str], configuration: Configuration) -> Group:
        """A new group. Raises `LimitReached`."""
        if len(self._registry.groups(account, lambda _: True, "", GROUPS)) >= GROUPS:
            raise LimitReached(f"There are {GROUPS} groups already, the most of one operator; delete some first")
        now = self._clock_ms()
        group = Group(str(uuid.uuid4()), account, tags, configuration, now, now)
        await self._views.apply(Insert(group))
        return group

    def get(self, account: str, group_id: str) -> Group:
        """The account's group with this id. Raises `NotFound`."""
        group = self._registry.group(account, group_id)
        if group is None:
            raise _absent()
        return group

    def page(self, account: str, wanted: TagFilter | None, after: str, limit: int) -> list[Group]:
        """The account's groups that have the tag, in order of their ids, beyond `after`."""
        return self._registry.groups(account, lambda group: wanted is None or wanted.fits(group.tags), after, limit)

    async def delete(self, account: str, group_id: str) -> None:
        """Remove it; SIMs that are in it are in no group then (our choice). Raises `NotFound`.

        The SIMs leave first, some at a time. Whatever breaks off in between leaves the group with fewer SIMs. Who
        joined while the last ones left leaves behind it: once the group is gone, nobody can join (see `joined`).
        """
        group = await self._known(account, group_id)
        await self._let_all_leave(group_id)
        await self._views.apply(Remove(group))
        await self._let_all_leave(group_id)

    async def put_options(self, account: str, group_id: str, namespace: str, options: Options) -> Group:
        """Add or replace these options of a namespace. Raises `NotFound`, `InvalidParameter`."""

        def merged(group: Group) -> Group:
            there = group.configuration.get(namespace, {})
            configuration = {**group.configuration, namespace: {**there, **options}}
            return replace(group, configuration=checked_configuration(configuration))

        return await self._change(account, group_id, merged)

    async def delete_namespace(self, account: str, group_id: str, namespace: str) -> None:
        """Remove a namespace. Raises `NotFound`; `InvalidParameter` where it is not set (documented)."""

        def without(group: Group) -> Group:
            if namespace not in group.configuration:
                raise InvalidParameter("The group has no configuration of this namespace")
            return replace(group, configuration=_without(group.configuration, namespace))

        await self._change(account, group_id, without)

    async def delete_option(self, account: str, group_id: str, namespace: str, key: str) -> None:
        """Remove one option; the namespace stays, even without any. Raises `NotFound`, where it is not set too."""

        def without(group: Group) -> Group:
            there = group.configuration.get(namespace, {})
            if key not in there:
                raise NotFound("The group's configuration has no such key in this namespace")
            return replace(group, configuration={**group.configuration, namespace: _without(there, key)})

        await self._change(account, group_id, without)

    async def put_tags(self, account: str, group_id: str, tags: Mapping[str, str]) -> Group:
        """Add these tags, and replace those of the same names. Raises `NotFound`, `InvalidParameter` for too many."""
        return await self._change(
            account, group_id, lambda group: replace(group, tags=checked_tags({**group.tags, **tags}))
        )

    async def delete_tag(self, account: str, group_id: str, tag: str) -> None:
        """Remove a tag. Raises `NotFound`, where there is no such tag too (documented)."""

        def without(group: Group) -> Group:
            if tag not in group.tags:
                raise NotFound("The group has no tag of this name")
            return replace(group, tags=_without(group.tags, tag))

        await self._change(account, group_id, without)

    async def _change(self, account: str, group_id: str, changed: Callable[[Group], Group]) -> Group:
        """Change a group, whatever others change about it meanwhile."""
        for _ in range(TRIES):
            known = await self._known(account, group_id)
            now = max(self._clock_ms(), known.last_modified_time)
            group = replace(changed(known), last_modified_time=now)
            try:
                await self._views.apply(Replace(group, known))
            except Conflict:
                continue
            return group
        raise Overloaded

    async def _let_all_leave(self, group_id: str) -> None:
        while await self._let_leave(Sim, group_id) or await self._let_leave(Device, group_id):
            pass

    async def _let_leave(self, kind: type[M], group_id: str) -> bool:
        """Let some SIMs or devices leave the group; whether there may be more."""
        members = await self._catalog.find(kind, {"group_id": group_id}, limit=BATCH)
        now = self._clock_ms()
        leaving = [Replace(replace(one, group_id=None, last_modified_time=now), one) for one in members]
        try:
            await self._views.apply(*leaving)
        except Conflict:
            # Somebody else has changed one of them meanwhile; as it is now, it is found again.
            return True
        return len(members) == BATCH

    async def _known(self, account: str, group_id: str) -> Group:
        """As the catalog has it, which other processes change too."""
        group = await self._catalog.get(Group, group_id)
        if group is None or group.account != account:
            raise _absent()
        return group


async def joined(catalog: Catalog, account: str, group_id: str | None) -> tuple[Change, ...]:
    """What is written together with whoever joins a group of the account: so it is still there, whoever removes it.

    Nothing, for no group. Raises `NotFound` for a group that there is not.
    """
    if group_id is None:
        return ()
    group = await catalog.get(Group, group_id)
    if group is None or group.account != account:
        raise _absent()
    return (Replace(group, group),)


def _without(mapping: Mapping[str, V], key: str) -> dict[str, V]:
    return {name: value for name, value in mapping.items() if name != key}


def _absent() -> NotFound:
    return NotFound("There is no group with this id")
