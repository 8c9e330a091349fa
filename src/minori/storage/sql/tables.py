"""Records as tables: one mapping for every class, derived from its fields."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, inspect
from msgspec.structs import FieldInfo, fields
from sqlalchemy import JSON, BigInteger, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from minori.model.registry import AuthKey, Group, Logout, Operator, Secret, Session, Sim
from minori.storage.records import UNIQUE, key_field

_NAMES: Mapping[type[Struct], str] = {
    Operator: "operators",
    AuthKey: "auth_keys",
    Group: "groups",
    Sim: "sims",
    Session: "sessions",
    Logout: "logouts",
    Secret: "secrets",
}
_SOUGHT: Mapping[type[Struct], tuple[str, ...]] = {
    AuthKey: ("operator_id",),
    Group: ("operator_id",),
    Sim: ("operator_id", "group_id"),
    Session: ("imsi",),
}
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _column_type(kind: inspect.Type) -> TypeEngine[Any]:
    """PostgreSQL sorts text by language unless told; keys are ordered by their bytes everywhere."""
    if isinstance(kind, inspect.DictType):
        return JSON()
    if isinstance(kind, inspect.IntType):
        return BigInteger()
    if isinstance(kind, inspect.BytesType):
        return LargeBinary()
    if isinstance(kind, inspect.StrType):
        return _TEXT
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

TABLES: Mapping[type[Struct], Table] = {
    kind: Table(name, METADATA, *(_column(kind, field) for field in fields(kind))) for kind, name in _NAMES.items()
}
"""The table of each class: columns named and ordered as its fields, the key first."""
