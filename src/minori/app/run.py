"""A server run until it is told to stop."""

import asyncio
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
        print(await server.start(stack), flush=True)
        if is_lowered:
            # The system grants fewer descriptors than the settings ask for.
            _log.warning("fewer connections than set", each_listener=settings.limits.connections)
        await stop.wait()
        _log.info("stopping")
        _stop_in_time(loop)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _log.info("stopped")


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
