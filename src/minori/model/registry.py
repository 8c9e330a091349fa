"""Who owns what: operators, their people and keys, groups, SIMs and the sessions that tell a SIM by its address."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from minori.model.export import ExportedBytes, ExportJob


class Operator(Struct, frozen=True):
    """An account with its root user. `operator_id` is `OP` and ten digits (documented).

    `password_hash` is an argon2id string. Times are UNIX ms. `default_permissions` is a permission document, as
    text, that counts for every SAM user. A token works while it bears the `seal` that its holder has now.
    """

    operator_id: str
    email: str
    password_hash: str
    created_time: int
    description: str = ""
    updated_time: int | None = None
    default_permissions: str | None = None
    seal: str = ""


class AuthKey(Struct, frozen=True):
    """A key pair for programs: a SAM user's, or the root user's without a `user_name`.

    Only the SHA-256 of the secret is kept, in hex. `auth_key_id` begins with `keyId-`, the secret with `secret-`
    (inferred from clients).
    """

    auth_key_id: str
    operator_id: str
    secret_sha256: str
    created_time: int
    user_name: str | None = None


class KeyUse(Struct, frozen=True):
    """When a key last logged in (UNIX ms). Apart from the key: noting a use must not bring a removed key back."""

    auth_key_id: str
    time: int


class User(Struct, frozen=True):
    """A SAM user: somebody, or something, that does an operator's work with rights of its own.

    `srn` is `srn:soracom:OP…::User:name` (documented, in trust policies). `permission` is a permission document as
    text. `role_ids` are the attached roles, and when they were attached; times are UNIX ms. `trust_policy` says, as
    text, who may switch to him; `trust_seal` changes whenever it does, and ends the switches that it allowed.
    """

    srn: str
    operator_id: str
    user_name: str
    description: str
    created_time: int
    updated_time: int
    seal: str
    role_ids: dict[str, int]
    password_hash: str | None = None
    permission: str | None = None
    trust_policy: str | None = None
    trust_seal: str = ""


class Role(Struct, frozen=True):
    """A permission document under a name, for as many users as one likes, and for devices (documented).

    `srn` is `srn:soracom:OP…::Role:id` (documented). Times are UNIX ms.
    """

    srn: str
    operator_id: str
    role_id: str
    description: str
    permission: str
    created_time: int
    updated_time: int


class SecondFactor(Struct, frozen=True):
    """What a user's authenticator and the server share (TOTP); for `holder` see `holder_srn`.

    Nothing is asked before it `is_confirmed`. `last_step` is the newest step of time whose code was used: it and those
    before it are used up. `backup_codes` are the codes that are left, as SHA-256 in hex, and when they were made (UNIX
    ms); they are the root user's alone (documented).
    """

    holder: str
    operator_id: str
    secret: bytes
    last_step: int
    is_confirmed: bool
    backup_codes: dict[str, int]

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"SecondFactor({self.holder})"


class ResetPurpose(StrEnum):
    """What a reset token is good for, and nothing else."""

    PASSWORD = "password"  # noqa: S105 - a word for a purpose, no secret
    SECOND_FACTOR = "second factor"


class ResetToken(Struct, frozen=True):
    """Leave to set a new password for an operator's root user, or to remove his second factor, until UNIX s.

    Only the token's SHA-256 is kept. `purpose` is a `ResetPurpose`.
    """

    token_sha256: str
    operator_id: str
    until: int
    purpose: str


def holder_srn(operator_id: str, user_name: str | None) -> str:
    """Who somebody is, as trust policies name him: a user, or without a name the operator's root user (documented)."""
    if user_name is None:
        return f"srn:soracom:{operator_id}::Operator:{operator_id}"
    return user_srn(operator_id, user_name)


def user_srn(operator_id: str, user_name: str) -> str:
    """The key of a user."""
    return f"srn:soracom:{operator_id}::User:{user_name}"


def role_srn(operator_id: str, role_id: str) -> str:
    """The key of a role."""
    return f"srn:soracom:{operator_id}::Role:{role_id}"


class Group(Struct, frozen=True):
    """A group of SIMs with its options, `{namespace: {key: value}}` (documented). For `account` see `model.account`."""

    group_id: str
    account: str
    tags: dict[str, str]
    configuration: dict[str, dict[str, Any]]
    created_time: int
    last_modified_time: int


class SimStatus(StrEnum):
    """What a SIM may do (documented words). Those of `SENDING` may send, the others are refused (our choice)."""

    READY = "ready"
    ACTIVE = "active"
    INACTIVE = "inactive"
    STANDBY = "standby"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


SENDING = frozenset((SimStatus.READY, SimStatus.ACTIVE))


class Sim(Struct, frozen=True, gc=False):
    """A SIM with its one subscriber. It is in at most one group (documented).

    The collector of cycles passes over it (`gc`): there may be 100,000, and none refers to another.

    `sim_id` is its ICCID too. `type` is `virtual` or `uicc` (documented). `speed_class`, `subscription` and
    `serial_number` are labels to find it by. Only where `termination_enabled` it can be terminated.
    """

    sim_id: str
    imsi: str
    account: str
    group_id: str | None
    status: str
    tags: dict[str, str]
    created_time: int
    last_modified_time: int
    type: str = "virtual"
    speed_class: str | None = None
    subscription: str | None = None
    serial_number: str | None = None
    termination_enabled: bool = False


class Device(Struct, frozen=True):
    """A device that is no SIM: of Inventory, LoRaWAN or Sigfox, or a camera. It is in at most one group (documented).

    `key` is made of account, `type` (a `ResourceType`) and `device_id`. `details` are what the device says of
    itself, by the names of the wire. An Inventory device has a key id, and the SHA-256 of its secret in hex.
    """

    key: str
    account: str
    type: str
    device_id: str
    group_id: str | None
    tags: dict[str, str]
    details: dict[str, str]
    created_time: int
    last_modified_time: int
    device_key_id: str | None = None
    secret_sha256: str | None = None


class Session(Struct, frozen=True):
    """A source address or network, as `ipaddress` prints it (`127.0.0.0/8`), and the SIM behind it."""

    network: str
    imsi: str


class BeamKey(Struct, frozen=True):
    """A key that Soracom Beam signs with. `key` is kept as it is: a signature cannot be checked with less."""

    beam_key_id: str
    account: str
    description: str
    key: str
    created_time: int

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"BeamKey({self.beam_key_id})"


class IngestToken(Struct, frozen=True):
    """Leave to send for all devices of an account. Only the SHA-256 of the token is kept, in hex."""

    ingest_token_id: str
    account: str
    description: str
    token_sha256: str
    created_time: int


class Logout(Struct, frozen=True):
    """An API key that was logged out. `until` (UNIX s) is when its last token ends by itself."""

    api_key_sha256: str
    until: int


class Secret(Struct, frozen=True):
    """A named secret of the server, made at the first start (`name` is `token-signing`)."""

    name: str
    value: bytes

    def __repr__(self) -> str:
        """Without the value, for logs and tracebacks."""
        return f"Secret({self.name})"


Record = (
    Operator
    | AuthKey
    | KeyUse
    | User
    | Role
    | SecondFactor
    | ResetToken
    | Group
    | Sim
    | Device
    | Session
    | BeamKey
    | IngestToken
    | Logout
    | Secret
    | ExportJob
    | ExportedBytes
)
"""What a catalog keeps."""


class Principal(Struct, frozen=True):
    """Who is calling, proven by API key and token: a SAM user, or without a name the operator's root user."""

    operator_id: str
    user_name: str | None = None
