"""The head of an answer."""

import pytest

from minori.http.heads import answer_head


def test_a_head_is_its_lines() -> None:
    head = answer_head(206, [(b"a", b"1"), (b"b", b"")])
    assert head == b"HTTP/1.1 206 Partial Content\r\na: 1\r\nb: \r\n\r\n"


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"\r\n"])
def test_a_header_that_would_be_taken_for_two_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        answer_head(200, [(b"a", value)])
