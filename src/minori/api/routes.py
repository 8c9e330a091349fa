"""Every operation under `/v1`: method, path and handler, in one literal table.

A raw path is split at its slashes before anything is decoded, so `%2F` is an ordinary character of a
parameter (our choice). Fixed words come before parameters (R7). What answers GET answers HEAD too.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from minori.api import auth, data, parameters, subscribers
from minori.api.services import Services
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


class OpenRoute(Struct, frozen=True):
    """One operation that proves its caller by itself."""

    method: str
    template: str
    operation: str
    handler: OpenHandler


AnyRoute = Route | OpenRoute

ROUTES: tuple[AnyRoute, ...] = (
    OpenRoute("POST", "/auth", "auth", auth.auth),
    Route("POST", "/auth/logout", "logout", auth.logout),
    OpenRoute("POST", "/operators/{operator_id}/token", "generateAuthToken", auth.generate_auth_token),
    Route("GET", "/data/resources", "listDataSourceResources", data.list_data_source_resources),
    Route("GET", "/data/metadata/resources", "listDataResourceMetadata", data.list_data_resource_metadata),
    Route("GET", "/data/categories/{category}", "getDataEntriesByCategory", data.get_data_entries_by_category),
    Route("GET", "/data/{resource_type}/{resource_id}", "getDataEntries", data.get_data_entries),
    Route("GET", "/data/{resource_type}/{resource_id}/{time}", "getDataEntry", data.get_data_entry),
    Route("DELETE", "/data/{resource_type}/{resource_id}/{time}", "deleteDataEntry", data.delete_data_entry),
    Route("GET", "/subscribers", "listSubscribers", subscribers.list_subscribers),
    Route("GET", "/subscribers/{imsi}/data", "getDataFromSubscriber", data.get_subscriber_data),
    Route("GET", "/sims/{sim_id}/data", "getDataFromSim", data.get_sim_data),
    Route("GET", "/devices/{device_id}/data", "getDataFromDevice", data.get_device_data),
    Route("GET", "/lora_devices/{device_id}/data", "getDataFromLoraDevice", data.get_lora_device_data),
    Route("GET", "/sigfox_devices/{device_id}/data", "getDataFromSigfoxDevice", data.get_sigfox_device_data),
    Route("POST", "/sora_cam/devices/{device_id}/data", "createSoraCamDeviceDataEntry", data.create_camera_entry),
    Route("PUT", "/sora_cam/devices/{device_id}/data/{time}", "updateSoraCamDeviceDataEntry", data.update_camera_entry),
)


class _Pattern(Struct, frozen=True):
    words: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]
    routes: dict[str, AnyRoute]


def _patterns() -> dict[tuple[int, str], list[_Pattern]]:
    by_template: dict[str, dict[str, AnyRoute]] = {}
    for route in ROUTES:
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


REMEMBERED = 1024
REMEMBERED_CHARACTERS = 256
"""How many paths are remembered with their routes, and how long they may be: clients ask for the same again."""


def find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    """The route of a raw path after `/v1`, and its parameters, decoded.

    Raises `NotFound`, `MethodNotAllowed`, or `InvalidParameter` where a parameter cannot be decoded.
    """
    return (_find if len(raw_path) > REMEMBERED_CHARACTERS else _remembered)(method, raw_path)


def _find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    segments = raw_path.split("/")[1:] or [""]
    for pattern in _PATTERNS.get((len(segments), segments[0]), ()):
        if all(segments[place] == word for place, word in pattern.words):
            route = pattern.routes.get(method)
            if route is None:
                raise MethodNotAllowed(tuple(sorted(pattern.routes)))
            return route, {name: parameters.decode_segment(segments[place]) for place, name in pattern.parameters}
    raise NotFound("There is no such operation; /docs lists those there are")


_remembered = lru_cache(REMEMBERED)(_find)
