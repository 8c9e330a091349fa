"""The seams: what a store promises, whoever drives it.

Services know these classes and nothing below them. Drivers are named in `app` alone, by the scheme of
a URL. The suites in `contract` hold every driver and every wrapper to the words below.

Common to all seams:

* A store belongs to one event loop; its methods are called on that loop only.
* Errors are `minori.errors`: `Overloaded` is worth a retry, `StoreFailed` is not until a restart.
  A driver translates its library's errors once and keeps the cause.
* Cancelling a call that changes something does not undo it: it may or may not have happened.
"""

from minori.storage.base.audit import AuditLog
from minori.storage.base.blobs import BlobReader, BlobStore, BlobWriter
from minori.storage.base.catalog import (
    JOURNAL_CHANGES,
    Catalog,
    Change,
    Changes,
    Conflict,
    Insert,
    Noted,
    Put,
    R,
    Remove,
    Replace,
)
from minori.storage.base.confirmation import Confirmation
from minori.storage.base.entries import (
    EntryCounts,
    EntryExamination,
    EntryFlaw,
    EntryRetention,
    EntryStore,
    EntryStoreOptions,
    Examined,
    StoreObserver,
    StoreStatus,
)
from minori.storage.base.files import FileIndex
from minori.storage.base.refusals import RefusalLog

__all__ = [
    "JOURNAL_CHANGES",
    "AuditLog",
    "BlobReader",
    "BlobStore",
    "BlobWriter",
    "Catalog",
    "Change",
    "Changes",
    "Confirmation",
    "Conflict",
    "EntryCounts",
    "EntryExamination",
    "EntryFlaw",
    "EntryRetention",
    "EntryStore",
    "EntryStoreOptions",
    "Examined",
    "FileIndex",
    "Insert",
    "Noted",
    "Put",
    "R",
    "RefusalLog",
    "Remove",
    "Replace",
    "StoreObserver",
    "StoreStatus",
]
