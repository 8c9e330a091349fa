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
    │   │   ├── PasswordUnfit        a new password breaks a rule
    │   │   ├── NameTaken            there is one of that name already
    │   │   ├── LimitReached         there are as many as there may be
    │   │   ├── RoleInUse            users have the role that was to be removed
    │   │   ├── FactorUnfit          a second factor is not as far as the request takes it to be
    │   │   └── SwitchRefused        the caller cannot become the user he names
    │   ├── FileExists           it was to be written only if it does not exist
    │   ├── FileChanged          it is not, or no longer, the version that was asked for
    │   ├── RangeUnsatisfiable   no byte of the file is in the range asked for
    │   ├── PayloadTooLarge      over the size limit
    │   ├── Refused              the sender is not allowed to store (Harvest's own words)
    │   │   ├── UnknownSender        no session maps the source address to a SIM
    │   │   ├── SimInactive          the SIM is switched off
    │   │   ├── NoGroup              the SIM is in no group
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

from collections.abc import Iterator


class Error(Exception):
    """Anything Minori raises on purpose. `message` is a sentence for the one who asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(Error):
    """The request cannot be carried out as asked."""


class Invalid(RequestError):
    """What was sent is malformed."""


class InvalidParameter(Invalid):
    """A path or query parameter, a header or a JSON member has a value that cannot be used."""


class InvalidTimestamp(Invalid):
    """`X-Soracom-Timestamp` is no integer of milliseconds (our choice)."""


class EmptyPayload(Invalid):
    """A body or datagram without a byte (our choice)."""

    def __init__(self) -> None:
        super().__init__("The payload is empty; send at least one byte")


class TokenExpired(Invalid):
    """An expired token cannot be renewed (our choice); log in again."""


class InvalidPath(Invalid):
    """A file's path is too long, too deep, or holds what no name may hold."""


class PathTaken(Invalid):
    """A directory has that name, or a file stands where a directory would have to be (our choice: 400)."""


class DirectoryNotEmpty(Invalid):
    """Only an empty directory can be removed (spec: 400)."""

    def __init__(self) -> None:
        super().__init__("The directory is not empty; remove what is in it first")


class InvalidPermission(Invalid):
    """A permission document or trust policy cannot be read; `line` and `column` count from 1 (our choice: 400)."""

    def __init__(self, line: int, column: int, expected: str, document: str = "permission document") -> None:
        super().__init__(f"The {document} is wrong at line {line}, column {column}: expected {expected}")
        self.line = line
        self.column = column
        self.expected = expected


class PasswordUnfit(Invalid):
    """A new password is too short or too long, or not another one (our choice of rules)."""


class NameTaken(Invalid):
    """There is a user or a role of that name already."""


class LimitReached(Invalid):
    """There are as many users, roles or keys as there may be."""


class RoleInUse(Invalid):
    """A role that users have cannot be removed (spec: 400)."""

    def __init__(self, users: int) -> None:
        who = "A user has" if users == 1 else f"{users} users have"
        super().__init__(f"{who} the role; detach it first")


class FactorUnfit(Invalid):
    """A second factor is there already, or is not there, or its code is wrong (spec: 400)."""


class SwitchRefused(Invalid):
    """The caller cannot become the user he names; whether there is one is not told (spec: 400)."""

    def __init__(self) -> None:
        super().__init__("Switching to this user is not allowed; a trust policy of an existing user has to allow it")


class FileExists(RequestError):
    """A file was to be written only if it does not exist (`If-None-Match: *`)."""

    def __init__(self) -> None:
        super().__init__("There is a file at this path already; leave If-None-Match out to replace it")


class FileChanged(RequestError):
    """The file is not the version that was asked for (`If-Match`, `If-Unmodified-Since`)."""

    def __init__(self) -> None:
        super().__init__("The file is not, or no longer, the version that was asked for; fetch it anew")


class RangeUnsatisfiable(RequestError):
    """No byte of the file is in the range asked for; `size` is how many it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes, and none of them is in the range that was asked for")
        self.size = size


class PayloadTooLarge(RequestError):
    """A payload or the body of a request is over its size limit (our choice)."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes, the most that is taken here; send less")
        self.limit = limit


class Refused(RequestError):
    """The sender may not store; the sentence is Harvest's own where Harvest has one."""


class UnknownSender(Refused):
    """No session maps the source address to a SIM (our choice)."""

    def __init__(self, address: str) -> None:
        super().__init__(f"No SIM is known for {address}")


