"""What one database holds, and what it is called where people read of it."""

from msgspec import Struct
from sqlalchemy import MetaData


class Schema(Struct, frozen=True):
    """The tables of one database. `noun` is what messages call it; `version` is kept in the database itself."""

    noun: str
    tables: MetaData
    version: int
