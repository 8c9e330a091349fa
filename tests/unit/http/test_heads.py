"""The head of an answer."""

import pytest

from minori.http.exchange import Answer
from minori.http.heads import answer_head


def test_a_head_is_its_lines() -> None:
    head = answer_head(Answer(206, b"hey", headers=((b"b", b""),)), [(b"a", b"1")])
    lines = b"a: 1\r\nb: \r\ncontent-length: 3\r\ncontent-type: application/json\r\n\r\n"
    assert head == b"HTTP/1.1 206 Partial Content\r\n" + lines


def test_a_head_may_say_that_the_connection_ends() -> None:
    assert answer_head(Answer(204), (), closes=True) == b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"\r\n"])
def test_a_header_that_would_be_taken_for_two_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        answer_head(Answer(200, headers=((b"a", value),)), ())
