"""What Beam says of a sender, and the signature under it: every published vector, and what must not pass."""

from collections.abc import Iterable
from hashlib import sha256

import pytest

from minori.codec.beam import (
    FIRST_LINE_BYTES,
    MOST_HEADERS,
    Vouched,
    check_signature,
    checked_key,
    parse_first_line,
    read_headers,
    signature_of,
    take_first_line,
)
from minori.errors import BeamRejected, InvalidParameter
from minori.model.resource import ResourceType

KEY = "topsecret"
TIME = 1608251959862
IMSI = {"x-soracom-imsi": "440101234567890", "x-soracom-timestamp": str(TIME)}
IMSI_SIGNATURE = "a91b7388793953166d6433ba5fbb79c2bf16ecab7d99732233830793b5f8eb8c"
SIM_ID = "8981100024620429680"
LINE = (
    b"imsi=440101234567890 timestamp=1608251959862;"
    b"signature=9b7c3587a10b94453127aa614bac55ca0d953f4a98f428a086114f67120a850b version=20151001"
)

VECTORS = [
    (
        "mysecretkey",
        {"imei": "860000012345678", "imsi": "295000012345678", "timestamp": "1445587157992"},
        "95c8e34d68e2bd76502c1e403108dc1bd7008964c31081d0415adb9f21a721a5",
        (ResourceType.SUBSCRIBER, "295000012345678"),
    ),
    (
        KEY,
        {"imsi": "440101234567890", "timestamp": "1608251959862"},
        IMSI_SIGNATURE,
        (ResourceType.SUBSCRIBER, "440101234567890"),
    ),
    (
        KEY,
        {"sim-id": SIM_ID, "timestamp": "1608251959862"},
        "64abe743664eda299ee157e6d7f4562bd73c6513e3cfacd7b2e53eca8bf8bd32",
        (ResourceType.SIM, SIM_ID),
    ),
    (
        KEY,
        {
            "imei": "123456789012345",
            "imsi": "440101234567890",
            "msisdn": "8180123456780000",
            "sim-id": SIM_ID,
            "timestamp": "1608251959862",
        },
        "b30ae55dfed567cf5580f60760e0b761b62424587681ce6e77342825aeb1f6af",
        (ResourceType.SUBSCRIBER, "440101234567890"),
    ),
    (
        "secret",
        {"imsi": "295100000000001", "timestamp": "1443571200000"},
        "a15174afa6e4a4ffa0f9c44e6085e9b6f2b5f0cf2c3437bf46bdd9bf8514f51b",
        (ResourceType.SUBSCRIBER, "295100000000001"),
    ),
    (
        "secret",
        {"sigfox-device-id": "FFFFFF", "timestamp": "1443571200000"},
        "f9e3364679192f572318101e7fea3186d01c2f751b661735875116463a2db466",
        (ResourceType.SIGFOX_DEVICE, "FFFFFF"),
    ),
    (
        "secret",
        {"lora-device-id": "0123456789abcdef", "timestamp": "1443571200000"},
        "4eed6b68e7ac8093c375ef6d2346e510ccaa08afc8292f5e613271aaa5b13a28",
        (ResourceType.LORA_DEVICE, "0123456789abcdef"),
    ),
]


