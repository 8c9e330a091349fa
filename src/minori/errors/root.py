"""The root of the tree, and what Minori itself cannot do now."""

from collections.abc import Iterator


class Error(Exception):
    """Anything Minori raises on purpose. `message` is a sentence for the one who asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(Error):
    """The request cannot be carried out as asked."""


class Unavailable(Error):
    """Nothing is wrong with the request; Minori cannot do it now."""


class Overloaded(Unavailable):
    """A bounded queue is full. Worth a retry after `retry_after` whole seconds."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"The server is overloaded; try again in {retry_after} s")
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk is full: what was being written is given up, what was confirmed stays."""

    def __init__(self) -> None:
        super().__init__("The server's disk is full; free some space there, then send it again")


class StoreFailed(Unavailable):
    """The disk refused a write or a sync; nothing is confirmed any more until a restart."""


def leaves(root: type[Error]) -> Iterator[type[Error]]:
    """The classes below `root` that have no subclasses: those that are raised."""
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
