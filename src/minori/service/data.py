"""Reading back: what an operator may see of its data entries, under the names it asks by."""

from minori.errors import InvalidParameter, NotFound
from minori.model.entry import CategoryKey, CategoryPage, EntryPage, ResourcePage, TimeRange
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.observe.metrics import Metrics
from minori.service.registry import Registry
from minori.storage.base import EntryStore


class DataService:
    """Harvest Data's reads and deletes.

    A SIM's entries are stored under its IMSI; asked for by SIM id, they are the same entries
    (our choice). A resource nobody has heard of has no entries; that is no error.
    """

    def __init__(self, store: EntryStore, registry: Registry, metrics: Metrics) -> None:
        self._store = store
        self._registry = registry
        self._count_read = metrics.entries_read.count

    async def entries(self, resource: Resource, span: TimeRange, after: int | None) -> EntryPage:
        """A page of a resource's rows. Rows do not name their resource, so they fit an IMSI and its SIM id alike."""
        stored = self._stored(resource)
        found = EntryPage((), None) if stored is None else await self._store.query(stored, span, after)
        self._count_read(by=len(found.rows))
        return found

    async def entry(self, resource: Resource, time: int) -> bytes:
        """The row at exactly this time. Raises `NotFound`."""
        stored = self._stored(resource)
        row = None if stored is None else await self._store.get(stored, time)
        if row is None:
            raise NotFound("There is no data entry of this resource at this time")
        self._count_read()
        return row

    async def delete(self, resource: Resource, time: int) -> None:
        """Remove the entry at exactly this time; nothing happens if there is none (R26)."""
        stored = self._stored(resource)
        if stored is not None:
            await self._store.delete(stored, time)

    async def category(self, account: str, category: str, span: TimeRange, after: CategoryKey | None) -> CategoryPage:
        """A page of the rows that were stored under `category`."""
        found = await self._store.query_category(account, category, span, after)
        self._count_read(by=len(found.rows))
        return found

    async def resources(
        self, account: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> ResourcePage:
        """Resources that have sent data. As type `Sim`, subscribers are shown under their SIM ids."""
        if kind is not ResourceType.SIM:
            return await self._store.resources(account, kind, after, limit)
        sims: list[ResourceMetadata] = []
        place = self._subscriber_of(account, after)
        more = True
        while more and len(sims) < limit:
            page = await self._store.resources(account, ResourceType.SUBSCRIBER, place, limit - len(sims))
            sims += filter(None, map(self._as_sim, page.resources))
            more = page.more
            if page.resources:
                place = (ResourceType.SUBSCRIBER, page.resources[-1].resource.id)
        return ResourcePage(sims, more)

    def _stored(self, resource: Resource) -> Resource | None:
        if resource.type is not ResourceType.SIM:
            return resource
        sim = self._registry.sim(resource.account, resource.id)
        return None if sim is None else Resource(resource.account, ResourceType.SUBSCRIBER, sim.imsi)

    def _as_sim(self, metadata: ResourceMetadata) -> ResourceMetadata | None:
        stored = metadata.resource
        sim = self._registry.sim_by_imsi(stored.account, stored.id)
        if sim is None:
            return None
        shown = Resource(stored.account, ResourceType.SIM, sim.sim_id)
        return ResourceMetadata(shown, metadata.last_modified_time, metadata.attribute_names)

    def _subscriber_of(self, account: str, after: tuple[ResourceType, str] | None) -> tuple[ResourceType, str] | None:
        if after is None:
            return None
        sim = self._registry.sim(account, after[1])
        if sim is None:
            raise InvalidParameter("last_evaluated_key names a SIM that is not known; read the list from its beginning")
        return ResourceType.SUBSCRIBER, sim.imsi
