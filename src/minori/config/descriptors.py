"""How many connections the system's limit of open files leaves room for."""

from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

from msgspec.structs import replace

from minori.config.settings import Settings

RESERVED_DESCRIPTORS = 768
"""Descriptors kept for everything but connections: the entry store's files above all."""

DESCRIPTORS = 6
"""What a connection of each of the four listeners may hold: one each, and at the API and the HTTP door a file too.
The HTTPS door adds another two, Beam's one."""


def within_descriptors(settings: Settings) -> Settings:
    """The settings, with no more connections than the system grants descriptors.

    Otherwise idle connections could take the descriptor that the entry store needs for its next file.
    """
    connections = settings.limits.connections
    soft, hard = getrlimit(RLIMIT_NOFILE)
    each = DESCRIPTORS + 2 * bool(settings.door_https) + bool(settings.door_beam)
    wanted = each * connections + RESERVED_DESCRIPTORS
    granted = wanted if hard == RLIM_INFINITY else min(wanted, hard)
    if soft < granted:
        setrlimit(RLIMIT_NOFILE, (granted, hard))
    fitting = max(1, (max(soft, granted) - RESERVED_DESCRIPTORS) // each)
    return replace(settings, limits=replace(settings.limits, connections=min(connections, fitting)))
