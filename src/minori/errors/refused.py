"""Who sends or calls is not known, not proven, or not allowed to."""

from minori.errors.root import RequestError


class Refused(RequestError):
    """The sender may not store; the sentence is Harvest's own where Harvest has one."""


class UnknownSender(Refused):
    """No session maps the source address to a SIM (our choice)."""

    def __init__(self, address: str) -> None:
        super().__init__(f"No SIM is known for {address}")


class UnknownDevice(Refused):
    """Somebody vouches for a sender that the account has not registered (our choice).

    `what` is its type in words, `name` its id.
    """

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"No {what} is registered as {name}; register it, and put it into a group")


class SimInactive(Refused):
    """The SIM may not send: it is inactive, in standby, suspended or terminated (our choice)."""

    def __init__(self, imsi: str, status: str) -> None:
        super().__init__(f"The SIM {imsi} is {status}")


class NoGroup(Refused):
    """The SIM is in no group (seen in the wild)."""

    def __init__(self, imsi: str) -> None:
        super().__init__(f"No group ID is specified: {imsi}")


class BeamRejected(Refused):
    """What Beam says of a sender is not proven: its signature is missing, wrong or too old (our choice: 401)."""


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
