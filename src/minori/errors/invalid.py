"""What was sent is malformed: each door says 400."""

from minori.errors.root import RequestError


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


class InvalidFormat(Invalid):
    """A format of the binary parser cannot be read; `column`, counted from 1, says where (our choice: 400)."""

    def __init__(self, column: int, expected: str) -> None:
        super().__init__(f"The binary parser's format is wrong at column {column}: expected {expected}")
        self.column = column
        self.expected = expected


class InvalidHexadecimal(Invalid):
    """Bytes are not written in hexadecimal; `column`, counted from 1, says where (our choice: 400)."""

    def __init__(self, column: int, expected: str) -> None:
        super().__init__(f"The hexadecimal bytes are wrong at column {column}: expected {expected}")
        self.column = column
        self.expected = expected


class PayloadUnfit(Invalid):
    """A payload does not fit the binary parser's format (our choice: a device's payload is stored as it came).

    Where a field reaches beyond the payload, `field` is its name, and `byte` and `bit` the last that it reads:
    bytes count from 0, bits from 7, the most significant, down to 0.
    """

    def __init__(self, reason: str, field: str | None = None, byte: int | None = None, bit: int | None = None) -> None:
        super().__init__(f"The payload does not fit the binary parser's format: {reason}")
        self.field = field
        self.byte = byte
        self.bit = bit


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


class InvalidTime(Invalid):
    """A payload says no time, or none that can be used, where its group wants one (our choice: 400)."""


class InvalidBatch(Invalid):
    """A payload has no batch, or one that cannot be stored whole (our choice: 400).

    `index` is the item that is wrong, counted from 0, or `None`.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class OutOfStep(Invalid):
    """A stream of frames cannot be followed any more; its connection ends (our choice).

    `what` is the beginning of a sentence that says how that was seen.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; the stream is out of step, so connect anew")


class FactorUnfit(Invalid):
    """A second factor is there already, or is not there, or its code is wrong (spec: 400)."""


class SwitchRefused(Invalid):
    """The caller cannot become the user he names; whether there is one is not told (spec: 400)."""

    def __init__(self) -> None:
        super().__init__("Switching to this user is not allowed; a trust policy of an existing user has to allow it")
