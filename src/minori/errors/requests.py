"""The other requests that cannot be carried out as asked."""

from minori.errors.root import RequestError


class FileExists(RequestError):
    """A file was to be written only if it does not exist (`If-None-Match: *`)."""

    def __init__(self) -> None:
        super().__init__("There is a file at this path already; leave If-None-Match out to replace it")


class FileChanged(RequestError):
    """The file is not the version that was asked for (`If-Match`, `If-Unmodified-Since`)."""

    def __init__(self) -> None:
        super().__init__("The file is not, or no longer, the version that was asked for; fetch it anew")


class RangeUnsatisfiable(RequestError):
    """No byte of the file is in the range asked for; `size` is how many it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes, and none of them is in the range that was asked for")
        self.size = size


class PayloadTooLarge(RequestError):
    """A payload or the body of a request is over its size limit (our choice)."""

    def __init__(self, limit: int, what: str = "The body") -> None:
        super().__init__(f"{what} is larger than {limit} bytes, the most that is taken here; send less")
        self.limit = limit


class Forbidden(RequestError):
    """The caller is known and may not do this."""


class TooManyAttempts(RequestError):
    """Too many logins wait from one address, or too many codes of a second factor were wrong; `where` says which.

    `retry_after` is in whole seconds.
    """

    def __init__(self, retry_after: int, where: str = "from this address") -> None:
        super().__init__(f"Too many login attempts {where}; try again in {retry_after} s")
        self.retry_after = retry_after


class ExportError(RequestError):
    """An export cannot be had as it was asked for."""


class TooManyExports(ExportError):
    """An operator has as many exports as are kept (our choice); each goes `hours` after it is done."""

    def __init__(self, kept: int, hours: int) -> None:
        super().__init__(
            f"There are {kept} exports already, the most that are kept; each is removed {hours} h after it is done"
        )


class ExportUnfinished(ExportError):
    """An export was not done while somebody waited `seconds` for it; it goes on (our choice)."""

    def __init__(self, export_id: str, seconds: int) -> None:
        super().__init__(
            f"The export is not done after {seconds} s and goes on: poll /v1/files/exported/{export_id} for its file,"
            " and use export_mode=async for an export of this size"
        )


class ExportFailed(ExportError):
    """An export took longer than it may, or the server went down each time it ran (our choice)."""


class NotFound(RequestError):
    """There is no such thing."""


class MethodNotAllowed(RequestError):
    """The path exists, the method does not. `allowed` names those that do."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"The method is not allowed here; use {' or '.join(allowed)}")
        self.allowed = allowed
