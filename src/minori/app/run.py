"""A server run until it is told to stop."""

import asyncio
import gc
import signal
from contextlib import AsyncExitStack

import structlog
import uvloop

from minori.app.server import Server
from minori.config.descriptors import within_descriptors
from minori.config.settings import Settings
from minori.observe.logs import configure

STOP_SECONDS = 9.5
"""How long a stop may take; it is promised within ten seconds."""

NEW_OBJECTS = 20_000
"""Objects made beyond those that have gone, before Python looks for circles of garbage among them (our choice)."""

_log = structlog.get_logger()


def serve(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT. Raises `StartError` if it cannot start."""
    configure(settings.log.level, settings.log.format)
    fitting = within_descriptors(settings)
    uvloop.run(_serve(fitting, is_lowered=fitting != settings))


async def _serve(settings: Settings, *, is_lowered: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        server = await Server.open(settings, stack)
        ready = await server.start(stack)
        spare_the_collector()
        print(ready, flush=True)
        if is_lowered:
            # The system grants fewer descriptors than the settings ask for.
            _log.warning("fewer connections than set", each_listener=settings.limits.connections)
        await stop.wait()
        _log.info("stopping")
        _stop_in_time(loop)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _log.info("stopped")


def spare_the_collector() -> None:
    """Let Python look for garbage in circles less often, and never among what is there from the start.

    What a request makes is gone with it, without the collector; circles are rare here, but not impossible. By
    default it looks at every 700 new objects, which a few hundred requests under way are already: again and again it
    goes through all of them and finds nothing, in a tenth of the time at 512 connections.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)


def _stop_in_time(loop: asyncio.AbstractEventLoop) -> None:
    """From now on a second signal ends the process at once, and so does time.

    A disk that hangs may hold the interpreter's lock, so the system's own alarm ends the process. What is
    confirmed has been synced.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS)
