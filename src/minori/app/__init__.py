"""The server put together: settings, stores, services, doors and API. The one part that knows every name."""

from minori.app.beside import Beside
from minori.app.run import serve
from minori.app.server import Server

__all__ = ["Beside", "Server", "serve"]
