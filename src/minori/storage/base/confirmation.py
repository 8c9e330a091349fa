"""Whether what was written is durable: one answer for all who wait for the same commit."""

from asyncio import Event, get_running_loop
from collections.abc import Callable, Sequence

from minori.errors import Error, StoreFailed

Told = Callable[["Confirmation"], object]
"""Who waits for a confirmation; is called with it once."""


class Confirmation:
    """Known once, of all that was written together: `failure` says why it is not stored, `None` if it is.

    A future would cost each who waits a handle and a turn of the loop, and who gives up would cancel it for all. Here
    they are called one after the other, in the order in which they came; what one of them raises goes to the loop's
    exception handler, and the others are called all the same.
    """

    __slots__ = ("_waiting", "failure", "is_known")

    def __init__(self) -> None:
        self.is_known = False
        self.failure: Error | None = None
        self._waiting: list[Told] = []

    def then(self, told: Told) -> None:
        """Call somebody when it is known; at once if it is."""
        if self.is_known:
            self._tell([told])
        else:
            self._waiting.append(told)

    def settle(self, failure: Error | None = None) -> None:
        """Make it known, once, on the loop of those who wait."""
        self.is_known, self.failure = True, failure
        waiting, self._waiting = self._waiting, []
        self._tell(waiting)

    async def known(self) -> None:
        """Wait until it is known. Who gives up harms nobody."""
        if not self.is_known:
            known = Event()
            self.then(lambda _: known.set())
            await known.wait()

    async def durable(self) -> None:
        """Wait until it is known; raises an error of its own, with the words and the cause of `failure`."""
        await self.known()
        if self.failure is not None:
            # One each: an error gathers the traceback of everyone who waits for it.
            again = StoreFailed(self.failure.message)
            raise again from self.failure.__cause__

    def _tell(self, waiting: Sequence[Told]) -> None:
        for told in waiting:
            try:
                told(self)
            except Exception as error:  # noqa: BLE001 - whatever one meets, it must not hold up the others
                trouble = {"message": "Who waits for the store met an error that was not foreseen", "exception": error}
                get_running_loop().call_exception_handler(trouble)
