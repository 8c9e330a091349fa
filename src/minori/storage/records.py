"""What drivers of the catalog need to know about a record beyond its fields."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from msgspec import Struct, inspect
from msgspec.structs import fields

from minori.model.registry import Operator, Record, Sim

KINDS: tuple[type[Struct], ...] = get_args(Record)
"""Every class of record a catalog keeps."""

UNIQUE: Mapping[type[Struct], tuple[str, ...]] = {Operator: ("email",), Sim: ("imsi",)}
"""Fields besides the key that no two records of a class may share."""


def key_field(kind: type[Struct]) -> str:
    """The name of the field that identifies a record: the first one."""
    return kind.__struct_fields__[0]


def key_of(record: Record) -> str:
    """The key of a record."""
    key: str = getattr(record, key_field(type(record)))
    return key


def scalar_fields(kind: type[Struct]) -> frozenset[str]:
    """The fields that `Catalog.find` compares: all but the mappings."""
    return frozenset(
        field.name for field in fields(kind) if not isinstance(inspect.type_info(field.type), inspect.DictType)
    )


def check_fields(kind: type[Struct], names: Iterable[str]) -> None:
    """Raise `ValueError`, a mistake of the caller, for a field that `find` cannot compare."""
    unknown = sorted(set(names) - scalar_fields(kind))
    if unknown:
        raise ValueError(f"{kind.__name__} cannot be found by {', '.join(unknown)}")


def equal_fields(record: Struct, where: Mapping[str, Any]) -> bool:
    """Whether the record's fields equal all of `where`."""
    return all(getattr(record, name) == value for name, value in where.items())