def sent(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def signed(headers: dict[str, str], signature: str, version: str = "20151001") -> Vouched:
    proof = {"x-soracom-signature": signature, "x-soracom-signature-version": version}
    return read_headers(sent({**headers, **proof}.items()))


def sign(headers: dict[str, str], key: str = KEY) -> str:
    """The signature by its definition."""
    return sha256((key + "".join(f"{name}={headers[name]}" for name in sorted(headers))).encode()).hexdigest()


@pytest.mark.parametrize(("key", "said", "signature", "sender"), VECTORS)
def test_every_published_signature_is_right(
    key: str, said: dict[str, str], signature: str, sender: tuple[ResourceType, str]
) -> None:
    vouched = signed({f"x-soracom-{name}": value for name, value in said.items()}, signature)
    assert check_signature(vouched, [key], now=0, window_seconds=0) == 0
    assert (vouched.type, vouched.id) == sender
    assert vouched.time == int(said["timestamp"])
    assert vouched.sim_id == said.get("sim-id")


def test_the_published_signature_over_another_name_pins_the_hash_and_is_no_identity() -> None:
    text = "x-device-id=d-0123456789acbdefghijx-soracom-timestamp=1443571200000"
    signature = "ab59fbf1a5b68cf7d3547342c40f6f170ed5a2d07017d810e3a39ee4a654aa6d"
    assert signature_of("secret", text) == signature
    with pytest.raises(InvalidParameter, match="does not say who sends"):
        signed({"x-device-id": "d-0123456789acbdefghij", "x-soracom-timestamp": "1443571200000"}, signature)


def test_an_inventory_device_is_vouched_for_by_the_documented_header() -> None:
    headers = {"x-soracom-device-id": "d-0123456789acbdefghij", "x-soracom-timestamp": str(TIME)}
    vouched = signed(headers, sign(headers))
    check_signature(vouched, [KEY], TIME, 300)
    assert (vouched.type, vouched.id) == (ResourceType.DEVICE, "d-0123456789acbdefghij")


def test_names_count_whatever_their_case_and_other_headers_are_passed_over() -> None:
    headers = [
        ("Host", "ingest.example"),
        ("X-SORACOM-TIMESTAMP", str(TIME)),
        ("X-Soracom-IMSI", " 440101234567890\t"),
        ("host", "twice"),
        ("X-Soracom-Signature", IMSI_SIGNATURE.upper()),
        ("x-soracom-Signature-VERSION", "20151001"),
        ("x-device-id", "mine"),
    ]
    vouched = read_headers(sent(headers))
    assert check_signature(vouched, [KEY], TIME, 300) == 0


def test_a_lorawan_device_is_known_in_lower_case() -> None:
    headers = {"x-soracom-lora-device-id": "0123456789ABCDEF", "x-soracom-timestamp": str(TIME)}
    vouched = signed(headers, sign(headers))
    check_signature(vouched, [KEY], TIME, 300)
    assert vouched.id == "0123456789abcdef"


@pytest.mark.parametrize("covered", [False, True])
def test_the_operator_may_stand_in_the_signature_or_outside(*, covered: bool) -> None:
    """A public verifier leaves it out, the vendor's own test service takes it in."""
    device = {"x-soracom-lora-device-id": "0123456789abcdef", "x-soracom-timestamp": str(TIME)}
    headers = {**device, "x-soracom-operator-id": "OP0012345678"}
    vouched = signed(headers, sign(headers if covered else device))
    assert check_signature(vouched, [KEY], TIME, 300) == 0
    assert vouched.operator_id == "OP0012345678"


def test_headers_that_are_not_known_are_signed_too() -> None:
    headers = {**IMSI, "x-soracom-zone": "a b"}
    check_signature(signed(headers, sign(headers)), [KEY], TIME, 300)
    with pytest.raises(BeamRejected):
        check_signature(signed(headers, IMSI_SIGNATURE), [KEY], TIME, 300)


@pytest.mark.parametrize("name", ["x-soracom-imsi", "x-soracom-timestamp"])
def test_what_was_changed_behind_the_signature_is_rejected(name: str) -> None:
    changed = {**IMSI, name: IMSI[name][:-1] + "1"}
    with pytest.raises(BeamRejected, match="not that of any shared key"):
        check_signature(signed(changed, IMSI_SIGNATURE), [KEY], TIME, 0)


def test_several_keys_are_tried_and_it_is_told_which_fits() -> None:
    vouched = signed(IMSI, IMSI_SIGNATURE)
    assert check_signature(vouched, ["old", KEY, "new"], TIME, 300) == 1
    for keys in ([], ["old"], ["topsecre"], ["topsecret1"], ["TOPSECRET"]):
        with pytest.raises(BeamRejected, match="not that of any shared key"):
            check_signature(vouched, keys, TIME, 300)


def test_what_is_not_signed_is_rejected() -> None:
    with pytest.raises(BeamRejected, match="There is no signature"):
        check_signature(read_headers(sent(IMSI.items())), [KEY], TIME, 0)


@pytest.mark.parametrize("away", [0, 300_000, -300_000])
def test_a_message_within_the_window_is_taken(away: int) -> None:
    check_signature(signed(IMSI, IMSI_SIGNATURE), [KEY], TIME + away, 300)


@pytest.mark.parametrize("away", [300_001, -300_001, 10**13])
def test_a_message_outside_the_window_is_rejected_unless_there_is_none(away: int) -> None:
    vouched = signed(IMSI, IMSI_SIGNATURE)
    with pytest.raises(BeamRejected, match="not of the last 300 s"):
        check_signature(vouched, [KEY], TIME + away, 300)
    check_signature(vouched, [KEY], TIME + away, 0)


def test_a_message_without_a_time_is_outside_every_window() -> None:
    headers = {"x-soracom-imsi": "440101234567890"}
    vouched = signed(headers, sign(headers))
    with pytest.raises(BeamRejected, match="or says no time"):
        check_signature(vouched, [KEY], TIME, 300)
    check_signature(vouched, [KEY], TIME, 0)


def test_a_wrong_signature_is_not_told_from_an_old_one_by_its_time() -> None:
    """Whoever has no key learns nothing of the window."""
    with pytest.raises(BeamRejected, match="not that of any shared key"):
        check_signature(signed(IMSI, "0" * 64), [KEY], TIME + 10**12, 300)


@pytest.mark.parametrize("name", ["x-soracom-imsi", "X-SORACOM-IMSI", "x-soracom-signature", "x-soracom-timestamp"])
def test_a_header_of_beam_that_comes_twice_is_refused(name: str) -> None:
    headers = [*IMSI.items(), ("x-soracom-signature", IMSI_SIGNATURE), ("x-soracom-signature-version", "20151001")]
    value = dict(headers)[name.lower()]
    with pytest.raises(InvalidParameter, match="came twice"):
        read_headers(sent([*headers, (name, value)]))


@pytest.mark.parametrize("version", ["20150901", "", "2"])
def test_another_version_of_the_signature_is_refused(version: str) -> None:
    with pytest.raises(InvalidParameter, match="its version 20151001"):
        signed(IMSI, IMSI_SIGNATURE, version)


@pytest.mark.parametrize("signature", ["", "0" * 63, "0" * 65, "g" * 64, "é" * 64])
def test_a_signature_is_64_hexadecimal_digits(signature: str) -> None:
    with pytest.raises(InvalidParameter):
        signed(IMSI, signature)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-soracom-imsi", ""),
        ("x-soracom-imsi", "44010"),
        ("x-soracom-imsi", "4401012345678901"),
        ("x-soracom-imsi", "44010123456789a"),
        ("x-soracom-imsi", "440101234567890, 440101234567891"),
        ("x-soracom-imsi", "²" * 15),
        ("x-soracom-sim-id", "8981"),
        ("x-soracom-timestamp", "now"),
        ("x-soracom-timestamp", "-1"),
        ("x-soracom-timestamp", "9223372036854775808"),
        ("x-soracom-timestamp", "1" * 20),
        ("x-soracom-lora-device-id", "../../etc"),
        ("x-soracom-lora-device-id", "0" * 17),
        ("x-soracom-sigfox-device-id", "1D 2E"),
        ("x-soracom-device-id", "d/1"),
        ("x-soracom-operator-id", "OP 1"),
        ("x-soracom-zone", "a\0b"),
        ("x-soracom-zone", "a" * 1025),
    ],
)
def test_a_value_that_beam_does_not_send_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_headers(sent({**IMSI, name: value}.items()))
    assert "is not what Beam sends there" in refused.value.message
    assert not value or value not in refused.value.message


