"""Every error Minori raises on purpose, as one tree.

    Error
    ├── RequestError             the request cannot be carried out as asked
    │   ├── Invalid              what was sent is malformed (each door says 400)
    │   │   ├── InvalidParameter     a path or query parameter, a header, a JSON member
    │   │   ├── InvalidTimestamp     X-Soracom-Timestamp is no integer of milliseconds
    │   │   ├── EmptyPayload         nothing to store
    │   │   ├── TokenExpired         a token was to be renewed after its end
    │   │   ├── InvalidPath          a file's path breaks a rule
    │   │   ├── PathTaken            a directory has that name, or a file stands where a directory would be
    │   │   ├── DirectoryNotEmpty    only an empty directory can be removed
    │   │   ├── InvalidPermission    a permission document cannot be read, and where
    │   │   ├── InvalidFormat        a format of the binary parser cannot be read, and where
    │   │   ├── InvalidHexadecimal   bytes are not written in hexadecimal, and where
    │   │   ├── PayloadUnfit         a payload does not fit the binary parser's format
    │   │   ├── PasswordUnfit        a new password breaks a rule
    │   │   ├── NameTaken            there is one of that name already
    │   │   ├── LimitReached         there are as many as there may be
    │   │   ├── RoleInUse            users have the role that was to be removed
    │   │   ├── InvalidTime          the payload says no time where its group wants one
    │   │   ├── InvalidBatch         the payload has no batch that can be stored whole
    │   │   ├── OutOfStep            where one frame of a stream ends and the next begins is lost
    │   │   ├── FactorUnfit          a second factor is not as far as the request takes it to be
    │   │   └── SwitchRefused        the caller cannot become the user he names
    │   ├── FileExists           it was to be written only if it does not exist
    │   ├── FileChanged          it is not, or no longer, the version that was asked for
    │   ├── RangeUnsatisfiable   no byte of the file is in the range asked for
    │   ├── PayloadTooLarge      over the size limit
    │   ├── Refused              the sender is not allowed to store (Harvest's own words)
    │   │   ├── UnknownSender        no session maps the source address to a SIM
    │   │   ├── UnknownDevice        who is vouched for is not registered
    │   │   ├── SimInactive          the SIM is switched off
    │   │   ├── NoGroup              the SIM is in no group
    │   │   ├── BeamRejected         Beam's signature is missing, wrong or too old
    │   │   ├── HarvestDisabled      the group has not enabled Harvest Data
    │   │   └── FilesDisabled        the group has not enabled Harvest Files
    │   ├── Unauthenticated      who is calling is not proven
    │   │   ├── CredentialsMissing   a header or a member of the login is absent
    │   │   ├── CredentialsWrong     no such user, password or key
    │   │   ├── FactorNeeded         the password is right, and does not suffice
    │   │   ├── TokenRejected        expired, logged out, tampered with or not of this key
    │   │   └── ResetRefused         a second factor was to be removed, and who asked did not prove himself
    │   ├── Forbidden            proven, but not allowed
    │   ├── TooManyAttempts      logins from one address pile up
    │   ├── ExportError          an export cannot be had as it was asked for
    │   │   ├── TooManyExports       as many are kept as may be
    │   │   ├── ExportUnfinished     it takes longer than somebody can wait
    │   │   └── ExportFailed         it took too long, or brought the server down
    │   ├── NotFound             no such thing
    │   └── MethodNotAllowed     the path exists, the method does not
    ├── Unavailable              nothing is wrong with the request; Minori cannot do it now
    │   ├── Overloaded           a bounded queue is full; worth a retry
    │   ├── StorageFull          the disk is full; worth a retry when it is not
    │   └── StoreFailed          the disk refused a write or a sync; not worth a retry until a restart
    └── StartError               Minori does not start (the command line says so and exits)
        ├── SettingsInvalid      an unknown key or a bad value
        ├── DataDirectoryBusy    another process holds the data directory
        ├── DataDirectoryBroken  the data directory is not what it should be
        ├── FormatTooNew         a newer Minori wrote the data directory
        └── ListenFailed         an address cannot be listened on

A door turns these into its own words through one table; a test proves that each table is complete.
Messages are whole sentences without a per-cent sign (R27), say what is wrong, where, and what to do
next, and never repeat a secret.
"""

from minori.errors.invalid import (
    DirectoryNotEmpty,
    EmptyPayload,
    FactorUnfit,
    Invalid,
    InvalidBatch,
    InvalidFormat,
    InvalidHexadecimal,
    InvalidParameter,
    InvalidPath,
    InvalidPermission,
    InvalidTime,
    InvalidTimestamp,
    LimitReached,
    NameTaken,
    OutOfStep,
    PasswordUnfit,
    PathTaken,
    PayloadUnfit,
    RoleInUse,
    SwitchRefused,
    TokenExpired,
)
from minori.errors.refused import (
    BeamRejected,
    CredentialsMissing,
    CredentialsWrong,
    FactorNeeded,
    FilesDisabled,
    HarvestDisabled,
    NoGroup,
    Refused,
    ResetRefused,
    SimInactive,
    TokenRejected,
    Unauthenticated,
    UnknownDevice,
    UnknownSender,
)
from minori.errors.requests import (
    ExportError,
    ExportFailed,
    ExportUnfinished,
    FileChanged,
    FileExists,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RangeUnsatisfiable,
    TooManyAttempts,
    TooManyExports,
)
from minori.errors.root import (
    Error,
    Overloaded,
    RequestError,
    StorageFull,
    StoreFailed,
    Unavailable,
    leaves,
)
from minori.errors.starting import (
    DataDirectoryBroken,
    DataDirectoryBusy,
    FormatTooNew,
    ListenFailed,
    SettingsInvalid,
    StartError,
)

__all__ = [
    "BeamRejected",
    "CredentialsMissing",
    "CredentialsWrong",
    "DataDirectoryBroken",
    "DataDirectoryBusy",
    "DirectoryNotEmpty",
    "EmptyPayload",
    "Error",
    "ExportError",
    "ExportFailed",
    "ExportUnfinished",
    "FactorNeeded",
    "FactorUnfit",
    "FileChanged",
    "FileExists",
    "FilesDisabled",
    "Forbidden",
    "FormatTooNew",
    "HarvestDisabled",
    "Invalid",
    "InvalidBatch",
    "InvalidFormat",
    "InvalidHexadecimal",
    "InvalidParameter",
    "InvalidPath",
    "InvalidPermission",
    "InvalidTime",
    "InvalidTimestamp",
    "LimitReached",
    "ListenFailed",
    "MethodNotAllowed",
    "NameTaken",
    "NoGroup",
    "NotFound",
    "OutOfStep",
    "Overloaded",
    "PasswordUnfit",
    "PathTaken",
    "PayloadTooLarge",
    "PayloadUnfit",
    "RangeUnsatisfiable",
    "Refused",
    "RequestError",
    "ResetRefused",
    "RoleInUse",
    "SettingsInvalid",
    "SimInactive",
    "StartError",
    "StorageFull",
    "StoreFailed",
    "SwitchRefused",
    "TokenExpired",
    "TokenRejected",
    "TooManyAttempts",
    "TooManyExports",
    "Unauthenticated",
    "Unavailable",
    "UnknownDevice",
    "UnknownSender",
    "leaves",
]
