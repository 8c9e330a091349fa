"""Every driver of the log of refusals against the suite that is shipped with the package."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minori.storage.base import RefusalLog
from minori.storage.contract.refusals import RefusalLogContract
from minori.storage.memory.refusals import open_refusal_log as open_in_memory
from minori.storage.sql.refusals import open_refusal_log as open_sqlite


class TestMemoryRefusalLog(RefusalLogContract):
    @asynccontextmanager
    async def log(self) -> AsyncIterator[RefusalLog]:
        log = await open_in_memory("memory:")
        yield log
        await log.close()


class TestSqliteRefusalLog(RefusalLogContract):
    @asynccontextmanager
    async def log(self) -> AsyncIterator[RefusalLog]:
        with tempfile.TemporaryDirectory() as folder:
            log = await open_sqlite(f"sqlite://{folder}/refusals.sqlite")
            try:
                yield log
            finally:
                await log.close()
