"""Shared keys of Beam and ingest tokens on the wire: the bodies that make them, and how they are shown."""

from collections.abc import Mapping

from msgspec import Struct

from minori.codec.body import parse_body
from minori.model.registry import BeamKey, IngestToken


class NewBeamKeyRequest(Struct, frozen=True, rename="camel"):
    """What a new shared key starts with: a key that Beam has already, or `None` for one to be made."""

    beam_key: str | None = None
    description: str = ""

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return "NewBeamKeyRequest(…)"


class NewIngestTokenRequest(Struct, frozen=True):
    """What a new ingest token starts with."""

    description: str = ""


def parse_new_beam_key(body: bytes) -> NewBeamKeyRequest:
    """A shared key in a body, which may be empty. Raises `InvalidParameter`."""
    return parse_body(body, NewBeamKeyRequest) if body.strip() else NewBeamKeyRequest()


def parse_new_ingest_token(body: bytes) -> NewIngestTokenRequest:
    """An ingest token in a body, which may be empty. Raises `InvalidParameter`."""
    return parse_body(body, NewIngestTokenRequest) if body.strip() else NewIngestTokenRequest()


def beam_key_members(key: BeamKey) -> Mapping[str, str | int]:
    """A shared key as JSON has it, without the key; `createdTime` is UNIX ms."""
    return {"beamKeyId": key.beam_key_id, "description": key.description, "createdTime": key.created_time}


def ingest_token_members(token: IngestToken) -> Mapping[str, str | int]:
    """An ingest token as JSON has it, without the token; `createdTime` is UNIX ms."""
    return {
        "ingestTokenId": token.ingest_token_id,
        "description": token.description,
        "createdTime": token.created_time,
    }
