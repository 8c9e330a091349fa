"""Every operation under `/v1`: method, path and handler, in one literal table.

A raw path is split at its slashes before anything is decoded, so `%2F` is an ordinary character of a
parameter (our choice). Fixed words come before parameters (R7). What answers GET answers HEAD too.
The path of a file is the rest of the path, and there `%2F` is a slash (R4).
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from minori.api import auth, data, exports, files, parameters, statistics, subscribers
from minori.api.services import Services
from minori.codec.filepath import parse_path
from minori.errors import MethodNotAllowed, NotFound
from minori.http.exchange import Answer, Call, Request

Handler = Callable[[Services, Call], Awaitable[Answer]]
OpenHandler = Callable[[Services, Request], Awaitable[Answer]]


class Route(Struct, frozen=True):
    """One operation, which needs key and token (our choice).

    `template` is the path after `/v1`, parameters in braces.
    """

    method: str
    template: str
    operation: str
    handler: Handler


class ReadRoute(Route, frozen=True):
    """A read of data entries, which one machine answers without waiting."""


class OpenRoute(Struct, frozen=True):
    """One operation that proves its caller by itself."""

    method: str
    template: str
    operation: str
    handler: OpenHandler


AnyRoute = Route | OpenRoute

FILE = "/files/{scope}/{path}"
DIRECTORY = "/files/{scope}/{path}/"
"""Templates whose `path` has any number of segments; a slash at its end tells them apart (R6)."""

ROUTES: tuple[AnyRoute, ...] = (
    OpenRoute("POST", "/auth", "auth", auth.auth),
    Route("POST", "/auth/logout", "logout", auth.logout),
    OpenRoute("POST", "/operators/{operator_id}/token", "generateAuthToken", auth.generate_auth_token),
    ReadRoute("GET", "/data/resources", "listDataSourceResources", data.list_data_source_resources),
    ReadRoute("GET", "/data/metadata/resources", "listDataResourceMetadata", data.list_data_resource_metadata),
    ReadRoute("GET", "/data/categories/{category}", "getDataEntriesByCategory", data.get_data_entries_by_category),
    ReadRoute("GET", "/data/{resource_type}/{resource_id}", "getDataEntries", data.get_data_entries),
    ReadRoute("GET", "/data/{resource_type}/{resource_id}/{time}", "getDataEntry", data.get_data_entry),
    Route("DELETE", "/data/{resource_type}/{resource_id}/{time}", "deleteDataEntry", data.delete_data_entry),
    ReadRoute("GET", "/subscribers", "listSubscribers", subscribers.list_subscribers),
    ReadRoute("GET", "/subscribers/{imsi}/data", "getDataFromSubscriber", data.get_subscriber_data),
    ReadRoute("GET", "/sims/{sim_id}/data", "getDataFromSim", data.get_sim_data),
    ReadRoute("GET", "/devices/{device_id}/data", "getDataFromDevice", data.get_device_data),
    ReadRoute("GET", "/lora_devices/{device_id}/data", "getDataFromLoraDevice", data.get_lora_device_data),
    ReadRoute("GET", "/sigfox_devices/{device_id}/data", "getDataFromSigfoxDevice", data.get_sigfox_device_data),
    Route("POST", "/sora_cam/devices/{device_id}/data", "createSoraCamDeviceDataEntry", data.create_camera_entry),
    Route("PUT", "/sora_cam/devices/{device_id}/data/{time}", "updateSoraCamDeviceDataEntry", data.update_camera_entry),
    Route("POST", "/data/exports", "exportDataEntries", exports.export_data_entries),
    Route("POST", "/subscribers/export", "exportSubscribers", exports.export_subscribers),
    Route("POST", "/stats/air/operators/{operator_id}/export", "exportAirStats", exports.export_air_statistics),
    Route("POST", "/stats/beam/operators/{operator_id}/export", "exportBeamStats", exports.export_beam_statistics),
    Route("POST", "/stats/funk/operators/{operator_id}/export", "exportFunkStats", exports.export_funk_statistics),
    Route(
        "POST", "/stats/funnel/operators/{operator_id}/export", "exportFunnelStats", exports.export_funnel_statistics
    ),
    Route(
        "POST", "/stats/harvest/operators/{operator_id}/export", "exportHarvestStats", exports.export_harvest_statistics
    ),
    Route("POST", "/bills/{yyyyMM}/export", "exportBilling", exports.export_bill),
    Route("POST", "/bills/latest/export", "exportLatestBilling", exports.export_bill),
    Route("POST", "/payment_statements/{payment_statement_id}/export", "exportPaymentStatement", exports.export_bill),
    Route("GET", "/stats/harvest/subscribers/{imsi}", "getHarvestStats", statistics.get_harvest_statistics),
    Route(
        "GET",
        "/stats/harvest/operators/{operator_id}",
        "getHarvestExportedDataStats",
        statistics.get_exported_data_statistics,
    ),
    Route("GET", "/files/exported/{exported_file_id}", "getExportedFile", exports.get_exported_file),
    Route("GET", "/files", "findFiles", files.find_files),
    Route("GET", FILE, "getFile", files.get_file),
    Route("HEAD", FILE, "getFileMetadata", files.get_file_metadata),
    Route("PUT", FILE, "putFile", files.put_file),
    Route("DELETE", FILE, "deleteFile", files.delete_file),
    Route("GET", DIRECTORY, "listFiles", files.list_files),
    Route("DELETE", DIRECTORY, "deleteDirectory", files.delete_directory),
)


class _Pattern(Struct, frozen=True):
    words: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]
    routes: dict[str, AnyRoute]


def _patterns() -> dict[tuple[int, str], list[_Pattern]]:
    by_template: dict[str, dict[str, AnyRoute]] = {}
    for route in ROUTES:
        if route.template in (FILE, DIRECTORY):
            continue
        by_method = by_template.setdefault(route.template, {})
        by_method[route.method] = route
        if route.method == "GET":
            by_method["HEAD"] = route
    patterns: dict[tuple[int, str], list[_Pattern]] = {}
    for template, routes in by_template.items():
        segments = list(enumerate(template.split("/")[1:]))
        words = tuple((place, segment) for place, segment in segments if not segment.startswith("{"))
        names = tuple((place, segment[1:-1]) for place, segment in segments if segment.startswith("{"))
        patterns.setdefault((len(segments), segments[0][1]), []).append(_Pattern(words[1:], names, routes))
    for candidates in patterns.values():
        candidates.sort(key=lambda pattern: len(pattern.parameters))
    return patterns


_PATTERNS = _patterns()
_FILE_ROUTES = {route.method: route for route in ROUTES if route.template == FILE}
_DIRECTORY_ROUTES = _FILE_ROUTES | {route.method: route for route in ROUTES if route.template == DIRECTORY}
"""What a directory answers; to PUT and HEAD, which only files have, the handler says why not."""
_DIRECTORY_METHODS = ("DELETE", "GET", "HEAD")


REMEMBERED = 1024
REMEMBERED_CHARACTERS = 256
"""How many paths are remembered with their routes, and how long they may be: clients ask for the same again."""


def find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    """The route of a raw path after `/v1`, and its parameters, decoded.

    Raises `NotFound`, `MethodNotAllowed`, and where a parameter cannot be decoded `InvalidParameter` or `InvalidPath`.
    """
    return (_find if len(raw_path) > REMEMBERED_CHARACTERS else _remembered)(method, raw_path)


def _find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    # The documented path of an exported file begins with two slashes, and clients put it behind `/v1`.
    segments = raw_path.removeprefix("/").removeprefix("/").split("/")
    for pattern in _PATTERNS.get((len(segments), segments[0]), ()):
        if all(segments[place] == word for place, word in pattern.words):
            route = pattern.routes.get(method)
            if route is None:
                raise MethodNotAllowed(tuple(sorted(pattern.routes)))
            return route, {name: parameters.decode_segment(segments[place]) for place, name in pattern.parameters}
    if segments[0] == "files" and len(segments) > 1:
        return _find_file(method, segments[1], "/".join(segments[2:]))
    raise NotFound("There is no such operation; /docs lists those there are")


def _find_file(method: str, scope: str, raw_path: str) -> tuple[AnyRoute, dict[str, str]]:
    path = parse_path(raw_path)
    is_directory = path.endswith("/")
    route = (_DIRECTORY_ROUTES if is_directory else _FILE_ROUTES).get(method)
    if route is None:
        raise MethodNotAllowed(_DIRECTORY_METHODS if is_directory else tuple(sorted(_FILE_ROUTES)))
    return route, {"scope": parameters.decode_segment(scope), "path": path}


_remembered = lru_cache(REMEMBERED)(_find)
