"""How the Unified Endpoint answers, where the group wants another answer than that of Harvest Data."""

from http import HTTPStatus

from minori.codec.entry import encode_json
from minori.codec.harvestoptions import Reply, UnifiedResponse
from minori.doors import words
from minori.doors.words import JSON_TYPE, Complaint
from minori.errors import Error, Unavailable
from minori.service.ingest import IngestService

WITHIN = 204
"""The status of Harvest Data within an answer for all services (documented)."""

_FOR_ALL = "Unified"
_OF_ONE_S_OWN = "Custom"


def response_of(unified: UnifiedResponse) -> UnifiedResponse | None:
    """The form of the answer, or `None` for Harvest Data's own.

    That is the answer where one service is on (documented), and here it is the only one: so it is given too where the
    answer of another service is asked for (our choice).
    """
    return unified if unified.format in (_FOR_ALL, _OF_ONE_S_OWN) else None


def response_at(ingest: IngestService, address: str) -> UnifiedResponse | None:
    """The form of the answer to the device at `address`, as its group wants it; `None` as in `response_of`."""
    options = ingest.options(address)
    return None if options is None else response_of(options.response)


def reply(error: Error | None, response: UnifiedResponse | None) -> bytes:
    """The reply over TCP and UDP: in a form of its own the body alone, which may be nothing (our choice).

    What Minori cannot do now is told plainly.
    """
    if response is None or isinstance(error, Unavailable):
        return words.reply(error)
    return _said(response, None if error is None else (400, error.message)).body.encode()


def http_answer(
    response: UnifiedResponse, complaint: Complaint | None, date: bytes, *, keep_alive: bool, head_only: bool = False
) -> bytes:
    """The answer over HTTP: to a complaint, or to a payload that is stored. What cannot be done now is told plainly."""
    if complaint is not None and complaint.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return words.refused(complaint, date, keep_alive=keep_alive, head_only=head_only)
    said = _said(response, None if complaint is None else (complaint.code, complaint.message))
    body, content_type = said.body.encode(), said.content_type.encode()
    return words.answer(said.status, body, content_type, date, keep_alive=keep_alive, head_only=head_only)


def _said(response: UnifiedResponse, failure: tuple[int, str] | None) -> Reply:
    if response.format == _OF_ONE_S_OWN:
        return response.success if failure is None else response.failure
    if failure is None:
        told = {"result": "ok", "detail": {"harvest": {"statusCode": WITHIN, "body": ""}}}
        return Reply(HTTPStatus.OK, encode_json(told).decode(), JSON_TYPE)
    status, message = failure
    body = encode_json({"message": message}).decode()
    told = {"result": "ng", "detail": {"harvest": {"statusCode": status, "body": body}}}
    return Reply(HTTPStatus.MULTI_STATUS, encode_json(told).decode(), JSON_TYPE)
