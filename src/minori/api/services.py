"""What the API's handlers work with: the services of one server."""

from msgspec import Struct

from minori.config.settings import Limits
from minori.service.access import AccessService
from minori.service.data import DataService
from minori.service.ingest import IngestService
from minori.service.registry import Registry


class Services(Struct, frozen=True):
    """The services behind the routes, and the limits that the API itself holds."""

    access: AccessService
    data: DataService
    ingest: IngestService
    registry: Registry
    limits: Limits
