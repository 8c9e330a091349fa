"""Links to stored bytes: signed, bound to one version of one file, and good for a while without any login."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable

from msgspec import Struct

from minori.errors import Forbidden, NotFound
from minori.model.file import Blob
from minori.storage.base import BlobReader, BlobStore

SIGNING = "link-signing"
"""The name of the secret that signs links."""

_SIGNED = re.compile(r"([a-z0-9]{1,128})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Links:
    """Signs and verifies. `clock` gives UNIX seconds.

    A link names a blob, which belongs to one version of one file: it dies with that version.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def sign(self, blob_id: str, seconds: int) -> str:
        """The segment of a URL that leads to a blob for so many seconds: `<blob id>.<UNIX s>.<signature>`."""
        named = f"{blob_id}.{int(self._clock()) + seconds}"
        return f"{named}.{self._signature(named)}"

    def verify(self, signed: str) -> str:
        """The blob id in such a segment. Raises `Forbidden` if it was not made here, or has ended."""
        match = _SIGNED.fullmatch(signed)
        if match is None or not hmac.compare_digest(self._signature(f"{match[1]}.{match[2]}"), match[3]):
            raise Forbidden("The link is not one that was given out here; ask for a new one")
        if int(match[2]) <= self._clock():
            raise Forbidden("The link has ended; ask for a new one")
        return match[1]

    def _signature(self, named: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._secret, named.encode(), "sha256")).decode().rstrip("=")


class Download(Struct, frozen=True):
    """What a link leads to: bytes, and what is known of them. `last_modified_time` is UNIX ms."""

    blob: Blob
    content_type: str
    last_modified_time: int
    filename: str


Lookup = Callable[[str], Awaitable[Download | None]]
"""Finds what belongs to a blob id, if it is still anybody's."""


class Downloads:
    """Follows links: the blob may belong to a file, or to whatever else the lookups know, asked in their order."""

    def __init__(self, links: Links, blobs: BlobStore, *lookups: Lookup) -> None:
        self._links = links
        self._blobs = blobs
        self._lookups = lookups

    async def open(self, signed: str) -> tuple[Download, BlobReader]:
        """What the signed segment of a link leads to, opened; the caller closes it.

        Raises `Forbidden` as `Links.verify` does, and `NotFound` if that version is gone.
        """
        blob_id = self._links.verify(signed)
        for lookup in self._lookups:
            download = await lookup(blob_id)
            if download is not None:
                reader = await self._blobs.open(blob_id)
                if reader is not None:
                    return download, reader
        raise NotFound("What the link led to has been replaced or removed; ask for a new link")
