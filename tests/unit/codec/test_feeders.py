"""Shared keys and ingest tokens on the wire."""

import json

import pytest

from minori.codec.entry import encode_json
from minori.codec.feeders import (
    NewBeamKeyRequest,
    NewIngestTokenRequest,
    beam_key_members,
    ingest_token_members,
    parse_new_beam_key,
    parse_new_ingest_token,
)
from minori.errors import InvalidParameter
from minori.model.registry import BeamKey, IngestToken


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b'{"beamKey":null}', b'{"unknown":1}'])
def test_without_a_wish_a_key_is_made(body: bytes) -> None:
    assert parse_new_beam_key(body) == NewBeamKeyRequest()
    assert parse_new_ingest_token(body) == NewIngestTokenRequest()


def test_a_key_may_be_given_and_is_not_shown() -> None:
    wanted = parse_new_beam_key(b'{"beamKey":"topsecret","description":"plant"}')
    assert (wanted.beam_key, wanted.description) == ("topsecret", "plant")
    assert "topsecret" not in repr(wanted)


@pytest.mark.parametrize("body", [b"[]", b'"topsecret"', b"{", b'{"beamKey":1}', b'{"description":null}', b"\xff"])
def test_what_is_no_such_body_is_refused_and_not_repeated(body: bytes) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_new_beam_key(body)
    assert "topsecret" not in refused.value.message


@pytest.mark.parametrize("body", [b"[]", b'{"description":1}', b"{"])
def test_a_token_s_body_is_checked_too(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_new_ingest_token(body)


def test_what_is_listed_has_no_secret_in_it() -> None:
    key = beam_key_members(BeamKey("bk_1", "OP1", "plant", "topsecret", 7))
    assert json.loads(encode_json(key)) == {"beamKeyId": "bk_1", "description": "plant", "createdTime": 7}
    token = ingest_token_members(IngestToken("it_1", "OP1", "farm", "0a" * 32, 8))
    assert json.loads(encode_json(token)) == {"ingestTokenId": "it_1", "description": "farm", "createdTime": 8}
