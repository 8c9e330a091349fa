"""Frames of Soracom Binary Format v1: the documented one, and streams that are cut, joined or broken."""

import pytest

from minori.codec.frames import FrameDecoder
from minori.errors import PayloadTooLarge

DOCUMENTED = bytes.fromhex("0006 010203040506 4917")


def crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit as its definition has it."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return register


def frame(body: bytes) -> bytes:
    marked = len(body).to_bytes(2) + body
    return marked + crc(marked).to_bytes(2)


def test_the_documented_frame_is_found() -> None:
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(DOCUMENTED) == [bytes([1, 2, 3, 4, 5, 6])]
    assert decoder.fault is None
    assert not decoder.unfinished
    assert frame(bytes([1, 2, 3, 4, 5, 6])) == DOCUMENTED


def test_the_checksum_is_the_one_of_the_catalogue() -> None:
    assert crc(b"123456789") == 0x29B1


@pytest.mark.parametrize("cut", range(1, len(DOCUMENTED)))
def test_a_frame_may_be_cut_anywhere(cut: int) -> None:
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(DOCUMENTED[:cut]) == []
    assert decoder.unfinished
    assert decoder.feed(DOCUMENTED[cut:]) == [bytes([1, 2, 3, 4, 5, 6])]
    assert not decoder.unfinished


def test_frames_may_come_byte_by_byte() -> None:
    decoder = FrameDecoder(lambda: 1024)
    found = [decoder.feed(bytes([byte])) for byte in DOCUMENTED * 2]
    assert [bodies for bodies in found if bodies] == [[DOCUMENTED[2:-2]]] * 2


def test_frames_may_come_joined_and_end_in_the_midst_of_one() -> None:
    decoder = FrameDecoder(lambda: 1024)
    stream = frame(b"a") + frame(b"bc") + DOCUMENTED
    assert decoder.feed(memoryview(stream)[:-1]) == [b"a", b"bc"]
    assert decoder.feed(memoryview(stream)[-1:]) == [DOCUMENTED[2:-2]]


def test_no_bytes_change_nothing() -> None:
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(b"") == []
    assert not decoder.unfinished


@pytest.mark.parametrize("place", range(2, len(DOCUMENTED)))
def test_one_wrong_bit_anywhere_behind_the_length_is_seen(place: int) -> None:
    broken = bytearray(DOCUMENTED)
    broken[place] ^= 1
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(bytes(broken)) == []
    assert decoder.fault is not None
    assert decoder.fault.message == (
        "The checksum of a frame of Soracom Binary Format v1 is wrong; the stream is out of step, so connect anew"
    )


def test_what_came_before_a_fault_is_right_and_nothing_is_found_behind_it() -> None:
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(frame(b"good") + b"\0\1x\0\0" + frame(b"lost")) == [b"good"]
    assert decoder.fault is not None
    assert not decoder.unfinished
    assert decoder.feed(frame(b"lost")) == []


def test_text_without_frames_is_seen_to_be_out_of_step() -> None:
    """`{"` as a length is 31,522 bytes: the checksum of that many says so."""
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(b'{"temp":21.5}' * 3_000) == []
    assert decoder.fault is not None


def test_a_frame_without_a_body_is_out_of_step() -> None:
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(frame(b"")) == []
    assert decoder.fault is not None
    assert decoder.fault.message.startswith("A frame of Soracom Binary Format v1 says that it has no body;")


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 1026, 1027, 65_535])
@pytest.mark.parametrize("step", [1, 7, 1024, 100_000])
def test_a_body_over_the_limit_is_told_in_its_place_and_costs_no_memory(size: int, step: int) -> None:
    body = bytes(number % 251 for number in range(size))
    stream = frame(body) + DOCUMENTED
    decoder = FrameDecoder(lambda: 1024)
    found: list[bytes | PayloadTooLarge] = []
    for start in range(0, len(stream), step):
        found += decoder.feed(stream[start : start + step])
        assert len(decoder._kept) <= 1024 + 2
    first, second = found
    assert second == DOCUMENTED[2:-2]
    if size <= 1024:
        assert first == body
    else:
        assert isinstance(first, PayloadTooLarge)
        assert first.limit == 1024
    assert decoder.fault is None


def test_a_body_over_the_limit_is_checked_whole() -> None:
    broken = bytearray(frame(bytes(2000)))
    broken[1900] ^= 1
    decoder = FrameDecoder(lambda: 1024)
    assert decoder.feed(bytes(broken)) == []
    assert decoder.fault is not None


def test_the_limit_is_asked_as_each_frame_begins() -> None:
    limits = iter([2, 3])
    decoder = FrameDecoder(lambda: next(limits))
    found = decoder.feed(frame(b"abc") + frame(b"abc"))
    assert isinstance(found[0], PayloadTooLarge)
    assert found[1:] == [b"abc"]
