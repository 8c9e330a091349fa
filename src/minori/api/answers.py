"""The API's one table of errors, and the answers that more than one handler gives."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from minori import errors
from minori.codec.entry import encode_json
from minori.http.exchange import REMEMBERED, REMEMBERED_BYTES, Answer, Header, Request, parse_values
from minori.model.selection import SOUGHT

ERRORS: dict[type[errors.Error], tuple[int, str]] = {
    errors.InvalidParameter: (400, "COM0001"),
    errors.InvalidTimestamp: (400, "MNR0001"),
    errors.EmptyPayload: (400, "MNR0002"),
    errors.TokenExpired: (400, "MNR0003"),
    errors.PayloadTooLarge: (413, "MNR0004"),
    errors.UnknownSender: (400, "MNR0005"),
    errors.UnknownDevice: (400, "MNR0056"),
    errors.SimInactive: (400, "MNR0040"),
    errors.NoGroup: (400, "MNR0006"),
    errors.HarvestDisabled: (400, "MNR0007"),
    errors.CredentialsMissing: (401, "AUM0001"),
    errors.CredentialsWrong: (401, "AUM0002"),
    errors.TokenRejected: (401, "MNR0008"),
    errors.Forbidden: (403, "AUM0017"),
    errors.TooManyAttempts: (429, "MNR0009"),
    errors.NotFound: (404, "MNR0010"),
    errors.MethodNotAllowed: (405, "MNR0011"),
    errors.Overloaded: (503, "MNR0012"),
    errors.StoreFailed: (503, "MNR0013"),
    errors.InvalidPath: (400, "MNR0017"),
    errors.PathTaken: (400, "MNR0018"),
    errors.DirectoryNotEmpty: (400, "MNR0019"),
    errors.FileExists: (412, "MNR0020"),
    errors.RangeUnsatisfiable: (416, "MNR0021"),
    errors.FilesDisabled: (400, "MNR0022"),
    errors.StorageFull: (507, "MNR0023"),
    errors.FileChanged: (412, "MNR0024"),
    errors.TooManyExports: (400, "MNR0025"),
    errors.ExportUnfinished: (400, "MNR0026"),
    errors.ExportFailed: (400, "MNR0027"),
    errors.InvalidPermission: (400, "MNR0028"),
    errors.PasswordUnfit: (400, "AUM0010"),
    errors.NameTaken: (400, "MNR0031"),
    errors.LimitReached: (400, "MNR0032"),
    errors.RoleInUse: (400, "MNR0033"),
    errors.InvalidTime: (400, "MNR0050"),
    errors.InvalidBatch: (400, "MNR0051"),
    errors.BeamRejected: (401, "MNR0052"),
    errors.InvalidFormat: (400, "MNR0053"),
    errors.InvalidHexadecimal: (400, "MNR0054"),
    errors.PayloadUnfit: (400, "MNR0055"),
    errors.FactorNeeded: (401, "MNR0041"),
    errors.FactorUnfit: (400, "MNR0042"),
    errors.ResetRefused: (403, "MNR0043"),
    errors.SwitchRefused: (400, "MNR0044"),
}
"""Every error that a request can meet: status and code. `MNR` codes are ours."""

INTERNAL = Answer(500, b'{"code":"MNR0500","message":"Something broke in the server; its log says what"}')
"""A defect of ours."""

REFUSED = {
    431: ("MNR0014", "The head of the request is too large; send a shorter URL and fewer headers"),
    400: ("MNR0015", "The request is not valid HTTP; percent-encode what is not printable ASCII in its URL"),
    408: ("MNR0016", "The request took too long to arrive; send it again"),
}
"""What the connection itself refuses, before or instead of a route: code and message by status."""

EMPTY = Answer(204)

KEPT = (
    *("scope", "prefix", "from", "to", "sort", "limit", "resource_type"),
    *("tag_name", "tag_value", "tag_value_match_mode"),
    *("status_filter", "speed_class_filter", "serial_number_filter"),
    *("api_kind", "from_epoch_ms", "to_epoch_ms"),
    *("service", "resource_id"),
    *("group", "session_status", "search_type", *SOUGHT),
)
"""Conditions of a request that the link to the next page carries on."""


def error_answer(error: errors.Error) -> Answer:
    """What the API says of an error."""
    status, code = ERRORS[type(error)]
    return Answer(status, error_body(code, error.message), headers=tuple(_headers(error)))


def error_body(code: str, message: str) -> bytes:
    """The documented shape of an error (R27)."""
    return encode_json({"code": code, "message": message})


def page(body: bytes, request: Request, path: tuple[str, ...], next_key: str | None) -> Answer:
    """A page of an array, with both paging headers if more follows (R20).

    `path` are the segments after `/v1`, decoded. The link carries the request's own conditions.
    """
    if next_key is None:
        return Answer(200, body)
    is_short = len(request.query_string) + sum(map(len, path)) <= REMEMBERED_BYTES
    link = (_remembered_link if is_short else link_to)(path, request.query_string)
    return Answer(200, body, headers=link.headers(next_key))


class Link(NamedTuple):
    """The link to a next page, before and behind its key."""

    before: bytes
    behind: bytes

    def headers(self, next_key: str) -> tuple[Header, ...]:
        """Both paging headers."""
        key = next_key.encode()
        return (b"x-soracom-next-key", key), (b"link", self.before + key + self.behind)


def link_to(path: tuple[str, ...], query_string: bytes) -> Link:
    """The link to the next page of a path, the segments after `/v1`, decoded, with what is kept of a query."""
    query = parse_values(query_string)
    kept = "".join([f"&{name}={_quoted(value)}" for name in KEPT for value in query.get(name, ())])
    return Link(f"<{target(path)}?last_evaluated_key=".encode(), f"{kept}>; rel=next".encode())


_remembered_link = lru_cache(REMEMBERED)(link_to)


def target(path: tuple[str, ...]) -> str:
    """The path-absolute target of an operation, from the segments after `/v1`, decoded."""
    return "/".join(["/v1", *map(_quoted, path)])


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _headers(error: errors.Error) -> list[tuple[bytes, bytes]]:
    if isinstance(error, errors.MethodNotAllowed):
        return [(b"allow", ", ".join(error.allowed).encode())]
    if isinstance(error, (errors.Overloaded, errors.TooManyAttempts)):
        return [(b"retry-after", str(error.retry_after).encode())]
    if isinstance(error, errors.RangeUnsatisfiable):
        return [(b"content-range", b"bytes */%d" % error.size)]
    return []
