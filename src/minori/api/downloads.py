"""Signed links: stored bytes for whoever holds the link, without a login, until it ends."""

from urllib.parse import quote

from minori.api.services import Services
from minori.errors import MethodNotAllowed
from minori.http.delivery import Described, deliver
from minori.http.exchange import Answer, Request
from minori.service.links import Links

PREFIX = "/downloads/"
"""What the path of every link begins with, outside `/v1`."""

METHODS = ("GET", "HEAD")


def link(links: Links, blob_id: str, filename: str, seconds: int) -> str:
    """A path-absolute link to a blob, good for so many seconds.

    The name at its end is what programs save the file under; nothing depends on it.
    """
    return f"{PREFIX}{links.sign(blob_id, seconds)}/{quote(filename, safe='')}"


async def download(services: Services, request: Request, path: str) -> Answer:
    """The bytes that a link leads to, whole or in part. Everything else in the request is passed over (R24)."""
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS)
    signed = path.removeprefix(PREFIX).partition("/")[0]
    found, reader = await services.downloads.open(signed)
    described = Described(found.blob.md5, found.content_type, found.last_modified_time, found.filename)
    return await deliver(request, reader, described)
