"""The tables of the doors, and the words they lead to."""

import json
from http import HTTPStatus

import pytest

from minori.doors import words
from minori.errors import (
    EmptyPayload,
    Error,
    ExportError,
    FileChanged,
    FileExists,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RangeUnsatisfiable,
    RequestError,
    StoreFailed,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
    UnknownSender,
    leaves,
)

OF_THE_API = (Unauthenticated, Forbidden, TooManyAttempts, ExportError)
"""A device logs in nowhere, and exports nothing."""

MET = [leaf for root in (RequestError, Unavailable) for leaf in leaves(root) if not issubclass(leaf, OF_THE_API)]
DATE = b"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"

WITH_PATH = (NotFound, MethodNotAllowed, FileExists, FileChanged, RangeUnsatisfiable)
"""Errors that only a request with a path can meet."""


@pytest.mark.parametrize("error", MET)
def test_every_error_that_a_device_can_meet_has_a_status_over_http(error: type[Error]) -> None:
    assert words.status(error) is not HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize("error", [leaf for leaf in MET if leaf not in WITH_PATH])
def test_every_error_that_knows_no_path_has_a_reply_over_tcp_and_udp(error: type[Error]) -> None:
    assert any(kind in words.REPLY for kind in error.__mro__)


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (None, b"201"),
        (EmptyPayload(), b"400 The payload is empty; send at least one byte"),
        (UnknownSender("192.0.2.1"), b"400 No SIM is known for 192.0.2.1"),
        (Overloaded(), b"503"),
        (StoreFailed("The disk refused a sync"), b"503"),
    ],
)
def test_a_reply_is_the_status_and_behind_400_the_sentence(error: Error | None, reply: bytes) -> None:
    assert words.reply(error) == reply


def test_an_http_refusal_is_json_with_a_message_and_no_code() -> None:
    answer = words.refused(words.complaint(PayloadTooLarge(1024)), DATE, keep_alive=False)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 413 Request Entity Too Large",
        DATE.strip(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    assert json.loads(body) == {"message": PayloadTooLarge(1024).message}


def test_an_overloaded_server_says_when_to_come_back() -> None:
    assert words.complaint(Overloaded(3)).fields == b"Retry-After: 3\r\n"


def test_a_method_that_is_not_allowed_is_answered_with_those_that_are() -> None:
    assert words.complaint(MethodNotAllowed(("POST", "PUT"))).fields == b"Allow: POST, PUT\r\n"