def test_two_headers_cannot_be_passed_off_as_one() -> None:
    """Nothing stands between them when they are signed, so that both would have one signature."""
    moved = {"x-soracom-imei": "1x-soracom-imsi=440101234567890"}
    apart = {"x-soracom-imei": "1", "x-soracom-imsi": "440101234567890"}
    assert sign(moved) == sign(apart)
    for name in ("x-soracom-imei", "x-soracom-a"):
        with pytest.raises(InvalidParameter, match="is not what Beam sends"):
            read_headers(sent({name: "1x-soracom-imsi=440101234567890", **IMSI}.items()))


def test_a_signature_cannot_be_lengthened() -> None:
    """Whoever has a signature can go on hashing, but only behind padding that no header holds."""
    padding = b"\x80" + bytes(40) + (8 * 67).to_bytes(8)
    with pytest.raises(InvalidParameter, match="is not what Beam sends"):
        read_headers([*sent(IMSI.items()), (b"x-soracom-zone", padding + b"more")])


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "does not say who sends"),
        ({"x-soracom-imei": "123456789012345"}, "does not say who sends"),
        ({"x-device-id": "d-1"}, "does not say who sends"),
        ({"x-soracom-operator-id": "OP1"}, "does not say who sends"),
        ({**IMSI, "x-soracom-device-id": "d-1"}, "more than one sender"),
        ({"x-soracom-lora-device-id": "01", "x-soracom-sigfox-device-id": "01"}, "more than one sender"),
        ({"x-soracom-lora-device-id": "01", "x-soracom-sim-id": SIM_ID}, "more than one sender"),
    ],
)
def test_there_is_exactly_one_sender(headers: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidParameter, match=why):
        read_headers(sent(headers.items()))


