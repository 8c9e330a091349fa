"""Whose something is: an operator in one of the two coverages, Japan and Global, which Soracom runs apart."""

from enum import StrEnum

_GLOBAL = "-g"
_GLOBAL_HOST = "g."


class Coverage(StrEnum):
    """The two coverages (documented). Operators and their people are the same in both (our choice)."""

    JAPAN = "japan"
    GLOBAL = "global"


def account_of(operator_id: str, coverage: Coverage) -> str:
    """What an operator has in one coverage belongs to this name; the operator id itself in Japan (our choice)."""
    return operator_id if coverage is Coverage.JAPAN else operator_id + _GLOBAL


def operator_of(account: str) -> str:
    """The operator id of an account."""
    return account.removesuffix(_GLOBAL)


def accounts_of(operator_id: str) -> tuple[str, ...]:
    """All accounts of an operator."""
    return tuple(account_of(operator_id, coverage) for coverage in Coverage)


def coverage_of_host(host: str | None) -> Coverage:
    """Global for a name that begins with `g.`, such as `g.api.soracom.io` (documented); Japan for any other (R29)."""
    return Coverage.GLOBAL if host is not None and host[:2].lower() == _GLOBAL_HOST else Coverage.JAPAN
