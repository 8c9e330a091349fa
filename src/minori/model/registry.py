"""Who owns what: operators, their keys, groups, SIMs and the sessions that tell a SIM by its address."""

from typing import Any

from msgspec import Struct

from minori.model.export import ExportedBytes, ExportJob


class Operator(Struct, frozen=True):
    """An account with its root user. `operator_id` is `OP` and ten digits (documented).

    `password_hash` is an argon2id string. Times are UNIX ms.
    """

    operator_id: str
    email: str
    password_hash: str
    created_time: int


class AuthKey(Struct, frozen=True):
    """A key pair for programs. Only the SHA-256 of the secret is kept, in hex.

    `auth_key_id` begins with `keyId-`, the secret with `secret-` (inferred from clients).
    """

    auth_key_id: str
    operator_id: str
    secret_sha256: str
    created_time: int


class Group(Struct, frozen=True):
    """A group of SIMs with its options, `{namespace: {key: value}}` (documented)."""

    group_id: str
    operator_id: str
    tags: dict[str, str]
    configuration: dict[str, dict[str, Any]]
    created_time: int
    last_modified_time: int


class Sim(Struct, frozen=True):
    """A SIM with its one subscriber. It is in at most one group (documented)."""

    sim_id: str
    imsi: str
    operator_id: str
    group_id: str | None
    status: str
    tags: dict[str, str]
    created_time: int
    last_modified_time: int


class Session(Struct, frozen=True):
    """A source address or network, as `ipaddress` prints it (`127.0.0.0/8`), and the SIM behind it."""

    network: str
    imsi: str


class Logout(Struct, frozen=True):
    """An API key that was logged out. `until` (UNIX s) is when its last token ends by itself."""

    api_key_sha256: str
    until: int


class Secret(Struct, frozen=True):
    """A named secret of the server, made at the first start (`name` is `token-signing`)."""

    name: str
    value: bytes


Record = Operator | AuthKey | Group | Sim | Session | Logout | Secret | ExportJob | ExportedBytes
"""What a catalog keeps."""


class Principal(Struct, frozen=True):
    """Who is calling: the root user of an operator, proven by API key and token."""

    operator_id: str
