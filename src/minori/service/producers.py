"""Which operation is exported by whom."""

from collections.abc import Mapping

from minori.observe.metrics import Metrics
from minori.service.data import DataService
from minori.service.exported_data import EXPORT_DATA, DataExporter
from minori.service.exported_tables import EXPORT_HARVEST, EXPORT_SUBSCRIBERS, FOREIGN_COLUMNS, TableExporter
from minori.service.exports import Producer
from minori.service.statistics import StatisticsService
from minori.storage.base import Catalog, EntryStore


def producers(
    data: DataService, statistics: StatisticsService, catalog: Catalog, store: EntryStore, metrics: Metrics
) -> Mapping[str, Producer]:
    """What `ExportService` runs, by the names of the operations."""
    tables = TableExporter(catalog, store, statistics)
    return {
        EXPORT_DATA: Producer(DataExporter(data, store, metrics).produce, is_data=True),
        EXPORT_HARVEST: Producer(tables.harvest_statistics),
        EXPORT_SUBSCRIBERS: Producer(tables.subscribers),
        **dict.fromkeys(FOREIGN_COLUMNS, Producer(tables.foreign_statistics)),
    }