def test_headers_of_beam_are_bounded() -> None:
    many = [(f"x-soracom-a{number}", "1") for number in range(MOST_HEADERS - len(IMSI))]
    assert read_headers(sent([*IMSI.items(), *many])).id == "440101234567890"
    with pytest.raises(InvalidParameter, match="more than 32 headers"):
        read_headers(sent([*IMSI.items(), *many, ("x-soracom-b", "1")]))


def test_the_published_first_line_is_right() -> None:
    vouched = parse_first_line(LINE)
    assert check_signature(vouched, ["old", KEY], TIME, 300) == 1
    assert (vouched.type, vouched.id, vouched.time) == (ResourceType.SUBSCRIBER, "440101234567890", TIME)


def test_a_first_line_may_say_all_that_is_documented_and_more() -> None:
    said = f"imei=123456789012345 imsi=440101234567890 msisdn=81801234 simId={SIM_ID} zone=a timestamp={TIME}"
    line = f"{said};signature={sha256((KEY + said).encode()).hexdigest()} version=20151001"
    vouched = parse_first_line(line.encode())
    assert check_signature(vouched, [KEY], TIME, 300) == 0
    assert vouched.sim_id == SIM_ID


def test_a_first_line_may_be_without_a_signature_which_is_then_missed() -> None:
    vouched = parse_first_line(f"simId={SIM_ID} timestamp={TIME}".encode())
    assert (vouched.type, vouched.id) == (ResourceType.SIM, SIM_ID)
    with pytest.raises(BeamRejected, match="There is no signature"):
        check_signature(vouched, [KEY], TIME, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"temperature":21.5}',
        b"\x16\x03\x01",
        b"imsi",
        b"imsi=440101234567890 ",
        b"imsi=440101234567890  timestamp=1",
        b"imsi=440101234567890 imsi=440101234567891",
        b"imsi=44010123456789x",
        b"imsi=440101234567890\ttimestamp=1",
        b"imsi=440101234567890 timestamp=",
        b"imei=123456789012345 timestamp=1",
        b"x-soracom-imsi=440101234567890 timestamp=1",
        b"imsi=440101234567890;signature=00 version=20151001",
        b"imsi=440101234567890;signature=" + b"0" * 64,
        b"imsi=440101234567890;signature=" + b"0" * 64 + b" version=20150901",
        b"imsi=440101234567890;version",
        b"imsi=440101234567890\0",
        b"imsi=\xe4\xbd\xa0",
        LINE + b";",
        LINE + b" " + b"a=" + b"1" * FIRST_LINE_BYTES,
    ],
)
def test_what_is_no_first_line_of_beam_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_first_line(line)


@pytest.mark.parametrize("byte", [b"\0", b"\x80", b"\x1f", b"\x7f", b"\xff", b"\r"])
def test_a_first_line_is_printable_also_where_its_names_are_not_known(byte: bytes) -> None:
    """A signature could be lengthened behind padding that is not."""
    said = b"imsi=440101234567890 a=" + byte
    line = said + b";signature=" + sha256(KEY.encode() + said).hexdigest().encode() + b" version=20151001"
    with pytest.raises(InvalidParameter, match="printable characters"):
        parse_first_line(line)


def test_a_signature_of_headers_is_none_of_a_first_line() -> None:
    text = "x-soracom-imsi=440101234567890x-soracom-timestamp=1608251959862"
    with pytest.raises(InvalidParameter, match="does not say who sends"):
        parse_first_line(f"{text};signature={IMSI_SIGNATURE} version=20151001".encode())


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_first_line_ends_and_raw_bytes_follow(end: bytes) -> None:
    stream = LINE + end + b"\0\1\n\xff"
    for cut in range(len(LINE) + len(end)):
        assert take_first_line(stream[:cut]) is None
    assert take_first_line(stream[: len(LINE) + len(end)]) == (LINE, b"")
    assert take_first_line(stream) == (LINE, b"\0\1\n\xff")


def test_a_first_line_is_awaited_for_so_long_and_no_longer() -> None:
    longest = b"a" * FIRST_LINE_BYTES
    assert take_first_line(longest + b"\r") is None
    assert take_first_line(longest + b"\r\n") == (longest, b"")
    for stream in (longest + b"ab", longest + b"ab\n", longest * 100):
        with pytest.raises(InvalidParameter, match="longer than 1024 bytes"):
            take_first_line(stream)


@pytest.mark.parametrize("key", ["a", "topsecret", "A0" * 32])
def test_a_shared_key_has_up_to_64_letters_and_digits(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize("key", ["", "a" * 65, "top secret", "key-1", "schlüssel", "a\n", "a\0"])
def test_any_other_shared_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidParameter, match="1 to 64 letters and digits") as refused:
        checked_key(key)
    assert len(key) < 5 or key not in refused.value.message
