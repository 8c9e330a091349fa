"""The catalog's tables: one for every class of record, derived from its fields; and the table of files."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, inspect
from msgspec.structs import FieldInfo, fields
from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from minori.model.export import ExportedBytes, ExportJob
from minori.model.registry import (
    AuthKey,
    BeamKey,
    Device,
    Group,
    IngestToken,
    KeyUse,
    Logout,
    Operator,
    ResetToken,
    Role,
    SecondFactor,
    Secret,
    Session,
    Sim,
    User,
)
from minori.storage.records import UNIQUE, key_field
from minori.storage.sql.schema import Schema

_NAMES: Mapping[type[Struct], str] = {
    Operator: "operators",
    AuthKey: "auth_keys",
    KeyUse: "key_uses",
    User: "users",
    Role: "roles",
    SecondFactor: "second_factors",
    ResetToken: "reset_tokens",
    Group: "groups",
    Sim: "sims",
    Device: "devices",
    Session: "sessions",
    BeamKey: "beam_keys",
    IngestToken: "ingest_tokens",
    Logout: "logouts",
    Secret: "secrets",
    ExportJob: "export_jobs",
    ExportedBytes: "exported_bytes",
}
_SOUGHT: Mapping[type[Struct], tuple[str, ...]] = {
    AuthKey: ("operator_id",),
    User: ("operator_id",),
    Role: ("operator_id",),
    Group: ("account",),
    Sim: ("group_id",),
    Device: ("account", "group_id"),
    Session: ("imsi",),
    ExportJob: ("blob_id",),
}
_PATHS: Mapping[type[Struct], tuple[tuple[str, ...], ...]] = {
    Sim: (("account", "sim_id"),),
}
"""What a page of a long list is read along: a field that is equal, and the key that orders it."""

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _column_type(kind: inspect.Type) -> TypeEngine[Any]:
    """PostgreSQL sorts text by language unless told; keys are ordered by their bytes everywhere."""
    if isinstance(kind, inspect.DictType):
        return JSON()
    if isinstance(kind, inspect.BoolType):
        return Boolean()
    if isinstance(kind, inspect.IntType):
        return BigInteger()
    if isinstance(kind, inspect.BytesType):
        return LargeBinary()
    if isinstance(kind, inspect.StrType):
        return TEXT
    raise TypeError(f"no column is known for {kind}")


def _column(kind: type[Struct], field: FieldInfo) -> "Column[Any]":
    declared = inspect.type_info(field.type)
    nullable = isinstance(declared, inspect.UnionType)
    if isinstance(declared, inspect.UnionType):
        (declared,) = (part for part in declared.types if not isinstance(part, inspect.NoneType))
    return Column(
        field.name,
        _column_type(declared),
        primary_key=field.name == key_field(kind),
        nullable=nullable,
        unique=field.name in UNIQUE.get(kind, ()) or None,
        index=field.name in _SOUGHT.get(kind, ()) or None,
    )


METADATA = MetaData()

CATALOG = Schema("catalog", METADATA, version=1)
"""The catalog's database."""

TABLES: Mapping[type[Struct], Table] = {
    kind: Table(name, METADATA, *(_column(kind, field) for field in fields(kind))) for kind, name in _NAMES.items()
}
"""The table of each class: columns named and ordered as its fields, the key first."""

for _kind, _paths in _PATHS.items():
    for _fields in _paths:
        Index(f"{_NAMES[_kind]}_by_{'_and_'.join(_fields)}", *(TABLES[_kind].c[name] for name in _fields))

KINDS: Mapping[str, type[Struct]] = {name: kind for kind, name in _NAMES.items()}
"""The class of each table, by its name."""

JOURNAL = Table(
    "journal",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("key", TEXT, nullable=False),
)
"""What was changed in the tables above, in its order. The newest row is never removed: numbers go on from it."""

FILES = Table(
    "files",
    METADATA,
    Column("owner", TEXT, primary_key=True),
    Column("path", TEXT, primary_key=True),
    Column("parent", TEXT, nullable=False),
    Column("created_time", BigInteger, nullable=False),
    Column("last_modified_time", BigInteger, nullable=False),
    Column("blob_id", TEXT),
    Column("size", BigInteger),
    Column("md5", TEXT),
    Column("content_type", TEXT, nullable=False),
    Column("expiry_time", BigInteger),
    Index("files_by_parent", "owner", "parent", "path"),
    Index("files_by_blob", "blob_id"),
    sqlite_with_rowid=False,
)
"""A file or directory a row; `parent` is the directory it is in, a directory has no blob."""

Index(
    "files_by_expiry",
    FILES.c.expiry_time,
    sqlite_where=FILES.c.expiry_time.is_not(None),
    postgresql_where=FILES.c.expiry_time.is_not(None),
)
