"""What the API's handlers work with: the services of one server."""

from msgspec import Struct

from minori.config.settings import Exports, Files, Limits
from minori.service.access import AccessService
from minori.service.accounts import Accounts
from minori.service.audit import AuditService
from minori.service.data import DataService
from minori.service.devices import DeviceService
from minori.service.exports import ExportService
from minori.service.feeders import FeederService
from minori.service.files import FileService
from minori.service.groups import GroupService
from minori.service.ingest import IngestService
from minori.service.links import Downloads, Links
from minori.service.people import People
from minori.service.refusals import Refusals
from minori.service.registry import Registry
from minori.service.sessions import SessionService
from minori.service.sims import SimService
from minori.service.statistics import StatisticsService
from minori.service.vouched import VouchedSenders


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
    people: People
    accounts: Accounts
    sims: SimService
    devices: DeviceService
    groups: GroupService
    sessions: SessionService
    vouched: VouchedSenders
    feeders: FeederService
    beam_window_seconds: int
    audit: AuditService
    refusals: Refusals
