"""Every driver of the audit log against the suite that is shipped with the package."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minori.storage.base import AuditLog
from minori.storage.contract.audit import AuditLogContract
from minori.storage.memory.audit import open_audit_log as open_in_memory
from minori.storage.sql.audit import open_audit_log as open_sqlite


class TestMemoryAuditLog(AuditLogContract):
    @asynccontextmanager
    async def log(self) -> AsyncIterator[AuditLog]:
        log = await open_in_memory("memory:")
        yield log
        await log.close()


class TestSqliteAuditLog(AuditLogContract):
    @asynccontextmanager
    async def log(self) -> AsyncIterator[AuditLog]:
        with tempfile.TemporaryDirectory() as folder:
            log = await open_sqlite(f"sqlite://{folder}/audit.sqlite")
            try:
                yield log
            finally:
                await log.close()
