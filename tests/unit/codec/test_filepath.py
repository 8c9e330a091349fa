"""Paths of files: every spelling that clients use, and the names that no file may have."""

import pytest

from minori.codec.filepath import check_path, parse_path, quote_path
from minori.errors import InvalidPath


@pytest.mark.parametrize("raw", ["", "/", "//", "///", "%2F", "/%2F/", "%2f%2F"])
def test_every_spelling_of_the_root_is_the_root(raw: str) -> None:
    assert parse_path(raw) == "/"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("a/b.txt", "/a/b.txt"),
        ("/a//b.txt", "/a/b.txt"),
        ("%2Fa%2Fb.txt", "/a/b.txt"),
        ("a%2fsub%2F", "/a/sub/"),
        ("/a/sub//", "/a/sub/"),
        ("a+b", "/a+b"),
        ("a%2Bb", "/a+b"),
        ("a%20b", "/a b"),
        ("a:&=@$,b", "/a:&=@$,b"),
        ("a%3A%26%3D%40%24%2Cb", "/a:&=@$,b"),
        ("%E3%82%AB%E3%83%A1%E3%83%A9.jpg", "/カメラ.jpg"),
        ("%F0%9F%93%B7", "/📷"),
        ("A", "/A"),
        (".hidden", "/.hidden"),
        ("...", "/..."),
        ("a..b/..c/d..", "/a..b/..c/d.."),
        ("~~", "/~~"),
        (" ", "/ "),
    ],
)
def test_a_path_has_one_spelling_inside(raw: str, path: str) -> None:
    assert parse_path(raw) == path


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("%252e%252e/a", "/%2e%2e/a"),
        ("a%252Fb", "/a%2Fb"),
        ("%2500", "/%00"),
        ("100%", "/100%"),
        ("%zz", "/%zz"),
        ("a%2", "/a%2"),
        ("%u002e%u002e", "/%u002e%u002e"),
    ],
)
def test_a_path_is_decoded_once_and_no_more(raw: str, path: str) -> None:
    assert parse_path(raw) == path


@pytest.mark.parametrize("raw", [r"..\..\etc\passwd", "..%5C..%5Cetc", r"C:\a"])
def test_a_backslash_is_an_ordinary_character(raw: str) -> None:
    assert "\\" in parse_path(raw)
    assert parse_path(raw).count("/") == 1


def test_bytes_that_were_not_encoded_are_utf_8_too() -> None:
    assert parse_path("ä".encode().decode("latin-1")) == parse_path("%C3%A4") == "/ä"


def test_two_unicode_forms_are_two_names() -> None:
    assert parse_path("%C3%A9") != parse_path("e%CC%81")


@pytest.mark.parametrize(
    "raw",
    [
        "..",
        ".",
        "a/../b",
        "a/./b",
        "/a/..",
        "../",
        "%2e%2e",
        "%2E./a",
        "a/%2e%2e/b",
        "a%2F..%2Fb",
        "..%2f..%2fetc%2fpasswd",
        "a//..//b",
    ],
)
def test_no_name_is_a_dot_or_two(raw: str) -> None:
    with pytest.raises(InvalidPath, match=r"named \. or \.\."):
        parse_path(raw)


@pytest.mark.parametrize("raw", ["%00", "a%00.txt", "%0A", "a%0d%0aX: y", "%1F", "%7F", "%C2%80", "%C2%9F", "a\x00"])
def test_no_name_holds_a_control_character(raw: str) -> None:
    with pytest.raises(InvalidPath, match="control character"):
        parse_path(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "%FF",
        "%C3",
        "%C0%AE%C0%AE",
        "%C0%AF",
        "%E0%80%AF",
        "%F0%80%80%AF",
        "%ED%A0%80",
        "%F4%90%80%80",
        "\xff",
    ],
)
def test_what_is_no_utf_8_is_refused_overlong_forms_and_halves_too(raw: str) -> None:
    with pytest.raises(InvalidPath, match="not UTF-8"):
        parse_path(raw)


def test_text_that_is_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidPath, match="half a character"):
        check_path("/\ud800")


@pytest.mark.parametrize("letter", ["a", "ä", "漢"])
def test_a_path_has_1024_bytes_at_most_its_slashes_included(letter: str) -> None:
    size = len(letter.encode())
    longest = letter * (1023 // size) + "b" * (1023 % size)
    assert len(check_path(longest).encode()) == 1024
    with pytest.raises(InvalidPath, match="1025 bytes"):
        check_path(longest + "b")
    with pytest.raises(InvalidPath, match="1025 bytes"):
        check_path(longest + "/")


def test_what_is_sent_may_be_longer_than_the_path_that_it_means() -> None:
    assert parse_path("/" * 2000 + "%61" * 1023) == "/" + "a" * 1023


def test_a_file_may_be_below_16_directories_and_no_more() -> None:
    assert check_path("d/" * 16 + "file").count("/") == 17
    assert check_path("d/" * 16) == "/" + "d/" * 16
    for deeper in ("d/" * 17 + "file", "d/" * 17):
        with pytest.raises(InvalidPath, match="17 levels"):
            check_path(deeper)


def test_no_message_has_a_per_cent_sign() -> None:
    for raw in ("%FF", "%00", "%2e%2e", "%61" * 1024, "d%2F" * 17):
        with pytest.raises(InvalidPath) as refused:
            parse_path(raw)
        assert "%" not in refused.value.message


def test_a_path_that_was_quoted_is_parsed_to_itself() -> None:
    path = "/a b/ü%2F?#[]\\+&=;,'\"~.txt"
    assert parse_path(quote_path(path)) == path
    assert quote_path(path).isascii()