class SimInactive(Refused):
    """The SIM may not send: it is inactive, in standby, suspended or terminated (our choice)."""

    def __init__(self, imsi: str, status: str) -> None:
        super().__init__(f"The SIM {imsi} is {status}")


class NoGroup(Refused):
    """The SIM is in no group (seen in the wild)."""

    def __init__(self, imsi: str) -> None:
        super().__init__(f"No group ID is specified: {imsi}")


class HarvestDisabled(Refused):
    """The group has not enabled Harvest Data (seen in the wild)."""

    def __init__(self) -> None:
        super().__init__("Configuration for SORACOM Harvest is not found")


class FilesDisabled(Refused):
    """The group has not enabled Harvest Files (seen in the wild)."""

    def __init__(self) -> None:
        super().__init__("Harvest files is disabled. Please set { enabled: true }")


class Unauthenticated(RequestError):
    """Who is calling is not proven."""


class CredentialsMissing(Unauthenticated):
    """A header of the pair, or a member of the login, is absent."""


class CredentialsWrong(Unauthenticated):
    """User, password or key is wrong; the answer does not say which."""


class FactorNeeded(Unauthenticated):
    """The password is right, and the user has a second factor: the login lacks its code (our choice of code)."""

    def __init__(self) -> None:
        super().__init__("A second factor is needed: send the six digits of the authenticator as mfaOTPCode too")


class TokenRejected(Unauthenticated):
    """The token is expired, logged out, tampered with or not of this key; which is not told."""


class ResetRefused(Unauthenticated):
    """A second factor is not removed: what should prove who asks is wrong in some part, not told which (spec: 403)."""

    def __init__(self) -> None:
        super().__init__(
            "The e-mail address, the password, the token or the backup code is wrong, or the token has ended"
        )


class Forbidden(RequestError):
    """The caller is known and may not do this."""


class TooManyAttempts(RequestError):
    """Too many logins wait from one address, or too many codes of a second factor were wrong; `where` says which.

    `retry_after` is in whole seconds.
    """

    def __init__(self, retry_after: int, where: str = "from this address") -> None:
        super().__init__(f"Too many login attempts {where}; try again in {retry_after} s")
        self.retry_after = retry_after


class ExportError(RequestError):
    """An export cannot be had as it was asked for."""


class TooManyExports(ExportError):
    """An operator has as many exports as are kept (our choice); each goes `hours` after it is done."""

    def __init__(self, kept: int, hours: int) -> None:
        super().__init__(
            f"There are {kept} exports already, the most that are kept; each is removed {hours} h after it is done"
        )


class ExportUnfinished(ExportError):
    """An export was not done while somebody waited `seconds` for it; it goes on (our choice)."""

    def __init__(self, export_id: str, seconds: int) -> None:
        super().__init__(
            f"The export is not done after {seconds} s and goes on: poll /v1/files/exported/{export_id} for its file,"
            " and use export_mode=async for an export of this size"
        )


class ExportFailed(ExportError):
    """An export took longer than it may, or the server went down each time it ran (our choice)."""


class NotFound(RequestError):
    """There is no such thing."""


class MethodNotAllowed(RequestError):
    """The path exists, the method does not. `allowed` names those that do."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"The method is not allowed here; use {' or '.join(allowed)}")
        self.allowed = allowed


class Unavailable(Error):
    """Nothing is wrong with the request; Minori cannot do it now."""


class Overloaded(Unavailable):
    """A bounded queue is full. Worth a retry after `retry_after` whole seconds."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"The server is overloaded; try again in {retry_after} s")
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk is full: what was being written is given up, what was confirmed stays."""

    def __init__(self) -> None:
        super().__init__("The server's disk is full; free some space there, then send it again")


class StoreFailed(Unavailable):
    """The disk refused a write or a sync; nothing is confirmed any more until a restart."""


class StartError(Error):
    """Minori does not start."""


class SettingsInvalid(StartError):
    """An unknown key or a bad value in a file, the environment or a flag."""


class DataDirectoryBusy(StartError):
    """Another process holds the data directory."""


class DataDirectoryBroken(StartError):
    """The data directory is not what it should be."""


class FormatTooNew(StartError):
    """A newer Minori wrote the data directory."""


class ListenFailed(StartError):
    """An address cannot be listened on."""


def leaves(root: type[Error]) -> Iterator[type[Error]]:
    """The classes below `root` that have no subclasses: those that are raised."""
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
