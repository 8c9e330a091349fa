"""What the API's handlers work with: the services of one server."""

from msgspec import Struct

from minori.config.settings import Exports, Files, Limits
from minori.service.access import AccessService
from minori.service.data import DataService
from minori.service.exports import ExportService
from minori.service.files import FileService
from minori.service.ingest import IngestService
from minori.service.links import Downloads, Links
from minori.service.registry import Registry
from minori.service.statistics import StatisticsService


class Services(Struct, frozen=True):
    """The services behind the routes, and the limits that the API itself holds."""

    access: AccessService
    data: DataService
    ingest: IngestService
    registry: Registry
    limits: Limits
    files: FileService
    links: Links
    downloads: Downloads
    file_settings: Files
    exports: ExportService
    export_settings: Exports
    statistics: StatisticsService
